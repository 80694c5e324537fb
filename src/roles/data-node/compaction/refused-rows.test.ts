// Rows whose texts a function refuses: the others get what it makes, they go into a segment of their own, and are named when nothing else is left.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { columnFromInt64, columnFromStrings, int64At } from '#model/columns/column.js';
import { ColumnBatch, type SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, DataType, FunctionType } from '#proto/milvus/schema.js';
import { readFields } from '#segment/files/segment-columns.js';
import type { Embedder } from '#text/functions/embedder.js';
import { compactionWorld } from '../../../../test/support/compaction-world.js';
import { compactSegments } from './compact-segments.js';

const [KEY, TEXT, MADE] = [100n, 101n, 102n];
const before = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      ...{ fieldID: TEXT, name: 'text', dataType: DataType.VarChar },
      typeParams: [{ key: 'max_length', value: '100' }],
    },
  ],
});
const schema = CollectionSchema.fromPartial({
  ...before,
  version: 3,
  fields: [
    ...before.fields,
    {
      ...{ fieldID: MADE, name: 'vector', dataType: DataType.FloatVector, isFunctionOutput: true },
      typeParams: [{ key: 'dim', value: '2' }],
    },
  ],
  functions: [
    {
      ...{ id: 1n, name: 'embed', type: FunctionType.TextEmbedding },
      ...{ inputFieldIds: [TEXT], outputFieldIds: [MADE] },
    },
  ],
});

/** A service that refuses some texts; how often it was asked, and for how many texts. */
function service(isRefused: (text: string) => boolean, key: 'function_failed' | 'provider_unavailable') {
  const asked = { calls: 0, texts: 0 };
  const embedder: Embedder = {
    embed: async ({ texts }) => {
      asked.calls++;
      asked.texts += texts.length;
      if (texts.some(isRefused)) throw new ElanusError(key, 'errs:[400, too rude]');
      return new Uint8Array(Float32Array.from(texts.flatMap((text) => [text.length, 1])).buffer);
    },
  };
  return { asked, embedder };
}

function rows(count: number, bad: readonly number[]): ColumnBatch {
  const texts = Array.from({ length: count }, (_, at) => (bad.includes(at) ? `bad ${at}` : `text ${at}`));
  const keys = BigInt64Array.from({ length: count }, (_, at) => BigInt(at));
  return ColumnBatch.fromPartial({
    rowCount: count,
    columns: [columnFromInt64(KEY, keys), columnFromStrings(TEXT, DataType.VarChar, texts)],
  });
}

async function world(
  count: number,
  bad: readonly number[],
  key: Parameters<typeof service>[1] = 'function_failed',
) {
  const there = compactionWorld();
  const times = Array.from({ length: count }, (_, at) => BigInt(at + 1));
  const source = await there.run(there.flushed(before, rows(count, bad), times));
  const { asked, embedder } = service((text) => text.startsWith('bad'), key);
  const compact = (sources: readonly SegmentRecord[], deleteSegments: readonly SegmentRecord[] = []) =>
    there.run(
      compactSegments(
        { ...there.parts, embedder },
        {
          ...{ schema, sources: [...sources], deleteSegments: [...deleteSegments], sortFieldId: 0n },
          ...{
            deletesAppliedUntil: 9000n,
            expiredUntil: 0n,
            expiredAt: 0n,
            expiryField: 0n,
            expiryMicros: 0n,
          },
          targetBytes: 1n << 40n,
        },
      ),
    );
  const keysOf = async ({ files }: SegmentRecord): Promise<number[]> => {
    const { columns, rowCount } = await there.run(readFields(there.platform, files, schema, [KEY]));
    const [column] = columns;
    return Array.from({ length: rowCount }, (_, row) =>
      column === undefined ? -1 : Number(int64At(column, row)),
    );
  };
  const hasVector = ({ files }: SegmentRecord): boolean =>
    files.some(({ fieldIds }) => fieldIds.includes(MADE));
  return { there, source, asked, compact, keysOf, hasVector };
}

describe('rows that a function refuses', () => {
  it('go into a segment of their own, and the others get what it makes', async () => {
    const { there, source, asked, compact, keysOf, hasVector } = await world(3000, [5, 2047, 2999]);
    const { segments, unchanged } = await compact([source]);
    expect(unchanged).toBe(false);
    expect(segments.map(hasVector)).toEqual([true, false]);
    const [made, left] = segments as [SegmentRecord, SegmentRecord];
    expect(await keysOf(left)).toEqual([5, 2047, 2999]);
    const expected = Array.from({ length: 3000 }, (_, at) => at).filter(
      (at) => ![5, 2047, 2999].includes(at),
    );
    expect(await keysOf(made)).toEqual(expected);
    // Each is looked for by halves of its slice.
    expect(asked.texts).toBeLessThan(4 * 3000);
    const { columns } = await there.run(readFields(there.platform, made.files, schema, [MADE]));
    const vectors = new Float32Array((columns[0]?.data ?? new Uint8Array(0)).slice().buffer);
    expect([...vectors.subarray(10, 14)]).toEqual(['text 6'.length, 1, 'text 7'.length, 1]);

    // Alone they are named: nothing was written.
    const names = await there.run(there.platform.objectStore.list(''));
    await expect(compact([left])).rejects.toMatchObject({
      key: 'rows_refused',
      message: expect.stringMatching(
        /^function embed refuses the rows with keys 5, 2047, 2999: .*too rude.*; delete them/,
      ),
    });
    expect(await there.run(there.platform.objectStore.list(''))).toEqual(names);

    // Deleted, they go; what is left of them is tried again.
    const deletes = await there.run(there.marks(schema, [[5n, 8000n]]));
    const fewer = await compact([left], [deletes]);
    expect(fewer.segments.map(hasVector)).toEqual([false]);
    expect(await keysOf(fewer.segments[0] as SegmentRecord)).toEqual([2047, 2999]);
    const all = await there.run(
      there.marks(schema, [
        [2047n, 8001n],
        [2999n, 8002n],
      ]),
    );
    expect((await compact(fewer.segments, [all])).segments).toEqual([]);
  });

  it('beside others in one compaction', async () => {
    const { source, compact, keysOf, hasVector } = await world(20, [3]);
    const first = await compact([source]);
    const again = await compact(first.segments);
    expect(again.segments.map(hasVector)).toEqual([true, false]);
    expect(await keysOf(again.segments[1] as SegmentRecord)).toEqual([3]);
  });

  it('are not looked for where a service refuses everything, or is away', async () => {
    const all = Array.from({ length: 500 }, (_, at) => at);
    const refusing = await world(500, all);
    await expect(refusing.compact([refusing.source])).rejects.toMatchObject({ key: 'function_failed' });
    expect(refusing.asked.calls).toBeLessThan(60);
    const away = await world(500, [7], 'provider_unavailable');
    await expect(away.compact([away.source])).rejects.toMatchObject({ key: 'provider_unavailable' });
    expect(away.asked.calls).toBe(1);
  });
});
