// Holds our .proto files against the definitions the official Node SDK ships: whatever it can name on the
// wire we must know under the same name, number and type. Arrays we declare as bytes (decoded as views) are
// the only exceptions; each is listed here and must read what the SDK's own encoder writes, and back.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import Long from 'long';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import {
  ClientTelemetryServiceDefinition,
  MilvusServiceDefinition,
  ProxyServiceDefinition,
} from '#proto/milvus/milvus.js';
import {
  BoolArray,
  DoubleArray,
  FieldData,
  FloatArray,
  IntArray,
  LongArray,
  SearchResultData,
} from '#proto/milvus/schema.js';

interface PackedCodec {
  encode(message: { data: Uint8Array }): { finish(): Uint8Array };
  decode(input: Uint8Array): { data: Uint8Array };
}

interface PackedField {
  readonly message: string;
  readonly field: string;
  readonly number: number;
  readonly element: 'bool' | 'int32' | 'int64' | 'float' | 'double';
  readonly codec: PackedCodec;
  readonly values: readonly (boolean | number | string)[];
  readonly read: (payload: Uint8Array) => (boolean | number | string)[];
}

/** Methods of pymilvus 3.0.2 and the Rust SDK 3.0.3 that the Node SDK has not yet. */
const newerMethods: Readonly<Record<string, readonly string[]>> = {
  [MilvusServiceDefinition.fullName]: ['GetExportSnapshotState false false'],
};

function fixedWidth(payload: Uint8Array, width: 4 | 8): number[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const values: number[] = [];
  for (let at = 0; at < payload.byteLength; at += width) {
    values.push(width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  }
  return values;
}

function varints(payload: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of payload) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte < 0x80) {
      values.push(BigInt.asIntN(64, value));
      value = 0n;
      shift = 0n;
    }
  }
  return values;
}

/** The exceptions: these fields of messages of milvus.proto.schema are packed-as-bytes on our side. */
const data = { field: 'data', number: 1 } as const;
const packedAsBytes: readonly PackedField[] = [
  {
    message: 'BoolArray',
    ...data,
    element: 'bool',
    codec: BoolArray,
    values: [true, false, false, true],
    read: (payload) => varints(payload).map((value) => value !== 0n),
  },
  {
    message: 'IntArray',
    ...data,
    element: 'int32',
    codec: IntArray,
    values: [0, 1, -1, 127, 128, 2147483647, -2147483648],
    read: (payload) => varints(payload).map(Number),
  },
  {
    message: 'LongArray',
    ...data,
    element: 'int64',
    codec: LongArray,
    values: ['0', '1', '-1', '300', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
    read: (payload) => varints(payload).map(String),
  },
  {
    message: 'FloatArray',
    ...data,
    element: 'float',
    codec: FloatArray,
    values: [0, -1.5, 0.25, 3.4028234663852886e38, Number.NEGATIVE_INFINITY],
    read: (payload) => fixedWidth(payload, 4),
  },
  {
    message: 'DoubleArray',
    ...data,
    element: 'double',
    codec: DoubleArray,
    values: [0, -1.5, Math.PI, Number.MAX_VALUE, Number.MIN_VALUE],
    read: (payload) => fixedWidth(payload, 8),
  },
  {
    message: 'SearchResultData',
    field: 'scores',
    number: 4,
    element: 'float',
    codec: {
      encode: ({ data: scores }) => SearchResultData.encode(SearchResultData.fromPartial({ scores })),
      decode: (input) => ({ data: SearchResultData.decode(input).scores }),
    },
    values: [0, -1.5, 0.25],
    read: (payload) => fixedWidth(payload, 4),
  },
];

const packedKeys = new Map(
  packedAsBytes.map((entry) => [`field .milvus.proto.schema.${entry.message}.${entry.field}`, entry]),
);

/** A message that we keep as its bytes, so that nobody makes strings of a long list: the same on the wire. */
const messageAsBytes = new Map([
  [
    'field .milvus.proto.schema.TemplateArrayValue.string_data',
    ['.milvus.proto.schema.StringArray = 4 in data', 'bytes = 4 in data'],
  ],
]);

const require = createRequire(import.meta.url);
// Without it 64-bit integers pass through doubles; the SDK's loader brings the package, as it does protobufjs.
protobuf.util.Long = Long;
protobuf.configure();

function loadSdk(): protobuf.Root {
  const shipped: {
    default: protobuf.INamespace;
  } = require('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.js');
  return protobuf.Root.fromJSON(shipped.default).resolveAll() as protobuf.Root;
}

function loadOurs(): protobuf.Root {
  const folder = fileURLToPath(new URL('../../proto/', import.meta.url));
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith(folder) ? target : folder + target);
  root.loadSync(
    readdirSync(`${folder}milvus`).map((file) => `milvus/${file}`),
    { keepCase: true },
  );
  return root.resolveAll() as protobuf.Root;
}

function fieldFact(field: protobuf.Field): string {
  const type = field.resolvedType?.fullName ?? field.type;
  const key = field instanceof protobuf.MapField ? `map<${field.keyType}> ` : '';
  const label = field.repeated ? 'repeated ' : '';
  return `${label}${key}${type} = ${field.id}${field.partOf ? ` in ${field.partOf.name}` : ''}`;
}

