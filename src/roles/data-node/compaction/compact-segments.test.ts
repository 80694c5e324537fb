// What a compaction writes has the rows of its sources that live, byte for byte, with their times; and no others.
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { columnFromInt64, findColumn, int64Values, stringAt } from '#model/columns/column.js';
import type { ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { readDeletes } from '#segment/files/delta-log.js';
import { readManifest } from '#segment/files/manifest.js';
import { readSegment } from '#segment/files/read-segment.js';
import { readFields } from '#segment/files/segment-columns.js';
import { SegmentData } from '#segment/segment-data.js';
import { typedBatch, typedSchema } from '../../../../test/golden/typed-rows.js';
import { address, compactionWorld } from '../../../../test/support/compaction-world.js';
import { KEY, NAME, testBatch, testSchema, VECTOR } from '../../../../test/support/segments.js';
import { spreadDeletes } from './compact-segments.js';

const schema = testSchema();
const rowsOf = (keys: readonly bigint[], seed = 3): ColumnBatch => testBatch(keys, seededRandom(seed));
const range = (begin: number, end: number): bigint[] =>
  Array.from({ length: end - begin }, (_, at) => BigInt(begin + at));

/** Rows of segments as text, with all that files say of them. */
async function linesOf(
  { platform, run }: ReturnType<typeof compactionWorld>,
  segments: readonly SegmentRecord[],
  of: CollectionSchema,
): Promise<string[]> {
  const lines: string[] = [];
  const fieldIds = [1n, ...of.fields.map(({ fieldID }) => fieldID)];
  for (const { files, commitTimestamp } of segments) {
    const data = new SegmentData(platform, { ...address, id: 1n, schema: of, commitTimestamp });
    data.appendBatch(await run(readFields(platform, files, of, [0n, ...fieldIds])));
    for (let row = 0; row < data.rowCount; row++) {
      const { columns } = data.fetch(Uint32Array.of(row), [0n, ...fieldIds.slice(1)]);
      const values = columns.map(({ data: bytes, valid }) =>
        valid[0] === 0 ? 'null' : [...bytes].join(' '),
      );
      lines.push([data.timestampOf(row), ...values].join(' | '));
    }
    data.release();
  }
  return lines;
}

describe('compactSegments', () => {
  it('keeps rows of every type, their times and their row ids', async () => {
    const there = compactionWorld();
    const sources = [
      await there.run(there.flushed(typedSchema, typedBatch())),
      await there.run(there.flushed(typedSchema, typedBatch())),
    ];
    const { segments, readableFrom } = await there.compact({ schema: typedSchema, sources });
    expect(readableFrom).toBe(0n);
    expect(segments).toMatchObject([{ rowCount: 8n, compactedFrom: sources.map(({ id }) => id) }]);
    expect(await linesOf(there, segments, typedSchema)).toEqual(await linesOf(there, sources, typedSchema));
    const manifest = await there.run(readManifest(there.platform, segments[0]?.manifestKey ?? ''));
    expect(manifest.segment).toEqual({ ...segments[0], manifestKey: '' });
  });

  it('compaction loss, resurrection: takes out what is deleted, at every position, and what was written again stays', async () => {
    const there = compactionWorld();
    const keys = range(0, 12);
    for (let gone = 0; gone < keys.length; gone++) {
      const source = await there.run(
        there.flushed(
          schema,
          rowsOf(keys),
          keys.map(() => 100n),
        ),
      );
      // Written at the time of the delete, as an upsert does, and later.
      const again = await there.run(there.flushed(schema, rowsOf([BigInt(gone), 50n]), [200n, 201n]));
      const deletes = await there.run(
        there.marks(schema, [
          [BigInt(gone), 200n],
          [77n, 300n],
        ]),
      );
      const { segments, readableFrom } = await there.compact({
        ...{ schema, sources: [source, again], deleteSegments: [deletes] },
      });
      expect(readableFrom).toBe(200n);
      const all = await linesOf(there, [source, again], schema);
      expect(await linesOf(there, segments, schema)).toEqual(all.filter((_, row) => row !== gone));
    }
  });

  it('writes nothing where nothing goes, and no segment where all goes', async () => {
    const there = compactionWorld();
    const source = await there.run(there.flushed(schema, rowsOf([1n, 2n]), [100n, 101n]));
    expect(await there.compact({ schema, sources: [source] })).toEqual({
      ...{ segments: [], unchanged: true, readableFrom: 0n },
    });
    const deletes = await there.run(
      there.marks(schema, [
        [1n, 150n],
        [2n, 120n],
      ]),
    );
    expect(await there.compact({ schema, sources: [source], deleteSegments: [deletes] })).toEqual({
      ...{ segments: [], unchanged: false, readableFrom: 150n },
    });
    const expired = { expiredUntil: 100n, expiredAt: 400n };
    const { segments } = await there.compact({ schema, sources: [source], ...expired });
    expect(segments).toMatchObject([{ rowCount: 1n, timestampFrom: 101n, readableFrom: 400n }]);
  });

  it('takes out rows that expired at their own time, nulls and rows older than the field never', async () => {
    const there = compactionWorld();
    const timed = CollectionSchema.fromPartial({
      ...schema,
      fields: [
        ...schema.fields,
        { fieldID: 150n, name: 'until', dataType: DataType.Timestamptz, nullable: true },
      ],
    });
    const times = { ...columnFromInt64(150n, [5n, 6n, 0n, 7n]), dataType: DataType.Timestamptz };
    const rows = rowsOf([1n, 2n, 3n, 4n]);
    const valid = Uint8Array.of(1, 1, 0, 1);
    const batch = { ...rows, columns: [...rows.columns, { ...times, valid }] };
    const source = await there.run(there.flushed(timed, batch, [100n, 101n, 102n, 103n]));
    const older = await there.run(there.flushed(schema, rowsOf([9n]), [90n]));
    const expiry = { expiredAt: 400n, expiryField: 150n };
    const sources = [source, older];
    const { segments, readableFrom } = await there.compact({
      ...{ schema: timed, sources, ...expiry, expiryMicros: 6n },
    });
    expect(readableFrom).toBe(400n);
    expect(segments).toMatchObject([{ rowCount: 3n }]);
    const all = await linesOf(there, sources, timed);
    expect(await linesOf(there, segments, timed)).toEqual([all[2], all[3], all[4]]);
    const early = await there.compact({ schema: timed, sources: [source], ...expiry, expiryMicros: 4n });
    expect(early).toEqual({ segments: [], unchanged: true, readableFrom: 0n });
  });

  it('gives rows of an import the time of its commit', async () => {
    const there = compactionWorld();
    const imported = await there.run(
      there.flushed(schema, rowsOf([1n, 2n]), [100n, 100n], { commitTimestamp: 300n }),
    );
    const deletes = await there.run(
      there.marks(schema, [
        [1n, 250n],
        [2n, 301n],
      ]),
    );
    const { segments } = await there.compact({ schema, sources: [imported], deleteSegments: [deletes] });
    expect(segments).toMatchObject([
      { rowCount: 1n, commitTimestamp: 0n, timestampFrom: 300n, timestampTo: 300n },
    ]);
    expect(await linesOf(there, segments, schema)).toEqual(
      (await linesOf(there, [imported], schema)).slice(0, 1),
    );
  });

  it('writes by the newest schema: new fields have their default, dropped ones go', async () => {
    const there = compactionWorld();
    const old = await there.run(there.flushed(schema, rowsOf([1n, 2n]), [100n, 101n]));
    const newer = CollectionSchema.fromPartial({
      ...schema,
      fields: [
        ...schema.fields.filter(({ fieldID }) => fieldID !== NAME),
        {
          ...{ fieldID: 110n, name: 'level', dataType: DataType.Int64, nullable: true },
          defaultValue: { data: { $case: 'longData', value: 42n } },
        },
        { fieldID: 111n, name: 'note', dataType: DataType.VarChar, nullable: true },
      ],
    });
    const deletes = await there.run(there.marks(schema, [[1n, 250n]]));
    const { segments } = await there.compact({ schema: newer, sources: [old], deleteSegments: [deletes] });
    const [written] = segments;
    expect(written?.files.flatMap(({ fieldIds }) => fieldIds).sort()).toEqual([
      0n,
      1n,
      KEY,
      VECTOR,
      110n,
      111n,
    ]);
    const rows = await there.run(readFields(there.platform, written?.files ?? [], newer, [110n, 111n]));
    const [level, note] = [findColumn(rows, 110n), findColumn(rows, 111n)];
    expect(level && [...int64Values(level)]).toEqual([42n]);
    expect(note?.valid).toEqual(Uint8Array.of(0));
  });

  it('puts rows in the order of a field, over segments of the wanted size', async () => {
    const there = compactionWorld();
    const keys = range(0, 300);
    const sources = [
      await there.run(
        there.flushed(
          schema,
          rowsOf(keys.slice(0, 150)),
          keys.slice(0, 150).map(() => 100n),
        ),
      ),
      await there.run(
        there.flushed(
          schema,
          rowsOf(keys.slice(150), 9),
          keys.slice(150).map(() => 101n),
        ),
      ),
    ];
    const bytes = sources.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0n);
    const { segments } = await there.compact({ schema, sources, sortFieldId: NAME, targetBytes: bytes / 3n });
    expect(segments.length).toBeGreaterThan(2);
    expect((await linesOf(there, segments, schema)).sort()).toEqual(
      (await linesOf(there, sources, schema)).sort(),
    );
    const names: string[] = [];
    for (const { files } of segments) {
      const { columns, rowCount } = await there.run(readFields(there.platform, files, schema, [NAME]));
      const [column] = columns;
      for (let row = 0; row < rowCount; row++)
        names.push(column === undefined || column.valid[row] === 0 ? '' : stringAt(column, row));
    }
    expect(names).toEqual([...names].sort());
  });

  it('leaves nothing behind when it fails', async () => {
    const there = compactionWorld();
    const source = await there.run(there.flushed(schema, rowsOf([1n, 2n]), [100n, 101n]));
    const before = await there.run(there.platform.objectStore.list(''));
    const put = there.platform.objectStore.put.bind(there.platform.objectStore);
    let puts = 0;
    Object.assign(there.platform.objectStore, {
      put: async (...from: Parameters<typeof put>) => {
        if (++puts === 2) throw new Error('the disk is full');
        return put(...from);
      },
    });
    const sources = [source, source];
    await expect(there.compact({ schema, sources })).rejects.toThrow('the disk is full');
    expect(await there.run(there.platform.objectStore.list(''))).toEqual(before);
  });
});

