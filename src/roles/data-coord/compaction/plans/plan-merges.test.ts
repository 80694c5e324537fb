// Which segments are merged: bounds that hold over a long life of a shard, and what a client's compaction takes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlushedSegment, parseFlushedSegment } from '#model/states/segment.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { planRetired, planSpread } from './plan-deletes.js';
import { planForced, planMerges } from './plan-merges.js';
import { bytesOf, type ShardFacts } from './shard-facts.js';

const MiB = 1 << 20;

interface Rows {
  readonly bytes?: number;
  readonly partitionId?: bigint;
  readonly from?: bigint;
  readonly to?: bigint;
  readonly commitTimestamp?: bigint;
  readonly deletedRows?: number;
  readonly appliedUntil?: bigint;
}

function rowsSegment(id: bigint, rows: Rows = {}): FlushedSegment {
  const { bytes = MiB, partitionId = 70n, from = id, to = id, deletedRows = 0, commitTimestamp = 0n } = rows;
  return parseFlushedSegment(
    SegmentRecord.fromPartial({
      ...{ id, partitionId, commitTimestamp, state: 'flushed', vchannel: 'c', rowCount: 100n },
      ...{ timestampFrom: from, timestampTo: to, deletesAppliedUntil: rows.appliedUntil ?? 0n },
      files: [
        { key: `rows/${id}`, bytes: BigInt(bytes), fieldIds: [0n], rowCount: 100n },
        ...(deletedRows > 0 ? [{ key: `deletes/${id}`, bytes: 9n, rowCount: BigInt(deletedRows) }] : []),
      ],
    }),
  );
}

const deletes = (id: bigint, to: bigint, partitionId = -1n): FlushedSegment =>
  parseFlushedSegment(
    SegmentRecord.fromPartial({
      ...{ id, partitionId, state: 'flushed', vchannel: 'c', isLevelZero: true, rowCount: 1n },
      ...{ timestampFrom: 1n, timestampTo: to, files: [{ key: `deletes/${id}`, bytes: 9n, rowCount: 1n }] },
    }),
  );

const factsOf = (segments: readonly FlushedSegment[], more: Partial<ShardFacts> = {}): ShardFacts => ({
  ...{ vchannel: 'c', checkpoint: 1000n, segments, busy: new Set(), hasImports: false },
  ...more,
});
const nothingWanted = { sortFieldId: 0n };
const idsOf = (plans: readonly { readonly sources: readonly FlushedSegment[] }[]): bigint[][] =>
  plans.map(({ sources }) => sources.map(({ id }) => id));

describe('merging without being asked', () => {
  it('waits for four of a size, and mixes neither partitions nor what another plan has', () => {
    const three = [1n, 2n, 3n].map((id) => rowsSegment(id));
    const limits = { targetBytes: 512 * MiB };
    expect(planMerges(factsOf(three), limits)).toEqual([]);
    const other = rowsSegment(4n, { partitionId: 71n });
    expect(planMerges(factsOf([...three, other]), limits)).toEqual([]);
    const four = [...three, rowsSegment(5n)];
    expect(planMerges(factsOf(four, { busy: new Set([2n]) }), limits)).toEqual([]);
    expect(idsOf(planMerges(factsOf([...four, other]), limits))).toEqual([[1n, 2n, 3n, 5n]]);
  });

  it('leaves imported rows alone until the checkpoint has come to their commit', () => {
    const imported = [1n, 2n, 3n, 4n].map((id) => rowsSegment(id, { commitTimestamp: 500n }));
    const limits = { targetBytes: 512 * MiB };
    expect(planMerges(factsOf(imported, { checkpoint: 499n }), limits)).toEqual([]);
    expect(idsOf(planMerges(factsOf(imported, { checkpoint: 500n }), limits))).toEqual([[1n, 2n, 3n, 4n]]);
  });

  it('writes a large segment anew once a fifth of its rows is deleted or has expired', () => {
    const large = (id: bigint, deletedRows: number) => rowsSegment(id, { bytes: 500 * MiB, deletedRows });
    const limits = { targetBytes: 512 * MiB };
    expect(idsOf(planMerges(factsOf([large(1n, 19), large(2n, 20)]), limits))).toEqual([[2n]]);
    const shares = new Map([
      [1n, 0.15],
      [2n, 0.2],
      [3n, 1],
    ]);
    const expired = { ...limits, expiredShare: ({ id }: { readonly id: bigint }) => shares.get(id) ?? 0 };
    const some = [large(1n, 0), large(2n, 0), large(3n, 0), large(4n, 0)];
    expect(idsOf(planMerges(factsOf(some), expired))).toEqual([[2n], [3n]]);
    expect(idsOf(planMerges(factsOf([large(1n, 6)]), expired))).toEqual([[1n]]);
    expect(idsOf(planForced(factsOf([large(4n, 0)]), expired, nothingWanted))).toEqual([]);
    expect(idsOf(planForced(factsOf([large(1n, 0)]), expired, nothingWanted))).toEqual([[1n]]);
  });

  it('keeps segments few and rewrites a byte at most seven times, whatever sizes come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 64 * MiB }), { maxLength: 400 }), (flushes) => {
        const targetBytes = 512 * MiB;
        let segments: FlushedSegment[] = [];
        let nextId = 1n;
        const rewrites = new Map<bigint, number>();
        for (const bytes of flushes) {
          segments.push(rowsSegment(nextId++, { bytes }));
          for (let plans = planMerges(factsOf(segments), { targetBytes }); plans.length > 0; ) {
            const [plan] = plans;
            const ids = new Set(plan?.sources.map(({ id }) => id));
            const merged = rowsSegment(nextId++, {
              bytes: plan?.sources.reduce((sum, one) => sum + bytesOf(one), 0) ?? 0,
            });
            expect(bytesOf(merged)).toBeLessThanOrEqual(targetBytes);
            const most = Math.max(...[...ids].map((id) => rewrites.get(id) ?? 0));
            rewrites.set(merged.id, most + 1);
            segments = [...segments.filter(({ id }) => !ids.has(id)), merged];
            plans = planMerges(factsOf(segments), { targetBytes });
          }
        }
        // Three of each of six sizes below the target wait, and the large ones are at least three quarters full.
        const total = flushes.reduce((sum, bytes) => sum + bytes, 0);
        expect(segments.length).toBeLessThanOrEqual(18 + Math.ceil(total / (0.375 * targetBytes)));
        expect(Math.max(0, ...rewrites.values())).toBeLessThanOrEqual(7);
      }),
      { numRuns: 30 },
    );
  });
});

