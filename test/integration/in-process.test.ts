// A database that does not listen, used from its own process and from a worker thread. The same session gives the same answers in process,
// over a port and over gRPC.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { grpcTransport } from '#client/connect.js';
import { PortTransport } from '#client/port-transport.js';
import type { ClientTransport } from '#client/transport.js';
import { PlaceholderGroup } from '#proto/milvus/common.js';
import { CollectionSchema, DataType, FieldData } from '#proto/milvus/schema.js';
import { type Elanus, open } from '#server/open.js';
import { randomOf, tempFolder, until } from './support.js';

const DIM = 4;
const ROWS = 2000;
const run = promisify(execFile);
const collectionName = 'docs';
const schema = CollectionSchema.encode(
  CollectionSchema.fromPartial({
    name: collectionName,
    fields: [
      { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { name: 'title', dataType: DataType.VarChar, typeParams: [{ key: 'max_length', value: '40' }] },
      { name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
    ],
  }),
).finish();

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** As the wire has them: varints, one after the other. */
function idsOf(begin: number, end: number): Uint8Array {
  const writer = new BinaryWriter();
  for (let id = begin; id < end; id++) writer.int64(BigInt(id));
  return writer.finish();
}

function vectorsOf(begin: number, end: number): Float32Array {
  const next = randomOf(begin + 1);
  return Float32Array.from({ length: (end - begin) * DIM }, next);
}

function columns(begin: number, end: number): FieldData[] {
  const titles = Array.from({ length: end - begin }, (_, i) => `title ${begin + i}`);
  return [
    FieldData.fromPartial({
      ...{ fieldName: 'id', type: DataType.Int64 },
      field: {
        $case: 'scalars',
        value: { data: { $case: 'longData', value: { data: idsOf(begin, end) } } },
      },
    }),
    FieldData.fromPartial({
      ...{ fieldName: 'title', type: DataType.VarChar },
      field: { $case: 'scalars', value: { data: { $case: 'stringData', value: { data: titles } } } },
    }),
    FieldData.fromPartial({
      ...{ fieldName: 'v', type: DataType.FloatVector },
      field: {
        $case: 'vectors',
        value: {
          dim: BigInt(DIM),
          data: { $case: 'floatVector', value: { data: bytesOf(vectorsOf(begin, end)) } },
        },
      },
    }),
  ];
}

const searchRequest = (vector: Float32Array) => ({
  collectionName,
  searchInput: {
    $case: 'placeholderGroup',
    value: PlaceholderGroup.encode(
      PlaceholderGroup.fromPartial({ placeholders: [{ tag: '$0', type: 101, values: [bytesOf(vector)] }] }),
    ).finish(),
  } as const,
  searchParams: [
    { key: 'anns_field', value: 'v' },
    { key: 'topk', value: '5' },
    { key: 'metric_type', value: 'L2' },
    { key: 'params', value: '{}' },
  ],
  outputFields: ['title', 'v'],
  nq: 1n,
  useDefaultConsistency: true,
});

/** One recorded session; what is of this database and this moment is left out of its answers. */
async function session(transport: ClientTransport): Promise<unknown[]> {
  const answers: unknown[] = [];
  const keep = (answer: object): void => void answers.push(comparable(answer));
  /** What has to succeed. */
  const must = (answer: {
    readonly status?: { readonly code: number; readonly reason: string } | undefined;
  }): void => {
    expect(answer.status).toMatchObject({ code: 0, reason: '' });
    keep(answer);
  };
  keep(
    await transport.call(
      'createCollection',
      { collectionName, schema, shardsNum: 1, consistencyLevel: 0 },
      {},
    ),
  );
  const extraParams = [
    { key: 'index_type', value: 'FLAT' },
    { key: 'metric_type', value: 'L2' },
  ];
  keep(
    await transport.call('createIndex', { collectionName, fieldName: 'v', indexName: 'v', extraParams }, {}),
  );
  keep(await transport.call('loadCollection', { collectionName }, {}));
  await until('loaded', async () =>
    expect((await transport.call('getLoadingProgress', { collectionName }, {})).progress).toBe(100n),
  );
  const insert = async (begin: number, end: number): Promise<void> =>
    must(
      await transport.call(
        'insert',
        { collectionName, fieldsData: columns(begin, end), numRows: end - begin },
        {},
      ),
    );
  await insert(0, ROWS);
  keep(await transport.call('flush', { collectionNames: [collectionName] }, {}));
  await insert(ROWS, ROWS + 100);
  must(await transport.call('delete', { collectionName, expr: 'id in [3, 4]' }, {}));
  must(await transport.call('search', searchRequest(vectorsOf(0, 1)), {}));
  const near = await transport.call('search', searchRequest(vectorsOf(0, 1)), {});
  expect(near.results?.fieldsData).toHaveLength(2);
  must(await transport.call('search', searchRequest(vectorsOf(ROWS, ROWS + 1)), {}));
  const outputFields = ['id', 'title', 'v'];
  must(await transport.call('query', { collectionName, expr: 'id in [1, 2, 3, 2001]', outputFields }, {}));
  keep(await transport.call('query', { collectionName, expr: 'nonsense >', outputFields }, {}));
  keep(await transport.call('describeCollection', { collectionName: 'absent' }, {}));
  must(await transport.call('describeCollection', { collectionName }, {}));
  keep(await transport.call('dropCollection', { collectionName }, {}));
  return answers;
}

/** Ids, times and places of this run are large numbers, or texts that hold one. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return value > 2n ** 40n ? 'large' : value;
  if (typeof value === 'string') return value.replaceAll(/\d{12,}/g, 'large');
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !/timestamp|sealtimes|segids/i.test(key))
      .map(([key, field]) => [key, comparable(field)]),
  );
}

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus | undefined;
const opened = async (options: object = {}): Promise<Elanus> => {
  database = await open(folder.path, { logLevel: 'silent', listen: false, ...options });
  return database;
};

beforeEach(async () => {
  folder = await tempFolder();
});

afterEach(async () => {
  await database?.close();
  database = undefined;
  await folder.remove();
});

describe('a database that does not listen', () => {
  test('opens no port', async () => {
    const portsOf = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    const before = portsOf();
    const { address, port } = await opened();
    expect([address, port, portsOf()]).toEqual(['', 0, before]);
  });

  test('the same session gives the same answers in process, over a port and over gRPC', async () => {
    const elanus = await opened({ listen: true });
    const grpc = grpcTransport(elanus.address);
    const expected = await session(grpc);
    await grpc.close();
    expect(await session(elanus.transport())).toEqual(expected);
    const port = new PortTransport(elanus.callPort());
    expect(await session(port)).toEqual(expected);
    await port.close();
  });

  test('nothing is said of a port that is not there', async () => {
    await expect(opened({ port: 19530 })).rejects.toMatchObject({ code: 'invalid_parameter' });
    await expect(opened({ restV1: true })).rejects.toMatchObject({ code: 'invalid_parameter' });
    await expect(open(undefined, { auditFile: 'a' })).rejects.toThrow('auditFile is given without auth');
    // @ts-expect-error no such option
    await expect(open(undefined, { lissten: false })).rejects.toThrow('there is no option "lissten"');
    await expect(opened({ listen: 'no' })).rejects.toMatchObject({ code: 'invalid_parameter' });
  });

  test('what is in an answer can be changed without changing the database', async () => {
    const transport = (await opened()).transport();
    await transport.call('createCollection', { collectionName, schema, shardsNum: 1 }, {});
    const first = await transport.call('describeCollection', { collectionName }, {});
    const fields = first.schema?.fields ?? [];
    for (const field of fields) field.name = 'mine';
    const second = await transport.call('describeCollection', { collectionName }, {});
    expect(second.schema?.fields.map(({ name }) => name)).toEqual(['id', 'title', 'v']);
  });

  test('with auth, who calls has to be shown and rights are asked for', async () => {
    const elanus = await opened({ auth: true });
    const keyOf = (call: Promise<unknown>) =>
      call.then(
        () => 'answered',
        ({ key }) => key,
      );
    const root = elanus.transport({ token: 'root:Milvus' });
    expect(await keyOf(elanus.transport().call('showCollections', {}, {}))).toBe('unauthenticated');
    const wrong = elanus.transport({ token: 'root:wrong' });
    expect(await keyOf(wrong.call('showCollections', {}, {}))).toBe('unauthenticated');
    expect(await keyOf(root.call('showCollections', {}, {}))).toBe('answered');
    const password = Buffer.from('Secret1!').toString('base64');
    expect((await root.call('createCredential', { username: 'reader', password }, {})).code).toBe(0);
    const reader = elanus.transport({ token: 'reader:Secret1!' });
    expect(await keyOf(reader.call('createCollection', { collectionName, schema }, {}))).toBe(
      'permission_denied',
    );
  });

  test('a client has its own database', async () => {
    const elanus = await opened();
    const other = elanus.transport({ database: 'other' });
    await elanus.transport().call('createDatabase', { dbName: 'other' }, {});
    await other.call('createCollection', { collectionName, schema }, {});
    expect((await other.call('showCollections', {}, {})).collectionNames).toEqual([collectionName]);
    expect((await elanus.transport().call('showCollections', {}, {})).collectionNames).toEqual([]);
  });
});

describe('a worker thread', () => {
  /** Speaks the messages of a port itself, as the client in it would. */
  const script = `
    const { workerData: port, parentPort } = require('node:worker_threads');
    port.on('message', (message) => parentPort.postMessage(message));
    port.on('close', () => parentPort.postMessage({ kind: 'closed' }));
    port.postMessage({ kind: 'call', id: 7, method: 'getVersion', request: {} });
  `;

  test('calls, hears that the database closed, and can end at any time', async () => {
    const elanus = await opened();
    const start = (): { worker: Worker; heard: { kind: string }[] } => {
      const port = elanus.callPort();
      const worker = new Worker(script, { eval: true, workerData: port, transferList: [port] });
      const heard: { kind: string }[] = [];
      worker.on('message', (message) => heard.push(message));
      return { worker, heard };
    };
    const dies = start();
    await until('heard', async () => expect(dies.heard).toHaveLength(1));
    await dies.worker.terminate();
    const lives = start();
    await until('heard', async () => expect(lives.heard).toHaveLength(1));
    expect(lives.heard[0]).toMatchObject({ kind: 'answer', id: 7, answer: { status: { code: 0 } } });
    await elanus.close();
    await until('heard', async () => expect(lives.heard).toHaveLength(2));
    expect(lives.heard[1]).toEqual({ kind: 'closed' });
    await lives.worker.terminate();
  });
});

describe('a process', () => {
  /** Waits for a load, which waits for nothing but timers, then ends by itself. */
  const program = `
    import { open } from ${JSON.stringify(fileURLToPath(new URL('../../dist/server/open.js', import.meta.url)))};
    const database = await open(process.argv[1], { logLevel: "error", listen: false });
    const transport = database.transport();
    const { status } = await transport.call('showCollections', {}, {});
    if (process.argv[2] === "close") await database.close();
    console.log(JSON.stringify({ code: status.code }));
  `;

  test.each(['close', 'leave'])('lives while calls run and ends when none does (%s)', async (how) => {
    const args = ['--input-type=module', '--eval', program, '--', folder.path, how];
    const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual({ code: 0 });
  });
});
