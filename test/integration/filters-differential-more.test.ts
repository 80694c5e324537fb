// Random filters over what filters-differential.test.ts leaves out, through the real client: geometries with RTREE, struct arrays, times in zones,
// words of texts, and a field that was dropped and came again; rows in memory, in files, both, and compacted, before and after a restart.
import { DataType, type MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import {
  box,
  elementPairs,
  type Pair,
  type PairRow,
  pairs,
  phraseText,
  secondsOf,
  wktOf,
} from '../oracle/predicate-pairs.js';
import { connect, keyField, mustSucceed, tempFolder, until, vectorField, vectorOf } from './support.js';

/** So few rows are looked through at once: indexes answer wherever they can while scans count as dear. */
const costs = vi.hoisted(() => ({ areScansDear: false }));
vi.mock('#segment/filters/scan-cost.js', async (original) => {
  const real = await original<typeof import('#segment/filters/scan-cost.js')>();
  const scanNanos: typeof real.scanNanos = (...asked) =>
    costs.areScansDear ? 1e9 : real.scanNanos(...asked);
  return { ...real, scanNanos };
});

const RUNS = Number(process.env.FILTER_RUNS ?? 24);
const SEED = Number(process.env.FILTER_SEED ?? 20_261_129);
const collection_name = 'more';
const dropped = { name: 'n', data_type: DataType.Int64, nullable: true };
const fields = [
  keyField,
  vectorField,
  dropped,
  { name: 'place', data_type: DataType.Geometry, nullable: true },
  { name: 'at', data_type: DataType.Timestamptz, nullable: true },
  {
    ...{ name: 'words', data_type: DataType.VarChar, max_length: 200, nullable: true },
    ...{ enable_analyzer: true, enable_match: true },
  },
  {
    ...{ name: 'parts', data_type: DataType.Array, element_type: DataType.Struct, nullable: true },
    max_capacity: 8,
    fields: [
      { name: 'n', data_type: DataType.Int64 },
      { name: 'word', data_type: DataType.VarChar, max_length: 8 },
    ],
  },
];

/** Null now and then. */
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 6 });
const arbitraryRow = fc.record({
  place: maybe(box),
  parts: maybe(
    fc.array(
      fc.record({ n: fc.integer({ min: 0, max: 5 }), word: fc.constantFrom('', 'a', 'ab', 'abc', 'c') }),
      { maxLength: 5 },
    ),
  ),
  at: maybe(
    fc
      .tuple(
        fc.constantFrom(1, 2, 6, 7),
        fc.integer({ min: 1, max: 28 }),
        fc.integer({ min: 0, max: 23 }),
        fc.constantFrom(0, 15, 30, 59),
      )
      .map(([month, day, hour, minute]) => secondsOf(month, day, hour, minute, 0)),
  ),
  words: maybe(phraseText),
  n: maybe(fc.integer({ min: 0, max: 8 })),
});
const sentRow = (row: PairRow): RowData =>
  ({
    ...{ id: row.id, vector: vectorOf(row.id), n: row.n ?? null, parts: row.parts ?? null },
    ...{ place: row.place === undefined ? null : wktOf(row.place), words: row.words ?? null },
    at: row.at === undefined ? null : new Date(row.at * 1000).toISOString(),
  }) as RowData;