/** Everything a peer can see, as key → description. Extensions of descriptor options never reach the wire. */
function collectFacts(root: protobuf.Root): Map<string, string> {
  const facts = new Map<string, string>();
  const visit = (object: protobuf.ReflectionObject): void => {
    if (object instanceof protobuf.Service) {
      facts.set(`service ${object.fullName}`, '');
      for (const method of object.methodsArray) {
        const request = `${method.requestStream ? 'stream ' : ''}${method.resolvedRequestType?.fullName}`;
        const response = `${method.responseStream ? 'stream ' : ''}${method.resolvedResponseType?.fullName}`;
        facts.set(`method ${object.fullName}/${method.name}`, `${request} -> ${response}`);
      }
    } else if (object instanceof protobuf.Enum) {
      facts.set(`enum ${object.fullName}`, '');
      for (const [name, value] of Object.entries(object.values))
        facts.set(`value ${object.fullName}.${name}`, `${value}`);
    } else if (object instanceof protobuf.Type) {
      facts.set(`message ${object.fullName}`, '');
      for (const field of object.fieldsArray) facts.set(`field ${field.fullName}`, fieldFact(field));
    }
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  const milvus = root.lookup('milvus.proto');
  if (milvus !== null) visit(milvus);
  return facts;
}

const sdk = loadSdk();
const sdkFacts = collectFacts(sdk);
const ourFacts = collectFacts(loadOurs());

describe('wire descriptors', () => {
  it.each(['service', 'method', 'message', 'field', 'enum', 'value'])('has every %s of the SDK', (kind) => {
    const expected = [...sdkFacts].filter(([key]) => key.startsWith(`${kind} `));
    expect(expected.length).toBeGreaterThan(0);
    const differences = expected
      .filter(([key, fact]) => !packedKeys.has(key) && !messageAsBytes.has(key) && ourFacts.get(key) !== fact)
      .map(([key, fact]) => `${key}: SDK "${fact}", ours "${ourFacts.get(key) ?? 'missing'}"`);
    expect(differences).toEqual([]);
  });

  it('departs only where the table says, and there by bytes for a packed array', () => {
    for (const [key, { element, number }] of packedKeys) {
      expect([key, sdkFacts.get(key), ourFacts.get(key)]).toEqual([
        key,
        `repeated ${element} = ${number}`,
        `bytes = ${number}`,
      ]);
    }
  });

  it('keeps a message as bytes only where the table says', () => {
    for (const [key, facts] of messageAsBytes) expect([sdkFacts.get(key), ourFacts.get(key)]).toEqual(facts);
  });

  it.each([MilvusServiceDefinition, ClientTelemetryServiceDefinition, ProxyServiceDefinition])(
    'generates the methods and streams of $fullName',
    (definition) => {
      const generated = Object.values(definition.methods)
        .map((method) => `${method.name} ${method.requestStream} ${method.responseStream}`)
        .sort();
      const expected = sdk
        .lookupService(definition.fullName)
        .methodsArray.map(
          (method) => `${method.name} ${method.requestStream === true} ${method.responseStream === true}`,
        )
        .concat(newerMethods[definition.fullName] ?? [])
        .sort();
      expect(generated).toEqual(expected);
    },
  );
});

describe.each(packedAsBytes)(
  '$message as bytes',
  ({ message, field, number, element, codec, values, read }) => {
    const type = sdk.lookupType(`milvus.proto.schema.${message}`);
    const encoded = type.encode(type.fromObject({ [field]: values })).finish();

    it('reads what the SDK writes, as a view of the input', () => {
      const decoded = codec.decode(encoded);
      expect(read(decoded.data)).toEqual(values);
      expect(decoded.data.buffer).toBe(encoded.buffer);
    });

    it('writes what the SDK reads', () => {
      const again = codec.encode(codec.decode(encoded)).finish();
      expect(Buffer.from(again).equals(encoded)).toBe(true);
      const back = type.toObject(type.decode(again), { longs: String });
      expect(back[field]).toEqual(values);
    });

    it('takes pieces, and numbers with a tag of their own, as protobuf has it', () => {
      if (number !== 1) return; // Scores are ours alone to write.
      const wireType = element === 'float' ? 5 : element === 'double' ? 1 : 0;
      const alone = values.map((value) => {
        const one = codec.decode(type.encode(type.fromObject({ [field]: [value] })).finish()).data;
        return Buffer.concat([Buffer.from([8 + wireType]), one]);
      });
      expect(read(codec.decode(Buffer.concat(alone)).data)).toEqual(values);
      const mixed = codec.decode(Buffer.concat([encoded, ...alone, encoded, encoded, ...alone]));
      expect(read(mixed.data)).toEqual([values, values, values, values, values].flat());
      expect(read(codec.decode(encoded).data)).toEqual(values);
    });

    it('keeps an empty array empty', () => {
      const empty = type.encode(type.fromObject({ [field]: [] })).finish();
      expect(codec.decode(empty).data.length).toBe(0);
    });
  },
);

describe('nested columns', () => {
  it('decodes a vector column of the SDK without copying the payload', () => {
    const type = sdk.lookupType('milvus.proto.schema.FieldData');
    const column = {
      type: 101,
      field_name: 'embedding',
      vectors: { dim: 2, float_vector: { data: [1, 2, 3, 4] } },
    };
    const encoded = type.encode(type.fromObject(column)).finish();
    const { field } = FieldData.decode(encoded);
    if (field?.$case !== 'vectors' || field.value.data?.$case !== 'floatVector') {
      throw new Error(`column decoded as ${field?.$case}`);
    }
    expect(fixedWidth(field.value.data.value.data, 4)).toEqual([1, 2, 3, 4]);
    expect(field.value.data.value.data.buffer).toBe(encoded.buffer);
  });
});
