// When somebody waits for a backfill, and when looks at its collection are put off.
import { expect, test } from 'vitest';
import { parseFlushedSegment } from '#model/states/segment.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { segment } from '../../../../test/support/data-coord.js';
import { Backfills } from './backfills.js';

const schema = CollectionSchema.fromPartial({
  fields: [{ fieldID: 103n, name: 'sparse', dataType: DataType.SparseFloatVector }],
  functions: [{ name: 'f', type: FunctionType.BM25, outputFieldIds: [103n] }],
});
const facts = {
  ...{ vchannel: 'v', checkpoint: 50n, busy: new Set<bigint>(), hasImports: false },
  segments: [parseFlushedSegment(segment(11n, {}))],
};

test('a backfill that failed is put off, also while rows come to files for it', () => {
  const backfills = new Backfills();
  expect(backfills.isExpected(7n)).toBe(false);
  backfills.expect(7n, 100n);
  expect(backfills.isExpected(7n)).toBe(true);
  expect(backfills.look(7n, [facts], schema, 1000).map(({ id }) => id)).toEqual([11n]);
  expect(backfills.isExpected(7n)).toBe(true);
  backfills.failed(7n, 'the store is away', 31_000);
  expect(backfills.isExpected(7n)).toBe(false);
  expect(backfills.pausedMs(7n, 1000)).toBe(30_000);
});