describe('random filters of geometries, structs, times and words mean what loops over rows say', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Elanus;
  let client: MilvusClient;
  const rows = new Map<number, PairRow>();
  const options = {
    ...({ logLevel: 'error', indexRowsMin: 1, autoCompaction: false } as const),
    indexCheckIntervalMs: 300,
  };

  async function write(begin: number, end: number, seed: number): Promise<void> {
    const made = fc.sample(arbitraryRow, { numRuns: end - begin, seed });
    const written = made.map((row, at) => ({ ...row, id: begin + at }));
    for (const row of written) rows.set(row.id, row);
    await mustSucceed(client.upsert({ collection_name, data: written.map(sentRow) }));
  }
  async function start(): Promise<void> {
    database = await open(folder.path, options);
    client = await connect(database.address);
  }
  const flush = () => client.flushSync({ collection_names: [collection_name] });
  beforeAll(async () => {
    folder = await tempFolder();
    await start();
    await mustSucceed(
      client.createCollection({
        ...{ collection_name, fields: fields as (typeof keyField)[], shards_num: 2 },
        properties: { timezone: 'America/New_York' },
      }),
    );
    const index = { collection_name, field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' };
    await mustSucceed(client.createIndex(index));
    await client.loadCollectionSync({ collection_name });
    await write(0, 120, SEED);
    await flush();
    await write(120, 200, SEED + 1);
    await write(30, 50, SEED + 2);
  });
  afterAll(async () => {
    await client?.closeConnection();
    await database?.close();
    await folder?.remove();
  });

  const idsOf = (found: readonly RowData[]): number[] => found.map(({ id }) => Number(id));
  const sorted = (ids: number[]): number[] => [...ids].sort((a, b) => a - b);
  const query = async (filter: string): Promise<RowData[]> => {
    const { data, status } = await client.query({
      ...{ collection_name, filter, output_fields: ['id'], limit: 10_000 },
    });
    expect([filter, status.reason]).toEqual([filter, '']);
    return data;
  };
  async function agrees({ text, test }: Pair): Promise<void> {
    const wanted = sorted([...rows.values()].filter((row) => test(row) === true).map(({ id }) => id));
    expect([text, idsOf(await query(text))]).toEqual([text, wanted]);
    const { results } = await client.search({
      ...{ collection_name, data: vectorOf(5000), limit: 1000, filter: text, output_fields: ['id'] },
    });
    expect([text, sorted(idsOf(results as RowData[]))]).toEqual([text, wanted]);
    expect((await client.count({ collection_name, expr: text })).data).toBe(wanted.length);
  }
  async function agreeAtRandom(seed: number): Promise<void> {
    await fc.assert(fc.asyncProperty(pairs, agrees), { numRuns: RUNS, seed, endOnFailure: false });
    const elements = fc.asyncProperty(elementPairs, async ({ text, offsets }) => {
      const wanted = sorted([...rows.keys()]).flatMap((id) =>
        offsets(rows.get(id) as PairRow).map((at) => [id, at]),
      );
      const found = (await query(text)).map((row) => [Number(row.id), Number(row.offset)]);
      expect([text, found]).toEqual([text, wanted]);
    });
    await fc.assert(elements, { numRuns: RUNS / 4, seed, endOnFailure: false });
  }

  it('over rows in files and in memory, with upserts', () => agreeAtRandom(SEED), 60_000);

  it('after deletes by such filters, a field that was dropped and came again, and a restart', async () => {
    const gone = fc.sample(pairs, { numRuns: 20, seed: SEED }).find(({ test }) => {
      const count = [...rows.values()].filter((row) => test(row) === true).length;
      return count > 5 && count < 60;
    });
    if (gone === undefined) throw new Error('no filter that deletes some rows');
    const deleted = await client.delete({ collection_name, filter: gone.text });
    const ids = [...rows.values()].filter((row) => gone.test(row) === true).map(({ id }) => id);
    expect([gone.text, Number(deleted.delete_cnt)]).toEqual([gone.text, ids.length]);
    for (const id of ids) rows.delete(id);
    await mustSucceed(client.dropCollectionField({ collection_name, field_name: 'n' } as never));
    const { status } = await client.query({ collection_name, filter: 'n > 1', output_fields: ['id'] });
    expect(status.reason).toContain('n');
    for (const [id, row] of rows) rows.set(id, { ...row, n: undefined });
    await mustSucceed(client.addCollectionField({ collection_name, field: dropped } as never));
    await write(200, 230, SEED + 3);
    await agreeAtRandom(SEED + 4);
    await client.closeConnection();
    await database.close();
    await start();
    await client.loadCollectionSync({ collection_name });
    await agreeAtRandom(SEED + 5);
  }, 60_000);

  it('with indexes, and compacted', async () => {
    await flush();
    for (const [field_name, index_type] of [
      ['place', 'RTREE'],
      ['at', 'STL_SORT'],
      ['parts[n]', 'INVERTED'],
    ] as const)
      await mustSucceed(client.createIndex({ collection_name, field_name, index_type } as never));
    const built = () =>
      until('all indexes are built', async () => {
        const { index_descriptions } = await client.describeIndex({ collection_name });
        return index_descriptions.every(({ state }) => String(state) === 'Finished') ? true : undefined;
      });
    await built();
    costs.areScansDear = true;
    const { status } = await client.search({
      ...{ collection_name, data: vectorOf(1), limit: 3, params: { explain: true } },
      filter: 'st_within(place, "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0))") and id != -1',
    });
    expect(status.extra_info?.['elanus.explain'] ?? status.reason).toContain('"by":"RTREE"');
    await write(230, 260, SEED + 6);
    await agreeAtRandom(SEED + 7);
    await flush();
    const { compactionID } = await client.compact({ collection_name });
    await until('the compaction ends', async () => {
      const { state } = await client.getCompactionState({ compactionID });
      return String(state) === 'Completed' ? true : undefined;
    });
    await built();
    await agreeAtRandom(SEED + 8);
  }, 60_000);
});
