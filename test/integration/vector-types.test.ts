// Every dense vector type through the Node SDK: create, insert, upsert, delete, flush, search by each metric beside an oracle, vectors back
// bit by bit, null vectors, import of JSON, a restart. Rows lie in files and in the growing segment at once.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '#model/columns/half-float.js';
import { failureOf, keyField, lastingWorld, mustSucceed, randomOf, until } from './support.js';

const DIM = 24;
type Metric = 'L2' | 'IP' | 'COSINE' | 'HAMMING' | 'JACCARD' | 'SUBSTRUCTURE' | 'SUPERSTRUCTURE';
interface Kind {
  readonly name: 'FloatVector' | 'Float16Vector' | 'BFloat16Vector' | 'Int8Vector' | 'BinaryVector';
  readonly metrics: readonly Metric[];
  readonly indexType: string;
  /** A random number in [-1, 1) as an element; of binary vectors a byte. */
  readonly element: (random: number) => number;
}

const dense = ['L2', 'IP', 'COSINE'] as const;
const kinds: readonly Kind[] = [
  { name: 'FloatVector', metrics: dense, indexType: 'FLAT', element: Math.fround },
  {
    name: 'Float16Vector',
    metrics: dense,
    indexType: 'FLAT',
    element: (value) => float16Value(float16Bits(value)),
  },
  {
    name: 'BFloat16Vector',
    metrics: dense,
    indexType: 'FLAT',
    element: (value) => bfloat16Value(bfloat16Bits(value)),
  },
  { name: 'Int8Vector', metrics: dense, indexType: 'AUTOINDEX', element: (value) => Math.floor(value * 128) },
  {
    name: 'BinaryVector',
    metrics: ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE'],
    indexType: 'BIN_FLAT',
    element: (value) => Math.floor((value + 1) * 128) & Math.floor((value + 1) * 128 * 37),
  },
];
const vectorFor = (kind: Kind, seed: number): number[] => {
  const next = randomOf(seed * 31 + 7);
  return Array.from({ length: kind.name === 'BinaryVector' ? DIM / 8 : DIM }, () => kind.element(next()));
};

const bitsOf = (bytes: readonly number[]): number[] =>
  bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1));
function scoreOf(metric: Metric, query: readonly number[], row: readonly number[]): number {
  const [q, r] = dense.some((name) => name === metric) ? [query, row] : [bitsOf(query), bitsOf(row)];
  const sum = (of: (x: number, y: number) => number): number =>
    q.reduce((total, x, at) => total + of(x, r[at] ?? 0), 0);
  const shared = sum((x, y) => x * y);
  const [qq, rr] = [sum((x) => x * x), sum((_, y) => y * y)];
  if (metric === 'L2' || metric === 'HAMMING') return sum((x, y) => (x - y) ** 2);
  if (metric === 'IP') return shared;
  if (metric === 'COSINE') return shared / Math.sqrt(qq * rr);
  if (metric === 'JACCARD') return qq + rr === shared ? 1 : 1 - shared / (qq + rr - shared);
  return shared === (metric === 'SUBSTRUCTURE' ? rr : qq) ? 0 : 1;
}

type Rows = Map<number, number[]>;
const signOf = (metric: Metric): number => (metric === 'IP' || metric === 'COSINE' ? -1 : 1);
function expectHits(
  metric: Metric,
  query: readonly number[],
  rows: Rows,
  limit: number,
  found: readonly { id?: unknown; score: number }[],
): void {
  const wanted = [...rows.values()]
    .map((row) => scoreOf(metric, query, row))
    .sort((a, b) => signOf(metric) * (a - b));
  expect(found.length).toBe(Math.min(limit, rows.size));
  expect(new Set(found.map(({ id }) => Number(id))).size).toBe(found.length);
  for (const [at, { id, score }] of found.entries()) {
    const row = rows.get(Number(id));
    if (row === undefined) expect.fail(`row ${id} should not be there`);
    const tolerance = 2e-6 * Math.max(1, Math.abs(wanted[at] ?? 0));
    expect(Math.abs(score - (wanted[at] ?? Number.NaN))).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(score - scoreOf(metric, query, row))).toBeLessThanOrEqual(tolerance);
  }
}

