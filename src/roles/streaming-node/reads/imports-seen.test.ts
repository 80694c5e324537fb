import { expect, test } from 'vitest';
import { SegmentRecord } from '#proto/elanus/data.js';
import { holderAt } from './holder.js';
import { earlier, knownImports } from './imports-seen.js';
import type { ServedSegment } from './served-segment.js';

const segment = (id: bigint, commitTimestamp: bigint): SegmentRecord =>
  SegmentRecord.fromPartial({ id, commitTimestamp });
const served = (...all: readonly (readonly [SegmentRecord, boolean])[]): Map<bigint, ServedSegment> =>
  new Map(
    all.map(([record, isLive]) => {
      const copy = { holder: holderAt(1n, 1n), waiting: undefined };
      return [record.id, { record, isLive, copy, coming: undefined, indexKeys: '' }] as const;
    }),
  );

test('a shard knows the imports that its target knows, also those without rows in it', () => {
  const flushed = segment(1n, 0n);
  const known = { segments: [{ segment: flushed, nodeId: 1n }], importsUntil: 40n };
  expect(knownImports(known, { served: served([flushed, true]) })).toBe(40n);
  expect(knownImports({ segments: [], importsUntil: 0n }, { served: served() })).toBe(0n);
});

test('an import of which a segment is not read is not known, nor is a later one', () => {
  const [old, half, other, late] = [segment(1n, 10n), segment(2n, 20n), segment(3n, 20n), segment(4n, 30n)];
  const target = {
    segments: [old, half, other, late].map((one) => ({ segment: one, nodeId: 1n })),
    importsUntil: 30n,
  };
  expect(knownImports(target, { served: served([old, true], [half, true], [late, true]) })).toBe(19n);
  expect(
    knownImports(target, { served: served([old, true], [half, true], [other, false], [late, true]) }),
  ).toBe(19n);
  expect(
    knownImports(target, { served: served([old, true], [half, true], [other, true], [late, true]) }),
  ).toBe(30n);
});

test('a read stays at the earlier of what is known and what it is asked for', () => {
  expect([earlier(5n, undefined), earlier(5n, 3n), earlier(5n, 9n), earlier(0n, 9n)]).toEqual([
    5n,
    3n,
    5n,
    0n,
  ]);
});