describe('what a client asks for', () => {
  it('takes all of each partition, in the order in which rows were written', () => {
    const segments = [
      rowsSegment(3n),
      rowsSegment(1n),
      rowsSegment(2n, { partitionId: 71n }),
      rowsSegment(4n),
    ];
    const plans = planForced(factsOf(segments), { targetBytes: 512 * MiB }, nothingWanted);
    expect(idsOf(plans)).toEqual([[1n, 3n, 4n]]);
  });

  it('makes segments of the wanted size, and writes one alone only where something goes', () => {
    const limits = { targetBytes: 2 * MiB };
    const segments = [1n, 2n, 3n].map((id) => rowsSegment(id));
    expect(idsOf(planForced(factsOf(segments), limits, nothingWanted))).toEqual([[1n, 2n]]);
    const withDeletes = [...segments, deletes(9n, 4n)];
    expect(idsOf(planForced(factsOf(withDeletes), limits, nothingWanted))).toEqual([[1n, 2n], [3n]]);
    const sorted = planForced(factsOf(segments), limits, { ...nothingWanted, sortFieldId: 105n });
    expect(idsOf(sorted)).toEqual([[1n, 2n, 3n]]);
  });

  it('names the deletes that may hit the rows, and no others', () => {
    const rows = [
      rowsSegment(1n, { from: 10n, to: 20n, appliedUntil: 30n }),
      rowsSegment(2n, { from: 40n, to: 50n }),
    ];
    const marks = [deletes(11n, 25n), deletes(12n, 35n), deletes(13n, 60n, 71n), deletes(14n, 60n, 70n)];
    const [plan] = planForced(factsOf([...rows, ...marks]), { targetBytes: 512 * MiB }, nothingWanted);
    expect(plan?.deletes.map(({ id }) => id)).toEqual([12n, 14n]);
    expect(plan?.appliedUntil).toBe(1000n);
  });
});

describe('deletes of level zero', () => {
  const rows = rowsSegment(1n, { from: 10n, to: 20n });

  it('go when every segment with older rows has accounted for them, and not before the checkpoint', () => {
    const mark = deletes(9n, 30n);
    const retired = (segments: readonly FlushedSegment[], more: Partial<ShardFacts> = {}) =>
      planRetired(factsOf([mark, ...segments], more)).map(({ id }) => id);
    expect(retired([rows])).toEqual([]);
    expect(retired([rowsSegment(1n, { from: 10n, to: 20n, appliedUntil: 29n })])).toEqual([]);
    const done = rowsSegment(1n, { from: 10n, to: 20n, appliedUntil: 30n });
    expect(retired([done])).toEqual([9n]);
    expect(retired([done], { checkpoint: 29n })).toEqual([]);
    expect(retired([done], { hasImports: true })).toEqual([]);
    // Rows that are newer than the delete do not need it.
    expect(retired([rowsSegment(2n, { from: 30n, to: 40n })])).toEqual([9n]);
    expect(retired([rowsSegment(2n, { from: 29n, to: 40n })])).toEqual([]);
  });

  it('are spread from eight on, over the segments that they may hit', () => {
    const marks = Array.from({ length: 8 }, (_, at) => deletes(BigInt(at + 50), BigInt(at + 30)));
    expect(planSpread(factsOf([rows, ...marks.slice(1)]))).toBeUndefined();
    const newer = rowsSegment(2n, { from: 99n, to: 99n });
    const plan = planSpread(factsOf([rows, newer, ...marks]));
    expect(plan?.sources.map(({ id }) => id)).toEqual([1n]);
    expect(plan?.deletes).toHaveLength(8);
    // Those that lie behind the checkpoint could not go afterwards.
    expect(planSpread(factsOf([rows, ...marks], { checkpoint: 30n }))).toBeUndefined();
  });
});
