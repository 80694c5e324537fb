// Sources and what they became change places all at once, and not while an iterator needs the sources.
import { describe, expect, it } from 'vitest';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { heirsOf, heldBack, type Replaced } from './handover.js';
import { PinnedReads } from './pinned-reads.js';

const replacedBy = (entries: readonly (readonly [bigint, readonly bigint[], bigint?])[]) =>
  new Map<bigint, Replaced>(
    entries.map(([id, compactedTo, readableFrom = 0n]) => [id, { compactedTo, readableFrom }]),
  );
/** Two rounds: 1 and 2 became 11 and 12, 12 and 3 became 21. */
const replaced = replacedBy([
  [1n, [11n, 12n], 100n],
  [2n, [11n, 12n], 100n],
  [12n, [21n], 200n],
  [3n, [21n], 200n],
  [5n, [31n]],
]);
const view = (more: Partial<Parameters<typeof heldBack>[0]> = {}) => {
  const { sources, heirs } = heldBack({
    ...{ leaving: [1n, 2n, 3n, 5n], replaced, missing: [], isHeldBefore: () => false },
    ...more,
  });
  return { sources: [...sources].sort(), heirs: [...heirs].sort() };
};

describe('heldBack', () => {
  it('holds nothing where nobody needs it', () => {
    expect(view()).toEqual({ sources: [], heirs: [] });
    expect(heirsOf(1n, replaced)).toEqual([11n, 21n]);
  });

  it('holds all that share rows with what a reader needs', () => {
    // A reader at 150 misses rows in 21 only: that has rows of 1, 2 and 3, and 11 has rows of 1 and 2.
    const held = view({ isHeldBefore: (timestamp) => timestamp > 150n });
    expect(held).toEqual({ sources: [1n, 2n, 3n], heirs: [11n, 21n] });
    expect(view({ isHeldBefore: (timestamp) => timestamp > 200n })).toEqual({ sources: [], heirs: [] });
  });

  it('holds sources of what cannot be served', () => {
    expect(view({ missing: [31n] })).toEqual({ sources: [5n], heirs: [31n] });
    expect(view({ missing: [11n] })).toEqual({ sources: [1n, 2n, 3n], heirs: [11n, 21n] });
    expect(view({ missing: [99n] })).toEqual({ sources: [], heirs: [99n] });
  });

  it('holds a segment of which nothing is left, too', () => {
    const gone = replacedBy([[1n, [], 100n]]);
    const isHeldBefore = (timestamp: bigint): boolean => timestamp > 50n;
    const held = heldBack({ leaving: [1n], replaced: gone, missing: [], isHeldBefore });
    expect([...held.sources]).toEqual([1n]);
  });
});

describe('PinnedReads', () => {
  it('holds a time from page to page, and ten minutes after the last', () => {
    const { world } = simulatedCluster(1);
    const pinned = new PinnedReads(world.clock);
    pinned.note(100n);
    expect([pinned.isHeldBefore(100n), pinned.isHeldBefore(101n)]).toEqual([false, true]);
    const wait = (ms: number): Promise<void> => world.runUntil(world.timers.sleep(ms));
    return (async () => {
      await wait(500_000);
      pinned.note(100n);
      await wait(500_000);
      expect(pinned.isHeldBefore(101n)).toBe(true);
      await wait(200_000);
      expect(pinned.isHeldBefore(101n)).toBe(false);
    })();
  });
});
