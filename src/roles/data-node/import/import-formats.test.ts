// The same rows in every format that the client's own writer knows, and one table in many forms of Parquet: the rows are what JSON gives.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesAt, isNull } from '#model/columns/column.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { ImportJobRecord } from '#proto/elanus/data.js';
import { CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { readSegment } from '#segment/files/read-segment.js';
import { importLimits } from '#segment/imports/reading.js';
import { noEmbedder } from '../../../../test/support/no-embedder.js';
import { importFiles } from './import-files.js';

const folder = fileURLToPath(new URL('../../../../test/support/import-files/', import.meta.url));
const file = (name: string): Uint8Array => readFileSync(folder + name);

type Given = Partial<FieldSchema> & { readonly dim?: number; readonly max?: number };
const schemaOf = (fields: Readonly<Record<string, Given>>, isDynamic = true): CollectionSchema => {
  const names = Object.entries(fields);
  return CollectionSchema.fromPartial({
    name: 'rows',
    enableDynamicField: isDynamic,
    fields: [
      ...names.map(([name, { dim, max, ...field }], at) => ({
        fieldID: BigInt(100 + at),
        name,
        typeParams: [
          ...(dim === undefined ? [] : [{ key: 'dim', value: String(dim) }]),
          ...(max === undefined ? [] : [{ key: 'max_length', value: String(max) }]),
          { key: 'max_capacity', value: '8' },
        ],
        ...field,
      })),
      ...(isDynamic
        ? [{ fieldID: 200n, name: '$meta', dataType: DataType.JSON, isDynamic: true, nullable: false }]
        : []),
    ],
  });
};

const inNumpy = {
  id: { dataType: DataType.Int64, isPrimaryKey: true },
  flag: { dataType: DataType.Bool },
  i8: { dataType: DataType.Int8 },
  i16: { dataType: DataType.Int16 },
  i32: { dataType: DataType.Int32 },
  f: { dataType: DataType.Float },
  d: { dataType: DataType.Double },
  name: { dataType: DataType.VarChar, max: 64 },
  doc: { dataType: DataType.JSON },
  v: { dataType: DataType.FloatVector, dim: 8 },
  bits: { dataType: DataType.BinaryVector, dim: 16 },
  h: { dataType: DataType.Float16Vector, dim: 4 },
  b: { dataType: DataType.BFloat16Vector, dim: 4 },
  i8v: { dataType: DataType.Int8Vector, dim: 4 },
} as const;
const everyType = {
  ...inNumpy,
  sp: { dataType: DataType.SparseFloatVector },
  tags: { dataType: DataType.Array, elementType: DataType.VarChar, max: 16 },
  nums: { dataType: DataType.Array, elementType: DataType.Int64 },
  maybe: { dataType: DataType.Int32, nullable: true },
  at: { dataType: DataType.Timestamptz },
  place: { dataType: DataType.Geometry },
} as const;

interface Options {
  readonly schema?: CollectionSchema;
  readonly limits?: Partial<typeof importLimits>;
  readonly options?: readonly { readonly key: string; readonly value: string }[];
}

const utf8 = new TextDecoder();
const utf8Bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Files in memory, and the real unpacking of files. */
let platform: Platform;
beforeAll(async () => {
  platform = await openNodePlatform({ logLevel: 'silent' });
});
afterAll(() => platform.close());

/** What the files become: the bytes of each value, JSON as what it means, by field. */
async function rowsOf(files: Readonly<Record<string, Uint8Array>>, given: Options = {}) {
  const { schema = schemaOf(everyType), limits = {}, options = [] } = given;
  for (const [key, bytes] of Object.entries(files)) await platform.objectStore.put(key, [bytes]);
  const job = ImportJobRecord.fromPartial({
    id: 1n,
    collectionId: 2n,
    partitionId: 3n,
    files: Object.keys(files),
    vchannels: ['c'],
    schema,
    options: [...options],
  });
  let next = 1000n;
  const allocateIds = async (count: number): Promise<bigint> => {
    next += BigInt(count);
    return next - BigInt(count);
  };
  const count = { bytes: 0, rows: 0 };
  const signal = new AbortController().signal;
  const result = await importFiles({
    embedder: noEmbedder,
    ...{ platform, job, taskIndex: 0, segmentIds: [10n], allocateIds, signal, count },
    limits: { ...importLimits, ...limits },
  });
  const rows: Record<string, string | null>[] = [];
  for (const record of result.segments) {
    const data = await readSegment(platform, record, schema);
    const places = Uint32Array.from({ length: data.rowCount }, (_, row) => row);
    const { columns } = data.fetch(
      places,
      schema.fields.map((field) => field.fieldID),
    );
    for (const row of places)
      rows.push(
        Object.fromEntries(
          schema.fields.map((field, at): [string, string | null] => {
            const column = columns[at];
            if (column === undefined || isNull(column, row)) return [field.name, null];
            const width = column.data.length / data.rowCount;
            const bytes =
              column.offsets.length > 0
                ? bytesAt(column, row)
                : column.data.subarray(row * width, (row + 1) * width);
            const isJson = field.dataType === DataType.JSON;
            return [
              field.name,
              isJson ? JSON.stringify(JSON.parse(utf8.decode(bytes))) : Buffer.from(bytes).toString('hex'),
            ];
          }),
        ),
      );
    data.release();
  }
  return { rows, count, result };
}

const wholeJson = (): Uint8Array =>
  utf8Bytes(`{"rows":[${utf8.decode(file('rows.jsonl')).trim().replaceAll('\n', ',')}]}`);
const fromJson = (schema?: CollectionSchema, text: Uint8Array = wholeJson()) =>
  rowsOf({ 'up/rows.json': text }, schema === undefined ? {} : { schema });

describe('rows that the client wrote', () => {
  it.each([
    ['Parquet', { 'up/rows.parquet': file('rows.parquet') }],
    ['CSV', { 'up/rows.csv': file('rows.csv') }],
    ['packed CSV', { 'up/rows.csv.gz': gzipSync(file('rows.csv')) }],
    ['packed JSON', { 'up/rows.json.gz': gzipSync(wholeJson()) }],
  ])('are the same in %s as in JSON', async (_, files) => {
    const expected = await fromJson();
    expect(expected.rows).toHaveLength(50);
    for (const limits of [{}, { batchRows: 7, sliceBytes: 61, batchBytes: 500 }]) {
      const { rows, count, result } = await rowsOf(files, { limits });
      expect(rows).toEqual(expected.rows);
      expect(count.rows).toBe(50);
      expect(count.bytes).toBeGreaterThan(0);
      expect(result.groupRows).toEqual([50n]);
    }
  });

  it('are the same in NumPy as in JSON', async () => {
    const schema = schemaOf(inNumpy);
    const names = [...Object.keys(inNumpy), '$meta'];
    const files = Object.fromEntries(names.map((name) => [`up/1/${name}.npy`, file(`numpy/${name}.npy`)]));
    const lines = utf8
      .decode(file('rows.jsonl'))
      .trim()
      .split('\n')
      .map((line) => {
        const row: Record<string, unknown> = JSON.parse(line.replace(/"id":(\d+)/, '"id":"$1"'));
        return JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name]])));
      })
      .map((line) => line.replace(/"id":"(\d+)"/, '"id":$1'));
    const expected = await rowsOf({ 'up/rows.jsonl': utf8Bytes(lines.join('\n')) }, { schema });
    for (const limits of [{}, { batchRows: 7 }])
      expect((await rowsOf(files, { schema, limits })).rows).toEqual(expected.rows);
  });
});

