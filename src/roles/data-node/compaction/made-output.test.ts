// Segments that lack what a function makes which came later, compacted.
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { seededRandom } from '#base/random.js';
import { bytesAt, stringAt } from '#model/columns/column.js';
import type { ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { readFields } from '#segment/files/segment-columns.js';
import { compactionWorld } from '../../../../test/support/compaction-world.js';
import { NAME, testBatch, testSchema } from '../../../../test/support/segments.js';

const schema = testSchema();
const rowsOf = (keys: readonly bigint[], seed = 3): ColumnBatch => testBatch(keys, seededRandom(seed));
const range = (begin: number, end: number): bigint[] =>
  Array.from({ length: end - begin }, (_, at) => BigInt(begin + at));

describe('segments that lack what a function makes', () => {
  const made = 103n;
  const analyzed = CollectionSchema.fromPartial({
    ...schema,
    fields: [
      ...schema.fields.map((field) =>
        field.fieldID === NAME
          ? { ...field, typeParams: [{ key: 'enable_analyzer', value: 'true' }] }
          : field,
      ),
      { fieldID: made, name: 'sparse', dataType: DataType.SparseFloatVector },
    ],
    functions: [{ name: 'f', type: FunctionType.BM25, inputFieldIds: [NAME], outputFieldIds: [made] }],
  });

  it('get it, of the rows that stay, beside segments that have it', async () => {
    const there = compactionWorld();
    const before = await there.run(there.flushed(schema, rowsOf(range(0, 5000)), range(1, 5001)));
    const deletes = await there.run(there.marks(schema, [[7n, 6000n]]));
    const asked = { schema: analyzed, sources: [before], deleteSegments: [deletes] };
    const { segments, unchanged } = await there.compact(asked);
    expect([unchanged, segments.map(({ rowCount }) => rowCount)]).toEqual([false, [4999n]]);
    const read = async (of: readonly SegmentRecord[]) =>
      there.run(
        readFields(
          there.platform,
          of.flatMap(({ files }) => files),
          analyzed,
          [NAME, made],
        ),
      );
    const { columns, rowCount } = await read(segments);
    const [name, vectors] = [must(columns[0], 'name'), must(columns[1], 'vectors')];
    for (let row = 0; row < rowCount; row += 7) {
      const hasWord = (stringAt(name, row) ?? '') !== '';
      expect(bytesAt(vectors, row).length).toBe(hasWord ? 8 : 0);
    }
    // Whole by now, and alone: there is nothing to do.
    expect((await there.compact({ schema: analyzed, sources: [...segments] })).unchanged).toBe(true);
    const other = await there.run(there.flushed(schema, rowsOf(range(6000, 6010), 4), range(7000, 7010)));
    const both = await there.compact({ schema: analyzed, sources: [...segments, other] });
    expect((await read(both.segments)).columns[1]?.valid.length).toBe(0);
    expect(both.segments.map((one) => one.rowCount)).toEqual([5009n]);
  });
});
