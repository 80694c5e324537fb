// Random filters through the real client, held against the oracle of filters: rows of two shards and two partitions, in files, in memory and
// both, after upserts and deletes, after the database was closed and opened again, with indexes of every kind, after partial updates, with a
// field that was added later, and after a compaction. Query, count, pages and search must agree.
import { DataType, type MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseFilter } from '#expr/parse/parser.js';
import { type Elanus, open } from '#server/open.js';
import { FilterOracle, type Row } from '../oracle/filter-oracle.js';
import { filters, rowOf, sentRow } from '../support/client-filters.js';
import { connect, keyField, mustSucceed, tempFolder, until, vectorField, vectorOf } from './support.js';

/** So few rows are looked through at once: indexes answer wherever they can while scans count as dear. */
const costs = vi.hoisted(() => ({ areScansDear: false }));
vi.mock('#segment/filters/scan-cost.js', async (original) => {
  const real = await original<typeof import('#segment/filters/scan-cost.js')>();
  const scanNanos: typeof real.scanNanos = (...asked) =>
    costs.areScansDear ? 1e9 : real.scanNanos(...asked);
  return { ...real, scanNanos };
});

const RUNS = Number(process.env.FILTER_RUNS ?? 60);
const SEED = Number(process.env.FILTER_SEED ?? 20_261_128);

const fields = [
  keyField,
  vectorField,
  { name: 'tiny', data_type: DataType.Int8, nullable: true },
  { name: 'big', data_type: DataType.Int64, nullable: true },
  { name: 'float', data_type: DataType.Float, nullable: true },
  { name: 'double', data_type: DataType.Double, nullable: true },
  { name: 'text', data_type: DataType.VarChar, max_length: 64, nullable: true },
  { name: 'yes', data_type: DataType.Bool, nullable: true },
  { name: 'doc', data_type: DataType.JSON, nullable: true },
  {
    name: 'ints',
    data_type: DataType.Array,
    element_type: DataType.Int64,
    max_capacity: 8,
    nullable: true,
  },
  {
    name: 'texts',
    data_type: DataType.Array,
    element_type: DataType.VarChar,
    max_capacity: 8,
    max_length: 16,
    nullable: true,
  },
  { name: 'time', data_type: DataType.Timestamptz, nullable: true },
];
/** An index of each kind; two of the document, by path and type. */
const indexes = [
  { field_name: 'tiny', index_type: 'BITMAP' },
  { field_name: 'big', index_type: 'STL_SORT' },
  { field_name: 'float', index_type: 'INVERTED' },
  { field_name: 'double', index_type: 'AUTOINDEX' },
  { field_name: 'text', index_type: 'NGRAM', params: { min_gram: 2, max_gram: 3 } },
  { field_name: 'yes', index_type: 'BITMAP' },
  { field_name: 'ints', index_type: 'INVERTED' },
  { field_name: 'texts', index_type: 'BITMAP' },
  { field_name: 'time', index_type: 'STL_SORT' },
  ...(
    [
      ['doc', 'number', 'doc["a"]', 'double'],
      ['doc', 'word', 'doc["a"]', 'varchar'],
      ['doc', 'truth', 'doc["a"]', 'bool'],
      ['doc', 'list', 'doc["a"]["c"]', 'array_double'],
      ['doc', 'whole', 'doc', 'JSON'],
      ['colour', 'colour', 'colour', 'varchar'],
    ] as const
  ).map(([field_name, index_name, json_path, json_cast_type]) => ({
    ...{ field_name, index_name, index_type: 'INVERTED', params: { json_path, json_cast_type } },
  })),
];
/** Another index of the same field in its place. */
const otherIndexes = [
  { field_name: 'tiny', index_type: 'INVERTED' },
  { field_name: 'text', index_type: 'Trie' },
  { field_name: 'big', index_type: 'BITMAP' },
];

const oracle = new FilterOracle({
  floats: new Set(['float']),
  doubles: new Set(['double']),
  json: new Set(['doc', '$meta']),
});

