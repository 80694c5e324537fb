// Processes of a cluster are killed under load: no call of a client fails while its deadline lasts, and every answer is exact. The client of these tests
// repeats nothing by itself.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, type Member, openCluster, publicOf } from './process-cluster.js';
import { createLoaded, insertRange, keyField, mustSucceed, until, vectorField, vectorOf } from './support.js';

const ROWS = 2400;
const FLUSHES = 4;
const COORDINATORS = 'root-coord,data-coord,query-coord';

/** A client whose every call is sent once. */
async function connectOnce(address: string): Promise<MilvusClient> {
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new MilvusClient({
    address,
    timeout: 20_000,
    maxRetries: 0,
    logLevel: 'error',
    channelOptions,
  });
  await client.connectPromise;
  return client;
}

/** Strong reads of a collection, one after another, until they are ended. */
class Readers {
  readonly wrong: string[] = [];
  answers = 0;
  slowestMs = 0;
  #isOver = false;
  readonly #running: Promise<void>[] = [];

  begin(name: string, read: (round: number) => Promise<string | undefined>): void {
    this.#running.push(
      (async () => {
        for (let round = 0; !this.#isOver; round++) {
          const begin = performance.now();
          const wrong = await read(round).catch((error: unknown) => `threw ${String(error)}`);
          this.slowestMs = Math.max(this.slowestMs, performance.now() - begin);
          if (wrong !== undefined)
            this.wrong.push(`${name}, ${Math.round(performance.now() - begin)} ms: ${wrong}`);
          this.answers++;
          // A refusal at once must not become a storm.
          if (wrong !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    );
  }

  /** Waits until so many more reads were answered. */
  async more(count: number): Promise<void> {
    const end = this.answers + count;
    await until('more answers', async () => (this.answers >= end ? true : undefined), 15_000);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }
}

const serves = (member: Member) =>
  until('a process', async () => (member.stdout() === '' ? undefined : true), 15_000);

async function killed(member: Member | undefined): Promise<void> {
  member?.kill('SIGKILL');
  await member?.ended;
}

/** What goes on while readers read: none of them fails. */
async function whileRead(act: (readers: Readers) => Promise<void>): Promise<void> {
  const readers = new Readers();
  try {
    await act(readers);
  } catch (error) {
    throw new Error(`${String(error)}; of the calls: ${readers.wrong.slice(0, 5).join('; ')}`);
  } finally {
    await readers.end();
  }
  expect(readers.wrong).toEqual([]);
}

interface Answer {
  readonly status: { readonly code?: number; readonly reason: string };
}
const refusal = ({ status }: Answer): string | undefined =>
  (status.code ?? 0) === 0 ? undefined : `${status.code}: ${status.reason}`;

function readAll(readers: Readers, client: MilvusClient, name: string, rows: () => number): void {
  readers.begin('search', async (round) => {
    const id = (round * 37) % ROWS;
    const answer = await client.search({
      ...{ collection_name: name, data: vectorOf(id), limit: 3, consistency_level: 'Strong' as never },
    });
    const refused = refusal(answer as unknown as Answer);
    if (refused !== undefined) return refused;
    const [best] = answer.results;
    return best?.id === String(id) && answer.results.length === 3
      ? undefined
      : `of ${id}: ${JSON.stringify(answer.results)}`;
  });
  readers.begin('query', async (round) => {
    const id = (round * 53) % ROWS;
    const answer = await client.query({
      ...{ collection_name: name, filter: `id in [${id}, ${ROWS - 1 - id}]`, output_fields: ['vector'] },
      consistency_level: 'Strong' as never,
    });
    const refused = refusal(answer as unknown as Answer);
    if (refused !== undefined) return refused;
    return answer.data.length === 2 ? undefined : `of ${id}: ${JSON.stringify(answer.data)}`;
  });
  readers.begin('count', async () => {
    const before = rows();
    const answer = await client.query({
      ...{
        collection_name: name,
        filter: '',
        output_fields: ['count(*)'],
        consistency_level: 'Strong' as never,
      },
    });
    const refused = refusal(answer as unknown as Answer);
    if (refused !== undefined) return refused;
    const count = Number(answer.data[0]?.['count(*)']);
    return count >= before ? undefined : `${count} of ${before}`;
  });
}

describe('a cluster whose processes are killed', () => {
  let cluster: Cluster;
  let client: MilvusClient;
  let queryNodes: Member[];
  let coordinator: Member | undefined;
  let stream: Member | undefined;
  let dataNode: Member | undefined;
  let written = ROWS;
  let nextId = ROWS;
  beforeAll(async () => {
    cluster = await openCluster('proxy');
    coordinator = cluster.start(COORDINATORS);
    stream = cluster.start('streaming-node');
    dataNode = cluster.start('data-node');
    queryNodes = [cluster.start('query-node'), cluster.start('query-node')];
    await Promise.all([coordinator, stream, dataNode, ...queryNodes].map(({ ready }) => ready));
    client = await connectOnce(publicOf(await cluster.store.ready));
  }, 60_000);
  afterAll(async () => {
    await client?.closeConnection();
    await cluster?.close();
  }, 30_000);

  test('query-nodes: searches go on while one after the other is killed, and another comes', async () => {
    await createLoaded(client, 'searched', { shards: 2 });
    for (let at = 0; at < FLUSHES; at++) {
      await insertRange(client, 'searched', (at * ROWS) / FLUSHES, ((at + 1) * ROWS) / FLUSHES);
      if (at < FLUSHES - 1) await mustSucceed(client.flushSync({ collection_names: ['searched'] }));
    }
    await whileRead(async (readers) => {
      readAll(readers, client, 'searched', () => ROWS);
      await readers.more(10);
      await until('segments on both', async () => {
        const { infos } = await client.getQuerySegmentInfo({ collectionName: 'searched' });
        return new Set(infos.flatMap(({ nodeIds }) => nodeIds.map(String))).size === 2 ? true : undefined;
      });
      for (const node of queryNodes) {
        const next = cluster.start('query-node');
        await readers.more(10);
        await killed(node);
        await readers.more(10);
        await serves(next);
        await readers.more(10);
      }
    });
  }, 60_000);

  /** Inserts one row after another: none fails, and each is there once. */
  function writeAll(readers: Readers): void {
    readers.begin('insert', async () => {
      const refused = await insertRange(client, 'searched', nextId, ++nextId).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (refused === undefined) written++;
      return refused;
    });
  }
  /** Rows to import, in a file of the data folder. @returns its name */
  async function fileOf(count: number, begin = 0): Promise<string> {
    const rows = Array.from({ length: count }, (_, at) => ({ id: begin + at, vector: vectorOf(begin + at) }));
    await writeFile(join(cluster.folder, 'objects', `rows_${count}.json`), JSON.stringify(rows));
    return `rows_${count}.json`;
  }
  const imported = (task: unknown) =>
    until('the import', async () => {
      const { state, infos } = await client.getImportState({ task: task as number });
      if (state === 'ImportFailed') throw new Error(JSON.stringify(infos));
      return state === 'ImportCompleted' ? true : undefined;
    });
  const rowsNow = async () => Number((await client.count({ collection_name: 'searched' })).data);

  test('a streaming-node: its standby goes on', async () => {
    const standby = cluster.start('streaming-node');
    await until('its session', async () => standby.stderr().includes('stands_by') || undefined);
    await whileRead(async (readers) => {
      readAll(readers, client, 'searched', () => written);
      writeAll(readers);
      await readers.more(10);
      await killed(stream);
      await serves(standby);
      await readers.more(30);
    });
    stream = standby;
    expect(await rowsNow()).toBe(written);
  }, 60_000);

  test('no streaming-node: a new collection waits for one, a dropped one is given to none', async () => {
    await killed(stream);
    const fields = [keyField, vectorField];
    const create = (name: string) => mustSucceed(client.createCollection({ collection_name: name, fields }));
    await Promise.all(['waiting', 'gone'].map(create));
    const described = await client.describeCollection({ collection_name: 'waiting' });
    expect(described.virtual_channel_names).toHaveLength(1);
    const dropped = mustSucceed(client.dropCollection({ collection_name: 'gone' }));
    const inserted = insertRange(client, 'waiting', 0, 3);
    stream = cluster.start('streaming-node');
    await Promise.all([dropped, inserted]);
    const gone = await client.hasCollection({ collection_name: 'gone' });
    expect([gone.status.code, gone.value]).toEqual([0, false]);
    await mustSucceed(client.flushSync({ collection_names: ['waiting'] }));
    const rows = await client.getCollectionStatistics({ collection_name: 'waiting' });
    expect(Number(rows.data.row_count)).toBe(3);
    expect(await rowsNow()).toBe(written);
  }, 60_000);

  test('a coordinator: its standby goes on with definitions and an import', async () => {
    const standby = cluster.start(COORDINATORS);
    await until('its session', async () => standby.stderr().includes('stands_by') || undefined);
    await whileRead(async (readers) => {
      readAll(readers, client, 'searched', () => written);
      writeAll(readers);
      readers.begin('define', async (round) => {
        const name = `defined_${round}`;
        await createLoaded(client, name);
        await insertRange(client, name, 0, 3);
        await mustSucceed(client.flushSync({ collection_names: [name] }));
        await mustSucceed(client.releaseCollection({ collection_name: name }));
        return undefined;
      });
      await readers.more(30);
      await createLoaded(client, 'imported');
      const { tasks } = await client.bulkInsert({ collection_name: 'imported', files: [await fileOf(500)] });
      await killed(coordinator);
      await serves(standby);
      await readers.more(30);
      await imported(tasks[0]);
      expect(Number((await client.count({ collection_name: 'imported' })).data)).toBe(500);
    });
    expect(await rowsNow()).toBe(written);
  }, 60_000);

  test('a data-node: what it did is done by the next one', async () => {
    const fields = [keyField, vectorField];
    await mustSucceed(client.createCollection({ collection_name: 'worked', fields }));
    for (let at = 0; at < 3; at++) {
      await insertRange(client, 'worked', at * 1000, (at + 1) * 1000);
      await mustSucceed(client.flushSync({ collection_names: ['worked'] }));
    }
    const file = await fileOf(2000, 3000);
    await whileRead(async (readers) => {
      readAll(readers, client, 'searched', () => written);
      const index = { field_name: 'vector', index_type: 'HNSW', metric_type: 'L2' } as const;
      await mustSucceed(
        client.createIndex({ collection_name: 'worked', ...index, params: { M: 16, efConstruction: 200 } }),
      );
      const { compactionID } = await client.compact({ collection_name: 'worked' });
      const { tasks } = await client.bulkInsert({ collection_name: 'worked', files: [file] });
      await readers.more(5);
      await killed(dataNode);
      await readers.more(5);
      dataNode = cluster.start('data-node');
      await imported(tasks[0]);
      await until('the compaction', async () =>
        String((await client.getCompactionState({ compactionID })).state) === 'Completed' ? true : undefined,
      );
      await until('the index', async () => {
        const [described] = (await client.describeIndex({ collection_name: 'worked' })).index_descriptions;
        return described?.state === 'Finished' && Number(described.indexed_rows) === 5000 ? true : undefined;
      });
      await mustSucceed(client.loadCollection({ collection_name: 'worked' }));
      expect(Number((await client.count({ collection_name: 'worked' })).data)).toBe(5000);
    });
  }, 60_000);
});