describe('forms of Parquet', () => {
  const plain = {
    id: { dataType: DataType.Int64, isPrimaryKey: true },
    v: { dataType: DataType.FloatVector, dim: 5 },
    name: { dataType: DataType.VarChar, max: 8 },
  } as const;
  const form = (name: string, schema = schemaOf(plain, false), limits = {}) =>
    rowsOf({ 'f.parquet': file(`parquet/${name}.parquet`) }, { schema, limits });

  it.each([
    ...['v2-zstd', 'dictionary-gzip', 'brotli-small-pages', 'fixed-list', 'doubles', 'split', 'deltas'],
  ])('%s has the rows of the plain one', async (name) => {
    const expected = (await form('plain')).rows;
    expect(expected).toHaveLength(300);
    expect((await form(name)).rows).toEqual(expected);
    expect((await form(name, undefined, { batchRows: 11 })).rows).toEqual(expected);
  });

  it('has vectors that are null', async () => {
    const schema = schemaOf({ ...plain, v: { ...plain.v, nullable: true } }, false);
    const expected = (await form('plain')).rows.map((row, at) => (at % 4 === 1 ? { ...row, v: null } : row));
    expect((await form('null-vectors', schema)).rows).toEqual(expected);
    expect((await form('null-vectors', schema, { batchRows: 11 })).rows).toEqual(expected);
    await expect(form('null-vectors')).rejects.toThrow(
      /file "f.parquet" row 2: field "v": is missing or null/,
    );
  });

  it('has times, lists of structs, and names that no field has', async () => {
    const schema = CollectionSchema.fromPartial({
      ...schemaOf({ ...plain, when: { dataType: DataType.Timestamptz } }),
      structArrayFields: [{ fieldID: 150n, name: 'clips', fields: [{ fieldID: 151n }, { fieldID: 152n }] }],
    });
    const sub = (fieldID: bigint, name: string, elementType: DataType) => ({
      ...{ fieldID, name: `clips[${name}]`, dataType: DataType.Array, elementType },
      typeParams: [
        { key: 'max_capacity', value: '8' },
        { key: 'max_length', value: '8' },
      ],
    });
    const whole = CollectionSchema.fromPartial({
      ...schema,
      fields: [...schema.fields, sub(151n, 'label', DataType.VarChar), sub(152n, 'n', DataType.Int32)],
    });
    const { rows } = await form('nested', whole);
    expect(rows[2]).toMatchObject({ $meta: '{"extra":2}', 'clips[n]': '0000000001000000' });
    expect(rows[3]).toMatchObject({ $meta: '{}', 'clips[n]': '' });
    const micros = Buffer.alloc(8);
    micros.writeBigInt64LE(1_735_689_600_000_003n);
    expect(rows[3]).toMatchObject({ when: micros.toString('hex') });
  });

  it('has structs, as JSON and as dynamic keys, and may have no rows', async () => {
    const schema = schemaOf({ ...plain, doc: { dataType: DataType.JSON } });
    const rest = (doc: string, meta: string) => expect.objectContaining({ doc, $meta: meta });
    expect((await form('structs', schema)).rows).toEqual([
      rest('{"a":1,"b":{"c":"x"}}', '{"extra":{"k":0},"some":{"k":1}}'),
      rest('{"a":2,"b":{"c":"y"}}', '{"extra":{"k":1}}'),
      rest('{"a":3,"b":{"c":"z"}}', '{"extra":{"k":2},"some":{"k":null}}'),
    ]);
    expect((await form('empty')).rows).toEqual([]);
  });

  it.each([
    [
      'another dim',
      { ...plain, v: { ...plain.v, dim: 4 } },
      /row 1: field "v": the list has another length, expected 4/,
    ],
    [
      'a type that does not fit',
      { ...plain, name: { dataType: DataType.Int64 } },
      /row 1: field "name": value n0/,
    ],
    ['a field without a column', { ...plain, x: { dataType: DataType.Int64 } }, /field "x": has no column/],
    ['a column without a field', { id: plain.id, v: plain.v }, /field "name": is not in the schema/],
  ])('says what is wrong: %s', async (_, fields, message) => {
    await expect(form('plain', schemaOf(fields, false))).rejects.toThrow(message);
  });

  it('damaged anywhere is refused with a reason, or has the rows it says', async () => {
    const bytes = file('parquet/nested.parquet');
    const schema = schemaOf({ id: plain.id, v: plain.v, name: plain.name }, true);
    for (let at = 3; at < bytes.length; at += 97) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x5a;
      const outcome = await rowsOf({ 'f.parquet': damaged }, { schema }).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) continue;
      expect(outcome.message).toMatch(
        /^file "f.parquet" .+, expected .+|: expected a whole file; write it again$/,
      );
      // Nothing of what the engine or a package calls it.
      expect(outcome.message).not.toMatch(
        /DataView|undefined|array length|parquet [a-z]+ (not|un)|\[object/i,
      );
    }
    const begun = bytes.slice();
    begun[2] = 0x5a;
    await expect(rowsOf({ 'f.parquet': begun }, { schema })).rejects.toThrow(/does not begin with PAR1/);
    for (const cut of [0, 4, 11, 100, bytes.length - 1])
      await expect(rowsOf({ 'f.parquet': bytes.subarray(0, cut) }, { schema })).rejects.toThrow(
        /^file "f.parquet" /,
      );
  }, 60_000);
});

