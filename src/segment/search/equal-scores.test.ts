// Searches over few scores that many rows share, in segments whose keys are in no order: the hits are those of a sort by score and key, whatever k is.
import { afterAll, describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, seededRandom } from '#base/random.js';
import {
  batchOf,
  column,
  columnFromBytes,
  columnFromInt64,
  columnFromStrings,
  keyAt,
} from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import { sparseFromPairs } from '#model/columns/sparse-vector.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import type { Column } from '#proto/elanus/data.js';
import { ShardSearchRequest } from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { SegmentData } from '#segment/segment-data.js';
import { searchSegments } from './search-segments.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());

interface Case {
  readonly name: string;
  readonly rows: number;
  readonly isText: boolean;
  readonly metric: string;
  readonly dataType: DataType;
  /** The vector of a row in one of three groups. */
  readonly vectorOf: (group: number) => Uint8Array;
  /** The group whose score is best comes first. */
  readonly order: readonly number[];
}

const floats = (...values: number[]): Uint8Array => bytesView(Float32Array.from(values));
const sparse = (value: number): Uint8Array => sparseFromPairs([[7, value]]) as Uint8Array;
const FLOATS = { dataType: DataType.FloatVector, vectorOf: (group: number) => floats(1, group) };

const cases: readonly Case[] = [
  { ...FLOATS, name: 'float L2, number keys', rows: 1200, isText: false, metric: 'L2', order: [0, 1, 2] },
  { ...FLOATS, name: 'float IP, text keys', rows: 1200, isText: true, metric: 'IP', order: [0, 1, 2] },
  {
    ...{ name: 'more rows of a score than one search finds', rows: 26_000, isText: false },
    ...{ metric: 'SUBSTRUCTURE', dataType: DataType.BinaryVector, order: [0, 1, 2] },
    // Bits of the query, and others: groups 1 and 2 have the same score.
    vectorOf: (group) => Uint8Array.of(group === 0 ? 1 : group === 1 ? 2 : 6),
  },
  {
    ...{ name: 'sparse', rows: 1200, isText: false, metric: 'IP', dataType: DataType.SparseFloatVector },
    ...{ vectorOf: (group) => sparse(3 - group), order: [0, 1, 2] },
  },
];

/** A query for which group 0 is best; larger is better by how it scales. */
function queryOf({ dataType, metric }: Case): Uint8Array {
  if (dataType === DataType.BinaryVector) return Uint8Array.of(1);
  if (dataType === DataType.SparseFloatVector) {
    const pair = sparse(1);
    return Uint8Array.from([...bytesView(Uint32Array.of(1)), ...pair]);
  }
  return metric === 'IP' ? floats(1, -1) : floats(1, 0);
}

function columnOfVectors({ dataType, vectorOf }: Case, groups: readonly number[]): Column {
  const values = groups.map(vectorOf);
  if (dataType === DataType.SparseFloatVector) return columnFromBytes(101n, dataType, values);
  return column(101n, dataType, Buffer.concat(values));
}

function world(one: Case) {
  const schema = CollectionSchema.fromPartial({
    name: 'ties',
    fields: [
      {
        ...{ fieldID: 100n, name: 'id', isPrimaryKey: true },
        dataType: one.isText ? DataType.VarChar : DataType.Int64,
      },
      {
        ...{ fieldID: 101n, name: 'v', dataType: one.dataType },
        typeParams: [{ key: 'dim', value: one.dataType === DataType.BinaryVector ? '8' : '2' }],
      },
    ],
  });
  const random = seededRandom(5);
  const numbers = Array.from({ length: one.rows }, (_, at) => at - one.rows / 2);
  for (let at = numbers.length - 1; at > 0; at--) {
    const other = nextBelow(random, at + 1);
    [numbers[at], numbers[other]] = [numbers[other] as number, numbers[at] as number];
  }
  const keys = numbers.map((number) => (one.isText ? `k${number}` : BigInt(number)));
  const groups = keys.map(() => nextBelow(random, 3));
  const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
  const keyColumn = one.isText
    ? columnFromStrings(100n, DataType.VarChar, keys.map(String))
    : columnFromInt64(100n, keys.map(BigInt));
  data.appendBatch(batchOf(one.rows, [keyColumn, columnOfVectors(one, groups)]), 1n);
  return { schema, data, keys, groups };
}

describe.each(cases)('$name', (one) => {
  it('has the hits of a sort by score and key', async () => {
    const { schema, data, keys, groups } = world(one);
    const rank = (group: number): number =>
      one.metric === 'SUBSTRUCTURE' ? Math.min(1, one.order.indexOf(group)) : one.order.indexOf(group);
    // Every 50th row is deleted.
    for (let row = 0; row < keys.length; row += 50) data.applyDelete(keys[row] ?? '', 2n);
    const sorted = keys
      .map((key, row) => ({ key, rank: rank(groups[row] as number), row }))
      .filter(({ row }) => row % 50 !== 0)
      .sort((a, b) => a.rank - b.rank || compareKeys(a.key, b.key))
      .map(({ key }) => key);
    const first = groups.filter((group, row) => group === 0 && row % 50 !== 0).length;
    const pace = new Pace(platform, { signal: new AbortController().signal });
    const few = [first - 1, first + 1];
    for (const topK of one.rows > 2000 ? few : [1, 2, 10, ...few, first, first + 30, 1000]) {
      const queryCount = topK < 20 ? 3 : 1;
      const request = ShardSearchRequest.create({
        ...{ fieldId: 101n, metric: one.metric, queryCount, topK },
        queries: Buffer.concat(Array.from({ length: queryCount }, () => queryOf(one))),
      });
      const segment = { id: 1n, data, commitTimestamp: 0n };
      const { signal } = new AbortController();
      const hits = await searchSegments([segment], request, 200n, schema, { signal, pace });
      const found = Array.from(hits.rows, (_, at) => keyAt(hits.keys, at));
      expect([topK, found]).toEqual([topK, Array(queryCount).fill(sorted.slice(0, topK)).flat()]);
    }
    data.release();
  });
});
