// Must hold, of a server as users run it: hundreds of writers at once, a storm of flushes and of definitions cost what they ask for and no
// more; what does not fit is refused with a code that clients send again, and all that was acknowledged is there afterwards.
import { readFile } from 'node:fs/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InsertRequest, MutationResult } from '#proto/milvus/milvus.js';
import { codec } from '#rpc/service.js';
import { longs, vectors } from '../support/field-data.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import {
  connect,
  createLoaded,
  insertRange,
  keyField,
  mustSucceed,
  tempFolder,
  vectorField,
  vectorOf,
} from './support.js';

const WRITERS = 300;
const BYTES_MAX = 900 * 1024 * 1024;
/** Codes that clients send again. */
const retriable: ReadonlySet<number> = new Set([4, 8, 12]);

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ServerProcess;
let client: MilvusClient;
let raw: RawClient;

beforeAll(async () => {
  folder = await tempFolder();
  server = await startServer(folder.path, '--memory-limit', '512M');
  client = await connect(server.address);
  raw = connectRaw(server.address);
});

afterAll(async () => {
  raw.close();
  await client.closeConnection();
  expect(await stopServer(server)).toBe(0);
  expect(server.stderr()).toBe('');
  await folder.remove();
});

/** The most memory that the server has had, in bytes. */
async function highest(): Promise<number> {
  const text = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 'NaN') * 1024;
}

const countOf = async (collection_name: string): Promise<number> => {
  const { data } = await client.query({ collection_name, filter: '', output_fields: ['count(*)'] });
  return Number(data[0]?.['count(*)']);
};

describe('a storm', () => {
  it('of 300 writers, with flushes among them: what was acknowledged is there', {
    timeout: 120_000,
  }, async () => {
    await createLoaded(client, 'stormy', { shards: 4 });
    const codes = new Map<number, number>();
    let acknowledged = 0;
    const note = (code: number): void => void codes.set(code, (codes.get(code) ?? 0) + 1);
    const write = async (writer: number): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        const data = [{ id: writer * 3 + round, vector: vectorOf(writer) }];
        const { status } = await client.insert({ collection_name: 'stormy', data });
        note(status.code ?? 0);
        if (status.code === 0) acknowledged++;
      }
    };
    const flush = async (): Promise<void> => {
      for (let round = 0; round < 3; round++)
        note((await client.flush({ collection_names: ['stormy'] })).status.code ?? 0);
    };
    await Promise.all([
      ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
      ...Array.from({ length: 20 }, flush),
    ]);
    expect([...codes.keys()].filter((code) => code !== 0 && !retriable.has(code))).toEqual([]);
    expect(acknowledged).toBeGreaterThan(WRITERS);
    expect(await countOf('stormy')).toBe(acknowledged);
    expect(await highest()).toBeLessThan(BYTES_MAX);
  });

  it('of 300 large writes: what does not fit is refused, and what was acknowledged is there', {
    timeout: 180_000,
  }, async () => {
    const [dim, rowCount] = [4096, 64];
    const fields = [keyField, { ...vectorField, name: 'vec', dim }];
    await mustSucceed(client.createCollection({ collection_name: 'large', fields }));
    // The same megabyte each time: a key may have several rows, and the statistics count them all.
    const request = codec(InsertRequest).encode(largeRows(rowCount, dim)).finish();
    let [acknowledged, unknown] = [0, 0];
    const codes = new Set<number>();
    const write = async (): Promise<void> => {
      try {
        const { code } = MutationResult.decode(await raw.call('Insert', request)).status ?? { code: -1 };
        codes.add(code);
        if (code === 0) acknowledged++;
      } catch (error) {
        // Beyond what clients may have under way gRPC itself says so; late on a busy machine is neither yes nor no.
        const { code } = error as { readonly code: number };
        if (code === grpcStatus.DEADLINE_EXCEEDED) unknown++;
        else if (code !== grpcStatus.RESOURCE_EXHAUSTED) codes.add(code + 10_000);
      }
    };
    for (let begin = 0; begin < WRITERS; begin += 75) await Promise.all(Array.from({ length: 75 }, write));
    expect([...codes].filter((code) => code !== 0 && !retriable.has(code))).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
    await mustSucceed(client.flushSync({ collection_names: ['large'] }));
    const { stats } = await client.getCollectionStatistics({ collection_name: 'large' });
    const counted = Number(stats.find(({ key }) => key === 'row_count')?.value) / rowCount;
    expect(counted).toBeGreaterThanOrEqual(acknowledged);
    expect(counted).toBeLessThanOrEqual(acknowledged + unknown);
    expect(await highest()).toBeLessThan(2 * BYTES_MAX);
    await mustSucceed(client.dropCollection({ collection_name: 'large' }));
  });

  it('of flushes without anything to flush makes no files', { timeout: 120_000 }, async () => {
    // A collection of its own, without compactions: those change how many there are.
    const collection_name = 'flushed';
    await createLoaded(client, collection_name, { shards: 4 });
    await mustSucceed(
      client.alterCollectionProperties({
        collection_name,
        properties: { 'collection.autocompaction.enabled': false },
      }),
    );
    for (let begin = 0; begin < 60; begin += 20) {
      await insertRange(client, collection_name, begin, begin + 20);
      await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
    }
    const segments = async () =>
      (await client.getPersistentSegmentInfo({ collectionName: collection_name })).infos.length;
    const before = await segments();
    const codes = await Promise.all(
      Array.from(
        { length: 80 },
        async () => (await client.flush({ collection_names: [collection_name] })).status.code ?? 0,
      ),
    );
    expect(codes.filter((code) => code !== 0 && !retriable.has(code))).toEqual([]);
    expect(before).toBeGreaterThanOrEqual(3);
    expect(await segments()).toBe(before);
  });

  it('of collections that are made and dropped under one name leaves none, and the rest as it was', {
    timeout: 120_000,
  }, async () => {
    const loop = async (at: number): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        const collection_name = `fleeting${at % 3}`;
        await client.createCollection({ collection_name, fields: [keyField, vectorField] });
        await client.dropCollection({ collection_name });
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, at) => loop(at)));
    for (const at of [0, 1, 2])
      await mustSucceed(client.dropCollection({ collection_name: `fleeting${at}` }));
    const left = (await client.showCollections()).data.map(({ name }) => name);
    expect(left.filter((name) => name.startsWith('fleeting'))).toEqual([]);
    expect(await countOf('stormy')).toBeGreaterThan(WRITERS);
  });
});

/** A key and a vector each. */
function largeRows(numRows: number, dim: number): InsertRequest {
  const keys = Array.from({ length: numRows }, (_, at) => BigInt(at));
  const values = Array.from({ length: numRows * dim }, (_, at) => (at % 1000) / 1000);
  return InsertRequest.fromPartial({
    collectionName: 'large',
    numRows,
    fieldsData: [longs('id', keys), vectors(values, BigInt(dim))],
  });
}