describe('spreadDeletes', () => {
  it('writes each delete that hits a row, once, and those alone that are asked for', async () => {
    const there = compactionWorld();
    const source = await there.run(
      there.flushed(schema, rowsOf([1n, 2n, 2n, 3n]), [100n, 100n, 100n, 300n], {
        deletesAppliedUntil: 110n,
      }),
    );
    const deletes = await there.run(
      there.marks(schema, [
        ...([
          [1n, 110n],
          [1n, 120n],
          [1n, 130n],
        ] as const),
        ...([
          [2n, 140n],
          [3n, 200n],
          [4n, 150n],
          [2n, 999n],
        ] as const),
      ]),
    );
    const asked = { segment: source, deleteSegments: [deletes], schema, deletesAppliedUntil: 500n };
    const file = await there.run(spreadDeletes(there.parts, asked));
    const found = await there.run(readDeletes(there.platform, must(file, 'a delta log'), schema));
    expect([...int64Values(found.keys)].map((key, at) => [key, found.timestamps[at]])).toEqual([
      ...[
        [1n, 120n],
        [1n, 130n],
        [2n, 140n],
      ],
    ]);
    const data = await there.run(
      readSegment(there.platform, { ...source, files: [...source.files, ...(file ? [file] : [])] }, schema),
    );
    expect(data.liveCount(500n)).toBe(1);
    expect(data.liveCount(125n)).toBe(2);
    const none = { ...asked, deletesAppliedUntil: 110n };
    expect(await there.run(spreadDeletes(there.parts, none))).toBeUndefined();
  });

  it('agrees with deleting row by row, over random histories', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const there = compactionWorld();
      const random = seededRandom(seed);
      const keys = Array.from({ length: 40 }, () => BigInt(nextBelow(random, 15)));
      const times = keys.map(() => BigInt(100 + nextBelow(random, 50)));
      const source = await there.run(there.flushed(schema, rowsOf(keys), times));
      const list = Array.from(
        { length: 20 },
        () => [BigInt(nextBelow(random, 18)), BigInt(95 + nextBelow(random, 60))] as const,
      );
      const deletes = await there.run(there.marks(schema, list));
      const lives = keys.map((key, row) => !list.some(([one, at]) => one === key && at > (times[row] ?? 0n)));
      const asked = { schema, sources: [source], deleteSegments: [deletes] };
      const { segments, unchanged } = await there.compact(asked);
      const all = await linesOf(there, [source], schema);
      if (!unchanged)
        expect(await linesOf(there, segments, schema)).toEqual(all.filter((_, row) => lives[row]));
      expect(unchanged).toBe(lives.every(Boolean));
      const file = await there.run(
        spreadDeletes(there.parts, {
          ...{ segment: source, schema },
          deleteSegments: [deletes],
          deletesAppliedUntil: 500n,
        }),
      );
      const files = [...source.files, ...(file ? [file] : [])];
      const data = await there.run(readSegment(there.platform, { ...source, files }, schema));
      expect(data.liveCount(500n)).toBe(lives.filter(Boolean).length);
      data.release();
    }
  });
});
