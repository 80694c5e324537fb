// Filters over struct arrays through the real client, held against the oracle of filters: `match_…`, `element_filter`, functions and
// comparisons of sub-fields; random thresholds over rows that grow, are in files, and both.
import { DataType, type FieldType } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFilter } from '#expr/parse/parser.js';
import { FilterOracle, type Row } from '../oracle/filter-oracle.js';
import { elementHits } from '../oracle/max-sim-oracle.js';
import { keyField, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

const COLLECTION = 'pages';
const ROWS = 160;
const DIM = 4;
const fields: FieldType[] = [
  keyField,
  vectorField,
  { name: 'n', data_type: DataType.Int64 },
  {
    name: 'st',
    data_type: DataType.Array,
    element_type: DataType.Struct,
    max_capacity: 16,
    nullable: true,
    fields: [
      { name: 'x', data_type: DataType.Int64 },
      { name: 'y', data_type: DataType.VarChar, max_length: 16 },
      { name: 'z', data_type: DataType.Double },
      { name: 'ok', data_type: DataType.Bool },
      { name: 'v', data_type: DataType.FloatVector, dim: DIM },
    ],
  },
  {
    name: 'other',
    data_type: DataType.Array,
    element_type: DataType.Struct,
    max_capacity: 4,
    fields: [{ name: 'x', data_type: DataType.Int64 }],
  },
];
const words = ['', 'a', 'ab', 'é', 'b%c', 'zz'];
interface Struct {
  readonly x: number;
  readonly y: string;
  readonly z: number;
  readonly ok: boolean;
}
const structsOf = (id: number): Struct[] | null =>
  id % 9 === 0
    ? null
    : Array.from({ length: (id * 7) % 6 }, (_, at) => ({
        x: ((id * 31 + at * 17) % 11) - 3,
        y: words[(id + at * 5) % words.length] ?? '',
        z: ((id * 13 + at) % 7) / 2,
        ok: (id + at) % 3 === 0,
      }));
const othersOf = (id: number) => Array.from({ length: id % 3 }, (_, at) => ({ x: id + at }));
const vectorsOf = (id: number): number[][] =>
  (structsOf(id) ?? []).map((_, at) => vectorOf(id * 50 + at, DIM));
const sentRow = (id: number) => ({
  id,
  vector: vectorOf(id),
  n: id % 7,
  st: structsOf(id)?.map((struct, at) => ({ ...struct, v: vectorsOf(id)[at] })) ?? null,
  other: othersOf(id),
});
const oracleRow = (id: number): Row => ({
  id: BigInt(id),
  n: BigInt(id % 7),
  st: structsOf(id)?.map(({ x, ...more }) => ({ ...more, x: BigInt(x) })),
  other: othersOf(id).map(({ x }) => ({ x: BigInt(x) })),
});
const oracle = new FilterOracle({ floats: new Set(), doubles: new Set(['z']), json: new Set() });

const comparison = fc.oneof(
  fc
    .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), fc.integer({ min: -4, max: 9 }))
    .map(([op, value]) => `$[x] ${op} ${value}`),
  fc
    .tuple(fc.constantFrom('<', '>='), fc.constantFrom('0.5', '1.0', '2.5'))
    .map(([op, value]) => `$[z] ${op} ${value}`),
  fc.constantFrom(
    '$[y] == "a"',
    '$[y] like "a%"',
    '$[y] in ["é", "zz"]',
    '$[ok] == true',
    '$[x] in [1, 2, 3]',
  ),
  fc.constantFrom('1 < $[x] <= 5', '$[x] + 1 > 4', '$[x] % 2 == 0'),
);
const inner = fc.oneof(
  comparison,
  fc.tuple(comparison, fc.constantFrom('and', 'or'), comparison).map(([a, op, b]) => `(${a} ${op} ${b})`),
  comparison.map((one) => `not (${one})`),
);
const match = fc.oneof(
  fc.tuple(fc.constantFrom('match_any', 'match_all'), inner).map(([name, one]) => `${name}(st, ${one})`),
  fc
    .tuple(fc.constantFrom('match_least', 'match_most', 'match_exact'), inner, fc.integer({ min: 0, max: 4 }))
    .map(([name, one, threshold]) => `${name}(st, ${one}, threshold=${threshold})`),
  fc.constantFrom(
    'array_length(st[x]) > 2',
    'array_contains(st[x], 3)',
    'array_contains_any(st[y], ["a", "zz"])',
    'array_contains_all(st[x], [1, 2])',
    'st[0][x] > 2',
    'st[1][y] == "a"',
    'match_any(other, $[x] > 100)',
  ),
);
const rowFilter = fc.oneof(
  match,
  fc
    .tuple(match, fc.constantFrom('and', 'or'), fc.constantFrom('n > 3', 'id < 80'))
    .map((all) => all.join(' ')),
  match.map((one) => `not ${one}`),
);
const elementFilter = fc.oneof(
  inner.map((one) => `element_filter(st, ${one})`),
  fc.tuple(rowFilter, inner).map(([rows, one]) => `(${rows}) and element_filter(st, ${one})`),
);