describe('CSV', () => {
  const fields = {
    id: { dataType: DataType.Int64, isPrimaryKey: true },
    name: { dataType: DataType.VarChar, max: 40, nullable: true },
    v: { dataType: DataType.FloatVector, dim: 2 },
  } as const;
  const schema = schemaOf(fields, false);
  const csv = (text: string, given: Options = {}) =>
    rowsOf({ 'f.csv': utf8Bytes(text) }, { schema, ...given });
  const names = async (text: string, given: Options = {}) =>
    (await csv(text, given)).rows.map(({ name }) => name && Buffer.from(name, 'hex').toString());

  it('says where a list has too many elements', async () => {
    const nums = { dataType: DataType.Array, elementType: DataType.Int64 };
    const text = 'id,nums\n1,"[1]"\n2,"[1,2,3,4,5,6,7,8,9]"\n';
    const lists = schemaOf({ id: fields.id, nums }, false);
    await expect(rowsOf({ 'f.csv': utf8Bytes(text) }, { schema: lists })).rejects.toThrow(
      /^file "f.csv" row 2: the length \(9\) of the array exceeds max capacity \(8\)/,
    );
  });

  it('knows quotes, line ends inside them, another separator and another text for null', async () => {
    const text = 'id,name,v\r\n1,"a ""b"",\r\nc","[1,2]"\r\n2,,"[3,4]"\r\n\r\n3,plain,"[5,6]"';
    for (const sliceBytes of [1, 5, 1000])
      expect(await names(text, { limits: { sliceBytes } })).toEqual(['a "b",\r\nc', null, 'plain']);
    const options = [
      { key: 'sep', value: '\t' },
      { key: 'nullkey', value: '\\N' },
    ];
    expect(await names('v\tid\tname\n[1,2]\t1\t\\N\n[1,2]\t2\t\n', { options })).toEqual([null, '']);
    expect((await csv('\ufeffid,name,v\n')).result.rowCount).toBe(0n);
  });

  it.each([
    ['', /file "f.csv" is empty/],
    ['id,name\n', /row 0: field "v": has no column/],
    ['id,name,v,v\n', /field "v": is there twice/],
    ['id,name,v\n1,a,"[1,2]"\n2,b\n', /row 2: the line has 2 cells, expected 3/],
    ['id,name,v\n1,a,"[1,2]"\nx,b,"[1,2]"\n', /row 2: field "id": value x does not fit type Int64/],
    ['id,name,v\n1,a,"[1]"\n', /row 1: field "v": vector has 1 values, expected 2/],
    ['id,name,v\n1,"a,"[1,2]"\n', /row 1: a cell has text after its closing quote/],
    ['id,name,v\n1,"a', /row 1: a cell begins with a quote that does not end/],
  ])('says what is wrong with %j', async (text, message) => {
    await expect(csv(text)).rejects.toThrow(message);
  });
});