describe.each(kinds)('$name', (kind) => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
    client = begun;
  });
  const rowsOf = new Map<Metric, Rows>();
  const nameOf = (metric: string): string => `${kind.name}_${metric}`;
  const vectorField = { name: 'vector', data_type: DataType[kind.name], dim: DIM } as const;
  async function create(name: string, metric: string, more: object = {}): Promise<void> {
    const fields = [keyField, { ...vectorField, ...more }];
    await mustSucceed(client.createCollection({ collection_name: name, fields, shards_num: 2 }));
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: kind.indexType,
        metric_type: metric,
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
  }
  const rowsFrom = (begin: number, end: number) =>
    Array.from({ length: end - begin }, (_, at) => ({ id: begin + at, vector: vectorFor(kind, begin + at) }));

  beforeAll(async () => {
    for (const metric of kind.metrics) {
      const collection_name = nameOf(metric);
      await create(collection_name, metric);
      const rows: Rows = new Map(rowsFrom(0, 300).map(({ id, vector }) => [id, vector]));
      await mustSucceed(client.insert({ collection_name, data: rowsFrom(0, 200) }));
      await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
      await mustSucceed(client.insert({ collection_name, data: rowsFrom(200, 300) }));
      await mustSucceed(client.delete({ collection_name, ids: [5, 250] }));
      for (const id of [5, 250]) rows.delete(id);
      const changed = [1, 2, 299].map((id) => ({ id, vector: vectorFor(kind, id + 1000) }));
      await mustSucceed(client.upsert({ collection_name, data: changed }));
      for (const { id, vector } of changed) rows.set(id, vector);
      rowsOf.set(metric, rows);
    }
  });
  const checkSearches = async (): Promise<void> => {
    for (const metric of kind.metrics) {
      const rows = rowsOf.get(metric) ?? new Map();
      const collection_name = nameOf(metric);
      const queries = [1, 7, 9001, 9002, 9003].map((seed) => vectorFor(kind, seed));
      for (const query of queries.slice(0, 3)) {
        const found = await client.search({ collection_name, data: query, limit: 40, output_fields: ['id'] });
        expect(found.status).toMatchObject({ code: 0, reason: '' });
        expectHits(metric, query, rows, 40, found.results);
      }
      const together = await client.search({
        collection_name,
        data: queries,
        limit: 1000,
        output_fields: ['id', 'vector'],
      });
      const lists = together.results as unknown as { id: string; score: number; vector: number[] }[][];
      expect(lists.length).toBe(queries.length);
      queries.forEach((query, at) => {
        expectHits(metric, query, rows, 1000, lists[at] ?? []);
        for (const hit of lists[at] ?? []) expect(hit.vector).toEqual(rows.get(Number(hit.id)));
      });
      const few = await client.search({
        collection_name,
        data: queries[0] ?? [],
        limit: 10,
        filter: 'id in [3, 8, 210]',
        output_fields: ['id'],
      });
      expectHits(
        metric,
        queries[0] ?? [],
        new Map([3, 8, 210].map((id) => [id, rows.get(id) ?? []])),
        10,
        few.results,
      );
    }
  };
  const checkRows = async (): Promise<void> => {
    for (const metric of kind.metrics) {
      const rows = rowsOf.get(metric) ?? new Map();
      const read = await client.query({
        collection_name: nameOf(metric),
        output_fields: ['id', 'vector'],
        limit: 1000,
      });
      expect(new Map(read.data.map(({ id, vector }) => [Number(id), vector]))).toEqual(rows);
    }
  };

  test('search finds what an oracle finds, by every metric', checkSearches);
  test('query gives the vectors back, bit by bit', checkRows);
  test('a range keeps scores between its bounds', async () => {
    for (const metric of kind.metrics) {
      const rows = rowsOf.get(metric) ?? new Map();
      const query = vectorFor(kind, 7);
      const sorted = [...rows.values()]
        .map((row) => scoreOf(metric, query, row))
        .sort((a, b) => signOf(metric) * (a - b));
      const [range_filter, radius] = [sorted[40] ?? 0, sorted[200] ?? 0];
      if (range_filter === radius) continue;
      const found = await client.search({
        collection_name: nameOf(metric),
        data: query,
        limit: 300,
        params: { radius, range_filter },
      });
      expect(found.status).toMatchObject({ code: 0, reason: '' });
      const sign = signOf(metric);
      for (const { score } of found.results) {
        expect(sign * score).toBeLessThan(sign * radius + 1e-4);
        expect(sign * score).toBeGreaterThanOrEqual(sign * range_filter - 1e-4);
      }
      expect(found.results.length).toBeGreaterThan(0);
    }
  });
  test('null vectors are kept, answered, and never found', async () => {
    const collection_name = nameOf('nullable');
    await create(collection_name, kind.metrics[0] ?? '', { nullable: true });
    const data = rowsFrom(0, 60).map((row) => (row.id % 3 === 0 ? { id: row.id, vector: null } : row));
    const rows: Rows = new Map(
      rowsFrom(0, 60).flatMap(({ id, vector }) => (id % 3 === 0 ? [] : [[id, vector]])),
    );
    await mustSucceed(client.insert({ collection_name, data: data.slice(0, 40) as never }));
    await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
    await mustSucceed(client.insert({ collection_name, data: data.slice(40) as never }));
    const check = async (): Promise<void> => {
      const read = await client.query({ collection_name, output_fields: ['id', 'vector'], limit: 100 });
      expect(read.data.map(({ id, vector }) => ({ id: Number(id), vector }))).toEqual(data);
      const query = vectorFor(kind, 77);
      const found = await client.search({ collection_name, data: query, limit: 100, output_fields: ['id'] });
      expectHits(kind.metrics[0] as Metric, query, rows, 100, found.results);
    };
    await check();
    await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
    await check();
  });
  test('import takes lists of JSON', async () => {
    const collection_name = nameOf('imported');
    await create(collection_name, kind.metrics[0] ?? '');
    const rows = rowsFrom(0, 50);
    const path = join(world.folder, 'objects', 'import');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, `${kind.name}.json`), JSON.stringify({ rows }));
    const started = await client.bulkInsert({ collection_name, files: [`import/${kind.name}.json`] });
    expect(started.status).toMatchObject({ code: 0, reason: '' });
    const state = await until('the end of the import', async () => {
      const now = await client.getImportState({ task: started.tasks[0] ?? 0 });
      return ['ImportCompleted', 'ImportFailed'].includes(now.state) ? now : undefined;
    });
    expect(state.state).toBe('ImportCompleted');
    await until('the rows', async () => {
      const read = await client.query({ collection_name, output_fields: ['id', 'vector'], limit: 100 });
      if (read.data.length !== rows.length) return undefined;
      expect(read.data.map(({ id, vector }) => ({ id: Number(id), vector }))).toEqual(rows);
      return true;
    });
  });
  test('wrong vectors are refused', async () => {
    const collection_name = nameOf(kind.metrics[0] ?? '');
    const short = vectorFor(kind, 1).slice(1);
    const refused = await failureOf(() => client.search({ collection_name, data: short, limit: 1 }));
    expect(refused.reason).toMatch(/dimension mismatch|must be the same/);
    if (kind.name === 'Float16Vector' || kind.name === 'BFloat16Vector') {
      const infinite = vectorFor(kind, 1).fill(Number.POSITIVE_INFINITY, 3, 4);
      const refusedInsert = await failureOf(() =>
        client.insert({ collection_name, data: [{ id: 1, vector: infinite }] }),
      );
      expect(refusedInsert.reason).toContain('not a number or infinity');
    }
    const metric = kind.name === 'BinaryVector' ? 'L2' : 'HAMMING';
    const name = nameOf('refused');
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
    const refusedIndex = await failureOf(() =>
      client.createIndex({ collection_name: name, field_name: 'vector', metric_type: metric }),
    );
    expect(refusedIndex.reason).toContain('metric type');
  });
  test('all is there after a restart', async () => {
    await world.restart();
    await checkRows();
    await checkSearches();
    for (const metric of kind.metrics)
      await mustSucceed(client.flushSync({ collection_names: [nameOf(metric)] }));
    await checkRows();
    await checkSearches();
  });
});