describe('random filters mean what the oracle says', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Elanus;
  let client: MilvusClient;
  const rows = new Map<number, Row>();
  const options = {
    logLevel: 'error',
    indexCheckIntervalMs: 300,
    indexRowsMin: 1,
    autoCompaction: false,
  } as const;

  const ids = (found: readonly RowData[]): number[] => found.map(({ id }) => Number(id));
  const write = async (numbers: readonly number[], version: number, partition: string): Promise<void> => {
    const written = numbers.map((id) => rowOf(id, version));
    for (const row of written) rows.set(Number(row.id), row);
    const request = { collection_name: 'c', partition_name: partition, data: written.map(sentRow) };
    await mustSucceed(version === 0 ? client.insert(request) : client.upsert(request));
  };
  const range = (begin: number, end: number): number[] =>
    Array.from({ length: end - begin }, (_, at) => begin + at);

  beforeAll(async () => {
    folder = await tempFolder();
    database = await open(folder.path, options);
    client = await connect(database.address);
    await mustSucceed(
      client.createCollection({ collection_name: 'c', fields, enable_dynamic_field: true, shards_num: 2 }),
    );
    await mustSucceed(client.createPartition({ collection_name: 'c', partition_name: 'p' }));
    await mustSucceed(
      client.createIndex({
        collection_name: 'c',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await client.loadCollectionSync({ collection_name: 'c' });
    await write(range(0, 120), 0, '_default');
    await write(range(120, 200), 0, 'p');
    await client.flushSync({ collection_names: ['c'] });
    await write(range(200, 300), 0, '_default');
    await write(range(40, 60), 1, '_default');
    await write(range(210, 220), 1, '_default');
  });
  afterAll(async () => {
    await client?.closeConnection();
    await database?.close();
    await folder?.remove();
  });

  async function build(some: readonly object[]): Promise<void> {
    for (const index of some)
      await mustSucceed(client.createIndex({ collection_name: 'c', ...index } as never));
    await built();
  }
  const built = (): Promise<true> =>
    until('all indexes are built', async () => {
      const { index_descriptions } = await client.describeIndex({ collection_name: 'c' });
      return index_descriptions.every(({ state }) => String(state) === 'Finished') ? true : undefined;
    });
  /** Each of the indexes is asked. */
  async function expectIndexed(): Promise<void> {
    const asked = [
      ['tiny == 7', 'BITMAP'],
      ['big == 7', 'STL_SORT'],
      ['float == 1.5', 'INVERTED'],
      ['text like "%abc%"', 'NGRAM'],
      ['array_contains(ints, 7)', 'INVERTED'],
      ['doc["a"] == "ab"', 'INVERTED'],
    ] as const;
    let tries = 0;
    for (const [leaf, index] of asked)
      await until(`${leaf} is answered by an index`, async () => {
        // Another filter each time: what was evaluated once is kept.
        const filter = `${leaf} and id != ${1000 + tries++}`;
        const { status } = await client.search({
          ...{ collection_name: 'c', data: vectorOf(1), limit: 3, filter, params: { explain: true } },
        });
        const explained = status.extra_info?.['elanus.explain'] ?? status.reason;
        if (explained.includes(`"by":"${index}"`)) return true;
        throw new Error(explained.slice(0, 600));
      });
  }
  async function compact(): Promise<void> {
    const { compactionID } = await client.compact({ collection_name: 'c' });
    await until('the compaction ends', async () => {
      const { state } = await client.getCompactionState({ compactionID });
      return String(state) === 'Completed' ? true : undefined;
    });
  }
  const isInP = (id: number): boolean => id >= 120 && id < 200;
  /** Some of the rows get other values in some of their fields. */
  async function updatePartly(version: number, of: (id: number) => Partial<Row>): Promise<void> {
    const changed = [...rows.keys()].filter((id) => id % 5 === version % 5);
    const data = changed.map((id) => {
      const change = of(id);
      rows.set(id, { ...rows.get(id), ...change } as Row);
      const sent = Object.entries(change).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? String(value) : (value ?? null),
      ]);
      return { id: String(id), ...Object.fromEntries(sent) };
    });
    const request = { collection_name: 'c', data: data as RowData[], partial_update: true };
    for (const partition_name of ['_default', 'p']) {
      const own = data.filter(({ id }) => isInP(Number(id)) === (partition_name === 'p'));
      if (own.length > 0)
        await mustSucceed(client.upsert({ ...request, data: own as RowData[], partition_name }));
    }
  }

  async function agrees(filter: string): Promise<void> {
    const node = parseFilter(filter);
    const wanted = [...rows.values()]
      .filter((row) => oracle.passes(node, row))
      .map(({ id }) => Number(id))
      .sort((a, b) => a - b);
    const query = { collection_name: 'c', filter, output_fields: ['id'] };
    const found = await client.query({ ...query, limit: 1000 });
    expect(found.status.reason, filter).toBe('');
    expect(ids(found.data), filter).toEqual(wanted);
    const pages: number[] = [];
    const size = Math.max(1, Math.ceil(wanted.length / 3));
    for (let offset = 0; offset <= wanted.length; offset += size)
      pages.push(...ids((await client.query({ ...query, limit: size, offset })).data));
    expect(pages, filter).toEqual(wanted);
    expect((await client.count({ collection_name: 'c', expr: filter })).data, filter).toBe(wanted.length);
    const hits = await client.search({ ...query, data: vectorOf(5000), limit: 1000 });
    expect(
      ids(hits.results as RowData[]).sort((a, b) => a - b),
      filter,
    ).toEqual(wanted);
  }
  const agreeAtRandom = (seed: number): Promise<void> =>
    fc.assert(fc.asyncProperty(filters, agrees), { numRuns: RUNS, seed, endOnFailure: false });

  it('over rows in files and in memory, with upserts', () => agreeAtRandom(SEED), 120_000);

  it('after a delete by a filter, and after a restart', async () => {
    const filter = 'tiny == 7 or exists more or text like "ab%"';
    const node = parseFilter(filter);
    const gone = [...rows.values()].filter((row) => oracle.passes(node, row));
    const deleted = await client.delete({ collection_name: 'c', filter });
    expect(Number(deleted.delete_cnt)).toBe(gone.length);
    for (const { id } of gone) rows.delete(Number(id));
    await agreeAtRandom(SEED + 1);
    await client.closeConnection();
    await database.close();
    database = await open(folder.path, options);
    client = await connect(database.address);
    await client.loadCollectionSync({ collection_name: 'c' });
    await agreeAtRandom(SEED + 2);
  }, 120_000);

  it('with indexes of every kind, over rows in files and rows that came later', async () => {
    await client.flushSync({ collection_names: ['c'] });
    await build(indexes);
    costs.areScansDear = true;
    await expectIndexed();
    await agreeAtRandom(SEED + 3);
    await write(range(300, 340), 0, '_default');
    await write(range(220, 240), 2, '_default');
    await agreeAtRandom(SEED + 4);
  }, 240_000);

  it('after partial updates, with a field that was added later, and after compactions', async () => {
    await updatePartly(1, (id) => ({
      tiny: id % 2 === 0 ? undefined : 7n,
      text: id % 3 === 0 ? 'abc' : 'b%c',
    }));
    await agreeAtRandom(SEED + 5);
    const field = { name: 'added', data_type: DataType.Int64, nullable: true };
    await mustSucceed(client.addCollectionField({ collection_name: 'c', field } as never));
    for (const [id, row] of rows) rows.set(id, { ...row, added: undefined });
    await updatePartly(2, (id) => ({ added: BigInt(id % 4), double: 1.5 }));
    const added = ['added == 3', 'not (added == 3)', 'added is null', 'added in [0, 1] or added is null'];
    for (const filter of [...added, 'added < 2 and tiny == 7']) await agrees(filter);
    await client.flushSync({ collection_names: ['c'] });
    await build([{ field_name: 'added', index_type: 'STL_SORT' }]);
    for (const filter of added) await agrees(filter);
    await compact();
    await built();
    for (const filter of added) await agrees(filter);
    await agreeAtRandom(SEED + 6);
    for (const { field_name } of otherIndexes)
      await mustSucceed(client.dropIndex({ collection_name: 'c', field_name, index_name: field_name }));
    await build(otherIndexes);
    await agreeAtRandom(SEED + 7);
  }, 240_000);
});