describe('NumPy', () => {
  const npy = (descr: string, shape: string, data: Uint8Array, more = ''): Uint8Array => {
    const text = `${`{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape},${more} }`.padEnd(117)}\n`;
    const head = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(text.length, 0)}${text}`, 'latin1');
    return Buffer.concat([head, data]);
  };
  const schema = schemaOf(
    { id: { dataType: DataType.Int64, isPrimaryKey: true }, v: { dataType: DataType.FloatVector, dim: 2 } },
    false,
  );
  const ids = npy("'<i8'", '(2,)', new Uint8Array(16));
  const vectors = (descr: string, shape: string, bytes: number, more = '') =>
    rowsOf({ 'a/id.npy': ids, 'a/v.npy': npy(descr, shape, new Uint8Array(bytes), more) }, { schema });

  it.each([
    ["'<f4'", '(2, 2)', 15, '', /a\/v.npy" has \d+ bytes, expected \d+ for 2 rows/],
    ["'<f4'", '(3, 2)', 24, '', /a\/v.npy" has 3 rows, expected 2 as a\/id.npy/],
    ["'<f4'", '(2, 3)', 24, '', /a\/v.npy" has the shape \(2, 3\) of f4, expected rows of 2/],
    ["'>f4'", '(2, 2)', 16, '', /expected little-endian/],
    ["'|O'", '(2, 2)', 16, '', /pickled Python objects/],
    ["'<c8'", '(2, 2)', 32, '', /elements of type c8/],
    ["'<f4'", '(2, 2)', 16, " 'fortran_order': True,", /Fortran order/],
  ])('says what is wrong with %s %s', async (descr, shape, bytes, more, message) => {
    await expect(vectors(descr, shape, bytes, more)).rejects.toThrow(message);
  });
});

describe('packed files', () => {
  it('end when they unpack to more than a file may have, or are damaged', async () => {
    const bomb = gzipSync(new Uint8Array(8 << 20).fill(0x20));
    await expect(rowsOf({ 'f.jsonl.gz': bomb }, { limits: { fileBytesMax: 1 << 20 } })).rejects.toThrow(
      /"f.jsonl.gz" unpacks to more than 1048576 bytes/,
    );
    const cut = gzipSync(wholeJson()).subarray(0, 900);
    await expect(rowsOf({ 'f.json.gz': cut })).rejects.toThrow(/"f.json.gz" cannot be read/);
  });
});