describe('filters over struct arrays', () => {
  let world: World;
  let rowCount = 0;
  const insert = async (count: number): Promise<void> => {
    const data = Array.from({ length: count }, (_, at) => sentRow(rowCount + at));
    await mustSucceed(world.client.insert({ collection_name: COLLECTION, data }));
    rowCount += count;
  };
  const ids = (): number[] => Array.from({ length: rowCount }, (_, id) => id);

  beforeAll(async () => {
    world = await openWorld('folder');
    const { client } = world;
    await mustSucceed(client.createCollection({ collection_name: COLLECTION, fields, shards_num: 2 }));
    for (const [field_name, metric_type] of [
      ['vector', 'L2'],
      ['st[v]', 'L2'],
    ] as const)
      await mustSucceed(
        client.createIndex({ collection_name: COLLECTION, field_name, index_type: 'FLAT', metric_type }),
      );
    await client.loadCollectionSync({ collection_name: COLLECTION });
    await insert(ROWS / 2);
  });
  afterAll(() => world.close());

  interface Read {
    readonly id: string;
    readonly offset?: string;
  }

  const readOf = (row: Readonly<Record<string, unknown>>): Read => ({
    id: String(row.id),
    ...(row.offset === undefined ? {} : { offset: String(row.offset) }),
  });

  const query = async (filter: string, more: object = {}): Promise<Read[]> => {
    const asked = { collection_name: COLLECTION, filter, output_fields: ['id'], limit: 10_000, ...more };
    const answer = await world.client.query(asked);
    expect([filter, answer.status.reason]).toEqual([filter, '']);
    return answer.data.map(readOf);
  };
  const wantedElements = (filter: string): [number, number][] => {
    const node = parseFilter(filter);
    return ids()
      .filter((id) => oracle.passes(node, oracleRow(id)))
      .flatMap((id) => oracle.elements(node, oracleRow(id)).map((at): [number, number] => [id, at]));
  };

  async function compare(runs: number): Promise<void> {
    await fc.assert(
      fc.asyncProperty(rowFilter, async (filter) => {
        const node = parseFilter(filter);
        const wanted = ids().filter((id) => oracle.passes(node, oracleRow(id)));
        expect([filter, (await query(filter)).map(({ id }) => Number(id))]).toEqual([filter, wanted]);
      }),
      { numRuns: runs, seed: 20_261_129 },
    );
    await fc.assert(
      fc.asyncProperty(elementFilter, fc.integer({ min: 1, max: 20 }), async (filter, limit) => {
        const wanted = wantedElements(filter);
        const read = await query(filter);
        const pairs = (rows: readonly Read[]) => rows.map(({ id, offset }) => [Number(id), Number(offset)]);
        expect([filter, pairs(read)]).toEqual([filter, wanted]);
        expect(pairs(await query(filter, { limit, offset: 3 }))).toEqual(wanted.slice(3, 3 + limit));
        const vector = vectorOf(77_777, DIM);
        const hits = await world.client.search({
          ...{ collection_name: COLLECTION, anns_field: 'st[v]', data: vector, filter, limit },
          output_fields: ['id'],
        });
        const passing = new Set(wanted.map(([id, at]) => `${id} ${at}`));
        const rows = ids().map((id) => ({ id, vectors: vectorsOf(id) }));
        const best = elementHits('L2', vector, rows, ({ id }, at) => passing.has(`${id} ${at}`)).slice(
          0,
          limit,
        );
        expect([filter, pairs(hits.results.map(readOf))]).toEqual([
          filter,
          best.map(({ id, offset }) => [id, offset]),
        ]);
      }),
      { numRuns: runs, seed: 20_261_129 },
    );
  }

  it('agree with the oracle while rows grow', () => compare(60));

  it('agree when rows are in files, and in both', async () => {
    await world.client.flushSync({ collection_names: [COLLECTION] });
    await compare(30);
    await insert(ROWS / 2);
    await compare(30);
  });

  it('say what is wrong', async () => {
    const reason = async (filter: string, more: object = {}): Promise<string> => {
      const asked = { collection_name: COLLECTION, output_fields: ['id'], limit: 3, ...more };
      const answer = await world.client.search({
        ...asked,
        anns_field: 'st[v]',
        data: vectorOf(1, DIM),
        filter,
      });
      return answer.status.reason;
    };
    expect(await reason('element_filter(other, $[x] > 1)')).toContain('element_filter is over other[x]');
    expect(await reason('element_filter(st, $[w] > 1)')).toContain('field st[w] not exist');
    expect(await reason('match_any(st, $[v] > 1)')).toContain('cannot be compared');
    const deleted = await world.client.delete({
      collection_name: COLLECTION,
      filter: 'element_filter(st, $[x] > 1)',
    });
    expect(deleted.status.reason).toContain('a delete takes no random_sample and no element_filter');
  });
});
