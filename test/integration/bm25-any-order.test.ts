// Scores by words after any order of what may happen to rows: inserts, upserts, deletes, flushes, compactions, restarts, SIGKILL in the middle of a write,
// and the function that comes when rows are there. Over two shards and two partitions, growing rows and flushed ones, each time by reckoning over all rows.
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { startServer } from './server-process.js';
import {
  connect,
  keyField,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
  vectorField,
  vectorOf,
} from './support.js';

/** Orders that are tried in each run. */
const SEEDS = [7];
const [K1, B] = [1.2, 0.75];
const collection = { collection_name: 'texts' };
const sparse = { name: 'sparse', data_type: DataType.SparseFloatVector };
const bm25 = {
  ...{ name: 'words', type: FunctionType.BM25, params: {} },
  ...{ input_field_names: ['text'], output_field_names: ['sparse'] },
};

type Rows = Map<number, string>;

/** Scores by keys, of all rows that have one of the words. */
function reckoned(rows: Rows, query: string): Map<number, number> {
  const all = [...rows].map(([id, text]) => ({ id, words: text.split(' ') }));
  const mean = all.reduce((sum, { words }) => sum + words.length, 0) / all.length;
  const scores = all.map(({ id, words }): [number, number] => {
    let score = 0;
    for (const asked of query.split(' ')) {
      const having = all.filter((one) => one.words.includes(asked)).length;
      const count = words.filter((one) => one === asked).length;
      const weight = Math.log(1 + (all.length - having + 0.5) / (having + 0.5));
      score += (weight * count * (K1 + 1)) / (count + K1 * (1 - B + (B * words.length) / mean));
    }
    return [id, score];
  });
  return new Map(scores.filter(([, score]) => score > 0));
}

async function create(client: MilvusClient): Promise<void> {
  const text = { name: 'text', data_type: DataType.VarChar, max_length: 500, enable_analyzer: true };
  const fields = [keyField, text, vectorField];
  await mustSucceed(client.createCollection({ ...collection, fields, shards_num: 2 }));
  for (const partition_name of ['p0', 'p1'])
    await mustSucceed(client.createPartition({ ...collection, partition_name }));
  await mustSucceed(client.createIndex({ ...collection, field_name: 'vector', metric_type: 'L2' }));
  await mustSucceed(client.loadCollection(collection));
}

async function compact(client: MilvusClient): Promise<void> {
  const { compactionID } = (await client.compact(collection)) as unknown as { compactionID: string };
  await until('the compaction ends', async () => {
    const { state } = await client.getCompactionState({ compactionID });
    return String(state) === 'Completed' || String(state) === '2' ? state : undefined;
  });
}

async function addFunction(client: MilvusClient): Promise<void> {
  const extra_params = { index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' };
  const change = { ...collection, field: sparse, function: bm25, index_name: 'made', extra_params };
  const { alter_status } = (await client.alterCollectionSchema(change as never)) as unknown as {
    alter_status: { code: number };
  };
  expect(alter_status).toMatchObject({ code: 0 });
}

async function expectScores(client: MilvusClient, rows: Rows, step: string): Promise<void> {
  for (const query of ['w0', 'w1 w2 w2', 'w9 w3 w0']) {
    const search = { ...collection, data: query, anns_field: 'sparse', limit: 1000 };
    const results = await until(`an answer after ${step}`, async () => {
      const answer = await client.search({ ...search, consistency_level: 'Strong' } as never);
      return answer.status.code === 0
        ? (answer.results as unknown as { id: string; score: number }[])
        : undefined;
    });
    const expected = reckoned(rows, query);
    expect([step, results.map(({ id }) => Number(id)).sort((a, b) => a - b)]).toEqual([
      step,
      [...expected.keys()].sort((a, b) => a - b),
    ]);
    for (const { id, score } of results)
      expect(Math.abs(score - (expected.get(Number(id)) ?? 0)), step).toBeLessThan(1e-5);
  }
}

test.each(SEEDS)(
  'scores are exact through any order of changes, by seed %i',
  { timeout: 240_000 },
  async (seed) => {
    const next = randomOf(seed);
    const below = (bound: number): number => Math.floor(((next() + 1) / 2) * bound);
    const folder = await tempFolder();
    let server = await startServer(folder.path);
    let client = await connect(server.address);
    const rows: Rows = new Map();
    let [newest, isThere] = [0, false];
    const textOf = (): string =>
      Array.from({ length: 1 + below(12) }, () => `w${below(4) * below(5)}`).join(' ');
    const fresh = (): number[] => Array.from({ length: 10 + below(20) }, () => newest++);
    const some = (): number[] => [...rows.keys()].filter(() => below(6) === 0);
    const again = async (signal: NodeJS.Signals): Promise<void> => {
      server.kill(signal);
      await server.ended;
      await client.closeConnection();
      server = await startServer(folder.path);
      client = await connect(server.address);
    };
    /** Keys stay in their partition. */
    const write = (call: 'insert' | 'upsert', ids: readonly number[]) => {
      const data = ids.map((id) => ({ id, text: textOf(), vector: vectorOf(id) }));
      return Promise.all(
        [0, 1].map(async (at) => {
          const part = data.filter(({ id }) => id % 2 === at);
          if (part.length === 0) return;
          const sent = { ...collection, partition_name: `p${at}`, data: part };
          await mustSucceed(client[call](sent as never));
          for (const { id, text } of part) rows.set(id, text);
        }),
      );
    };
    const steps: Readonly<Record<string, () => Promise<unknown>>> = {
      insert: () => write('insert', fresh()),
      upsert: () => write('upsert', [...some(), newest++]),
      delete: async () => {
        const ids = some();
        if (ids.length === 0) return;
        await mustSucceed(client.delete({ ...collection, filter: `id in [${ids.join()}]` }));
        for (const id of ids) rows.delete(id);
      },
      flush: () => mustSucceed(client.flushSync({ collection_names: ['texts'] })),
      compact: () => compact(client),
      alter: () => addFunction(client),
      restart: () => again('SIGTERM'),
      kill: async () => {
        const before = new Map(rows);
        // What is acknowledged is in `rows` by then, and nothing after.
        write('insert', fresh()).catch(() => {});
        await mustSucceed(client.hasCollection(collection));
        await again('SIGKILL');
        // What was acknowledged is there; any part of the rest may be.
        const { data } = await client.query({
          ...collection,
          filter: 'id >= 0',
          output_fields: ['text'],
          consistency_level: 'Strong',
        } as never);
        const found = new Map(data.map(({ id, text }): [number, string] => [Number(id), String(text)]));
        for (const [id, text] of rows) expect([id, found.get(id)]).toEqual([id, text]);
        for (const [id] of found) if (!rows.has(id)) expect(before.has(id)).toBe(false);
        for (const [id, text] of found) rows.set(id, text);
      },
    };
    /** Each kind once and writes twice, in any order; the function early, as nothing is compared before it is there. */
    const order = [...Object.keys(steps), 'insert', 'upsert', 'delete']
      .filter((kind) => kind !== 'alter')
      .map((kind) => ({ kind, at: next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ kind }) => kind);
    order.splice(below(4), 0, 'alter');
    try {
      await create(client);
      await steps.insert?.();
      for (const [at, kind] of order.entries()) {
        await steps[kind]?.();
        isThere ||= kind === 'alter';
        if (isThere) await expectScores(client, rows, `${order.slice(0, at).join(' ')} and ${kind}`);
      }
    } finally {
      await client.closeConnection();
      server.kill('SIGKILL');
      await server.ended;
      await folder.remove();
    }
  },
);
