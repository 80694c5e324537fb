// The bound on memory through the Node SDK: loads that do not fit are refused with a reason, what is served goes on, and released
// collections give everything back.
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import {
  connect,
  extraOf,
  failureOf,
  keyField,
  mustSucceed,
  tempFolder,
  until,
  vectorOf,
} from './support.js';

const MiB = 1 << 20;
const DIM = 128;
const vectorField = { name: 'vector', data_type: DataType.FloatVector, dim: DIM } as const;
/** A folder that is opened again and again, each time with a bound of its own. */
async function inFolder(
  run: (
    reopen: (memoryLimitBytes?: number, indexIdleMs?: number) => Promise<MilvusClient>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await tempFolder();
  let close = async (): Promise<void> => {};
  try {
    await run(async (memoryLimitBytes, indexIdleMs = 60_000) => {
      await close();
      const database = await open(folder.path, {
        logLevel: 'silent',
        targetCheckIntervalMs: 50,
        memoryLimitBytes,
        indexIdleMs,
      });
      const client = await connect(database.address);
      metricsOf = async () => (await fetch(`http://${database.address}/metrics`)).text();
      close = async () => {
        await client.closeConnection();
        await database.close();
      };
      return client;
    }, folder.path);
  } finally {
    await close();
    await folder.remove();
  }
}

let metricsOf = async (): Promise<string> => '';
const gauge = async (name: string): Promise<number> => {
  const line = (await metricsOf()).split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
};

async function create(client: MilvusClient, name: string, indexType = 'FLAT'): Promise<void> {
  await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
  await mustSucceed(
    client.createIndex({
      collection_name: name,
      field_name: 'vector',
      index_type: indexType,
      metric_type: 'L2',
    }),
  );
}

const rowsOf = (begin: number, end: number) =>
  Array.from({ length: end - begin }, (_, at) => ({ id: begin + at, vector: vectorOf(begin + at, DIM) }));
const insert = (client: MilvusClient, name: string, begin: number, end: number): Promise<void> =>
  mustSucceed(client.insert({ collection_name: name, data: rowsOf(begin, end) }));
const count = async (client: MilvusClient, name: string): Promise<number> => {
  const answer = await client.count({ collection_name: name });
  if (answer.status.code !== 0) throw new Error(answer.status.reason);
  return Number(answer.data);
};

describe('the bound on memory', () => {
  test('a load that cannot fit is refused before it begins, one that was loaded before says why it waits', () =>
    inFolder(async (reopen) => {
      let client = await reopen();
      await create(client, 'small');
      await create(client, 'large');
      await insert(client, 'small', 0, 100);
      for (let begin = 0; begin < 8000; begin += 2000) await insert(client, 'large', begin, begin + 2000);
      await mustSucceed(client.flushSync({ collection_names: ['small', 'large'] }));

      client = await reopen(3 * MiB);
      const refused = await failureOf(() => client.loadCollection({ collection_name: 'large' }));
      expect(refused.reason).toContain('InsufficientMemoryToLoad');
      expect((await failureOf(() => client.loadCollectionAsync({ collection_name: 'large' }))).code).toBe(3);
      expect(refused.reason).toMatch(
        /memory limit exceeded\[predict=[45]\.\d MiB\]\[limit=3\.0 MiB\]: collection large needs .* release collections/,
      );
      expect((await failureOf(() => client.getLoadingProgress({ collection_name: 'large' }))).code).toBe(101);
      await mustSucceed(client.loadCollection({ collection_name: 'small' }));
      expect(await count(client, 'small')).toBe(100);

      client = await reopen();
      await mustSucceed(client.loadCollection({ collection_name: 'large' }));
      client = await reopen(3 * MiB);
      const waiting = await until('the load is refused', async () => {
        const failure = await failureOf(() => client.getLoadingProgress({ collection_name: 'large' }));
        return failure.code === 3 ? failure : undefined;
      });
      expect(waiting.reason).toContain('collection large is not served: memory limit exceeded');
      const search = await failureOf(() =>
        client.search({ collection_name: 'large', data: vectorOf(1, DIM), limit: 1 }),
      );
      // How much is free may have changed between the two.
      const withoutSizes = (reason: string): string => reason.replaceAll(/\d+\.\d MiB/g, 'x MiB');
      expect({ ...search, reason: withoutSizes(search.reason) }).toEqual({
        code: 3,
        reason: withoutSizes(waiting.reason),
      });
      await mustSucceed(client.releaseCollection({ collection_name: 'large' }));
      expect(await count(client, 'small')).toBe(100);
    }));

  test('inserts beyond the bound are refused as retryable, and go on after a release', () =>
    inFolder(async (reopen) => {
      const client = await reopen(3 * MiB);
      await create(client, 'a');
      await mustSucceed(client.loadCollection({ collection_name: 'a' }));
      let rows = 0;
      const refusal = await until('the bound', async () => {
        const answer = await client.insert({ collection_name: 'a', data: rowsOf(rows, rows + 1000) });
        if (answer.status.code !== 0) return answer.status;
        rows += 1000;
        return undefined;
      });
      expect(refusal).toMatchObject({ code: 12, retriable: true });
      expect(refusal.reason).toContain('release collections');
      expect(rows).toBeGreaterThanOrEqual(3000);
      expect(await count(client, 'a')).toBe(rows);
      // Flushed rows need room on the other side too: until there is some, they are served from where they are.
      await mustSucceed(client.flushSync({ collection_names: ['a'] }));
      for (let round = 0; round < 5; round++) expect(await count(client, 'a')).toBe(rows);
      // One batch and the doubling of columns may go beyond it.
      expect(await gauge('elanus_memory_bytes')).toBeLessThanOrEqual(4 * MiB);
      const { progress } = (await client.getLoadingProgress({ collection_name: 'a' })) as unknown as {
        progress: string;
      };
      expect(progress).toBe('100');
      await mustSucceed(client.releaseCollection({ collection_name: 'a' }));
      await until('room again', async () => {
        const answer = await client.insert({ collection_name: 'a', data: rowsOf(rows, rows + 10) });
        return answer.status.code === 0 ? true : undefined;
      });
    }));

  test('what filters keep of JSON paths is counted, and given back', () =>
    inFolder(async (reopen) => {
      const client = await reopen();
      const fields = [keyField, vectorField, { name: 'doc', data_type: DataType.JSON }];
      await mustSucceed(client.createCollection({ collection_name: 'a', fields }));
      const index = { collection_name: 'a', field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' };
      await mustSucceed(client.createIndex(index));
      const data = rowsOf(0, 3000).map((row) => ({ ...row, doc: { n: row.id, t: `t${row.id % 7}` } }));
      await mustSucceed(client.insert({ collection_name: 'a', data }));
      await mustSucceed(client.flushSync({ collection_names: ['a'] }));
      await client.loadCollectionSync({ collection_name: 'a' });
      const kept = async (): Promise<number> => {
        const of = /^elanus_collection_memory_bytes\{(?=.*kind="paths").*\} (\d+)$/gm;
        return [...(await metricsOf()).matchAll(of)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
      };
      const asked = async (filter: string): Promise<number> => {
        const answer = await client.query({ collection_name: 'a', filter, output_fields: ['count(*)'] });
        return Number(answer.data[0]?.['count(*)']);
      };
      expect(await kept()).toBe(0);
      expect(await asked('doc["n"] < 100')).toBe(100);
      const ofNumbers = await kept();
      expect(ofNumbers).toBeGreaterThan(3000 * 8);
      expect(await asked('doc["t"] == "t3"')).toBe(429);
      expect(await kept()).toBeGreaterThan(ofNumbers);
      expect(await kept()).toBeLessThan(3000 * 64);
      await mustSucceed(client.releaseCollection({ collection_name: 'a' }));
      expect(await kept()).toBe(0);
    }));

  test('an imported segment that does not fit is reported, and the others are served', () =>
    inFolder(async (reopen, folder) => {
      const client = await reopen(2 * MiB);
      await create(client, 'a');
      await insert(client, 'a', 0, 1000);
      await mustSucceed(client.loadCollection({ collection_name: 'a' }));
      await mkdir(join(folder, 'objects', 'import'), { recursive: true });
      await writeFile(
        join(folder, 'objects', 'import', 'a.json'),
        JSON.stringify({ rows: rowsOf(1000, 5000) }),
      );
      await mustSucceed(
        client.bulkInsert({ collection_name: 'a', files: ['import/a.json'] }) as Promise<unknown>,
      );
      const refusal = await until('the segment is refused', async () => {
        const failure = await failureOf(() => client.getLoadingProgress({ collection_name: 'a' }));
        return failure.code === 3 ? failure : undefined;
      });
      expect(refusal.reason).toMatch(/collection a is served in part.*segment \d+ of 4000 rows needs/);
      expect(await count(client, 'a')).toBe(1000);
    }));

  test('an index that nobody searches gives way to a load; its rows are scanned, and a search brings it back', () =>
    inFolder(async (reopen) => {
      let client = await reopen();
      await create(client, 'a', 'HNSW');
      await create(client, 'b');
      // Room for the index of a, as it is estimated: mostly working memory of threads.
      const indexBytes = Math.min(8, availableParallelism()) * (2 * MiB + 4000) + 1_500_000;
      const rowBytes = DIM * 4 + 60;
      const rowsOfB = Math.floor(indexBytes / rowBytes);
      await insert(client, 'a', 0, 3000);
      for (let begin = 0; begin < rowsOfB; begin += 4000)
        await insert(client, 'b', begin, Math.min(rowsOfB, begin + 4000));
      await mustSucceed(client.flushSync({ collection_names: ['a', 'b'] }));
      const planOf = async (): Promise<string> => {
        const found = await client.search({
          collection_name: 'a',
          data: vectorOf(1, DIM),
          limit: 3,
          params: { explain: true },
        });
        expect(found.results.map(({ id }) => Number(id))[0]).toBe(1);
        const extra = extraOf(found.status);
        return (JSON.parse(extra['elanus.explain'] ?? '[]') as { plan: string }[])
          .map(({ plan }) => plan)
          .join();
      };
      await mustSucceed(client.loadCollection({ collection_name: 'a' }));
      await until('the index', async () => ((await planOf()) === 'walk' ? true : undefined));
      client = await reopen(3000 * rowBytes + indexBytes + 600_000, 0);
      await until('the index, after a restart', async () => ((await planOf()) === 'walk' ? true : undefined));
      await mustSucceed(client.loadCollection({ collection_name: 'b' }));
      expect(await planOf()).toBe('scan');
      expect(await count(client, 'b')).toBe(rowsOfB);
      await mustSucceed(client.releaseCollection({ collection_name: 'b' }));
      await until('the index is back', async () => ((await planOf()) === 'walk' ? true : undefined));
    }));

  test('load and release, again and again, end with nothing in memory', () =>
    inFolder(async (reopen) => {
      const client = await reopen();
      await create(client, 'a', 'HNSW');
      await insert(client, 'a', 0, 3000);
      await mustSucceed(client.flushSync({ collection_names: ['a'] }));
      await until('the rows are in files only', async () =>
        (await gauge('elanus_memory_bytes')) === 0 ? true : undefined,
      );
      for (let round = 0; round < 5; round++) {
        await mustSucceed(client.loadCollection({ collection_name: 'a' }));
        await until('the index is loaded', async () =>
          /kind="indexes"} [1-9]/.test(await metricsOf()) ? true : undefined,
        );
        await mustSucceed(client.search({ collection_name: 'a', data: vectorOf(1, DIM), limit: 3 }));
        expect(await gauge('elanus_memory_bytes')).toBeGreaterThan(3000 * DIM * 4);
        await mustSucceed(client.releaseCollection({ collection_name: 'a' }));
        await until('the memory is given back', async () =>
          (await gauge('elanus_memory_bytes')) === 0 ? true : undefined,
        );
      }
      expect(await metricsOf()).toMatch(
        /elanus_collection_memory_bytes\{collection_id="\d+",kind="vectors"\} 0/,
      );
      expect(await gauge('elanus_memory_limit_bytes')).toBeGreaterThan(100 * MiB);
    }));
});
