// Segments that were written and loaded: what their files say lets a filter pass over them, and loses no row of logs that say nothing.
import { afterAll, describe, expect, it } from 'vitest';
import type { Leaf, Literal, PredicateFilter } from '#expr/typed.js';
import { batchOf, columnFromInt64, columnFromStrings } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { Pace } from '#platform/pace.js';
import { type FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { writeSegment } from './files/insert-log.js';
import { readSegment } from './files/read-segment.js';
import { explainedFilter, passingAt } from './passing-rows.js';
import { SegmentData } from './segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
const key = { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true };
const title = { fieldID: 101n, name: 'title', dataType: DataType.VarChar, nullable: true };
const late = { ...title, fieldID: 102n, name: 'late' };
const older = CollectionSchema.fromPartial({ name: 'c', fields: [key, title] });
const newer = CollectionSchema.fromPartial({ name: 'c', fields: [key, title, late] });
const LATEST = 1n << 62n;

interface Log {
  readonly schema: CollectionSchema;
  readonly keys: readonly bigint[];
  readonly titles: readonly (string | null)[];
  readonly late?: readonly string[];
}

async function loaded(logs: readonly Log[]): Promise<SegmentData> {
  const files: FileRecord[] = [];
  let rows = 0;
  for (const [at, { schema, keys, titles, late: lateTexts }] of logs.entries()) {
    const data = new SegmentData(platform, { ...address, id: 1n, schema });
    const times = keys.map(() => 1n << 40n);
    data.appendBatch(
      batchOf(keys.length, [
        ...[columnFromInt64(1n, times), columnFromInt64(100n, keys)],
        columnFromStrings(101n, DataType.VarChar, titles),
        ...(lateTexts ? [columnFromStrings(102n, DataType.VarChar, lateTexts)] : []),
      ]),
    );
    const write = { address, schema, data, rowBegin: 0, rowEnd: keys.length, logId: BigInt(at + 1) };
    files.push(...(await writeSegment(platform, write)));
    data.release();
    rows += keys.length;
  }
  const record = SegmentRecord.fromPartial({ ...address, id: 1n, rowCount: BigInt(rows), files });
  return readSegment(platform, record, newer);
}

const field = (name: string, fieldId: bigint, dataType: DataType) => ({
  ...{ fieldId, name, dataType, elementType: DataType.None, nullable: true },
});
const fieldsByName = {
  id: field('id', 100n, DataType.Int64),
  title: field('title', 101n, DataType.VarChar),
  late: field('late', 102n, DataType.VarChar),
};
const compare = (name: keyof typeof fieldsByName, op: '==' | '<' | '>', value: Literal): Leaf => ({
  ...{ kind: 'compare', op, value },
  operand: { kind: 'field', type: value.type === 'int' ? 'int' : 'text', field: fieldsByName[name] },
});
const int = (value: bigint): Literal => ({ type: 'int', value });
const text = (value: string): Literal => ({ type: 'text', value });

async function asked(data: SegmentData, predicate: Leaf) {
  const filter: PredicateFilter = { kind: 'predicate', predicate };
  const pace = new Pace(platform, { signal: new AbortController().signal });
  const { passing } = await passingAt({ id: 1n, data, commitTimestamp: 0n }, filter, LATEST, pace);
  const { scanned, tree } = JSON.parse(explainedFilter(data, filter));
  return { passing, scanned, by: tree.by ?? tree.and?.[0]?.by ?? 'scan' };
}

describe('a loaded segment', () => {
  it('is skipped by its ends, its null counts and the bloom filter of its keys', async () => {
    const data = await loaded([
      { schema: older, keys: [10n, 20n, 30n], titles: ['m', 'n', null] },
      { schema: older, keys: [40n, 50n], titles: ['p', 'q'] },
    ]);
    const none = { passing: 0, scanned: 0 };
    expect(await asked(data, compare('id', '>', int(50n)))).toEqual({ ...none, by: 'skipped by min/max' });
    expect(await asked(data, compare('id', '==', int(21n)))).toEqual({
      ...none,
      by: 'skipped by bloom and min/max',
    });
    expect(await asked(data, compare('title', '<', text('m')))).toEqual({
      ...none,
      by: 'skipped by min/max',
    });
    expect(await asked(data, compare('id', '==', int(20n)))).toMatchObject({ passing: 1, by: 'primary key' });
    // One of two row groups is left out: texts have no ranges of blocks.
    expect(await asked(data, compare('title', '==', text('p')))).toEqual({
      ...{ passing: 1, scanned: 2, by: 'row groups by min/max' },
    });
    data.release();
  });

  it('is read where a log is older than the field', async () => {
    const data = await loaded([
      { schema: older, keys: [1n], titles: ['a'] },
      { schema: newer, keys: [2n, 3n], titles: ['a', 'b'], late: ['x', 'y'] },
    ]);
    const isNull: Leaf = { kind: 'is-null', field: fieldsByName.late, negated: false };
    expect(await asked(data, isNull)).toMatchObject({ passing: 1 });
    expect(await asked(data, compare('late', '==', text('y')))).toMatchObject({ passing: 1 });
    data.release();
  });

  it('that got more rows is read', async () => {
    const data = await loaded([{ schema: older, keys: [1n], titles: ['a'] }]);
    expect(await asked(data, compare('id', '>', int(5n)))).toMatchObject({ by: 'skipped by min/max' });
    data.appendBatch(
      batchOf(1, [columnFromInt64(100n, [9n]), columnFromStrings(101n, DataType.VarChar, ['z'])]),
      1n << 41n,
    );
    expect(await asked(data, compare('id', '>', int(5n)))).toMatchObject({ passing: 1, by: 'scan' });
    data.release();
  });
});
