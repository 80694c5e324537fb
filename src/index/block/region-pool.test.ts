// Slabs of shared regions: they never overlap, are zero when they are handed out, and regions are few and are released when they are no longer used.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DATA_OFFSET } from './region-layout.js';
import { RegionPool, SLAB_BYTES_MAX, type Slab, slabBytes } from './region-pool.js';

type Region = { readonly memory: WebAssembly.Memory };
function world() {
  const live = new Set<Region>();
  const pool = new RegionPool<Region>({
    allocate: (bytes, bytesMax) => {
      const region = {
        memory: new WebAssembly.Memory({ initial: bytes / 65536, maximum: bytesMax / 65536, shared: true }),
      };
      live.add(region);
      return region;
    },
    release: (region) => void live.delete(region),
  });
  return { pool, live };
}

const bytesOf = ({ region, offset, bytes }: Slab<Region>) =>
  new Uint8Array(region.memory.buffer, offset, bytes);

describe('slabs', () => {
  it('waste at most an eighth, and have few sizes', () => {
    const sizes = new Set<number>();
    for (let bytes = 1; bytes <= SLAB_BYTES_MAX; bytes += 1 + Math.floor(bytes / 100)) {
      const size = slabBytes(bytes);
      sizes.add(size);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      expect(size).toBeLessThanOrEqual(Math.max(bytes + 256, bytes * 1.125 + 1));
    }
    expect(sizes.size).toBeLessThan(120);
  });
  it('keep what is written to them, and are zero when they come', () => {
    const act = fc.record({ bytes: fc.integer({ min: 1, max: 40_000 }), drop: fc.nat(3), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const { pool, live } = world();
        const held: { slab: Slab<Region>; mark: number }[] = [];
        for (const [at, { bytes, drop, pick }] of acts.entries()) {
          const mark = (at % 255) + 1;
          const slab = pool.take(bytes);
          expect(slab.offset).toBeGreaterThanOrEqual(DATA_OFFSET);
          expect(bytesOf(slab).every((byte) => byte === 0)).toBe(true);
          bytesOf(slab).fill(mark);
          held.push({ slab, mark });
          if (drop === 0) {
            const [gone] = held.splice(pick % held.length, 1);
            if (gone) pool.give(gone.slab);
          }
          for (const one of held) expect(bytesOf(one.slab).every((byte) => byte === one.mark)).toBe(true);
        }
        expect(live.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });
  it('share regions, which go when their last slab does', () => {
    const { pool, live } = world();
    const slabs = Array.from({ length: 600 }, () => pool.take(SLAB_BYTES_MAX));
    // 4 GiB less what threads have, of 16 MiB each.
    expect([pool.regionCount, live.size]).toEqual([3, 3]);
    for (const slab of slabs) pool.give(slab);
    expect(live.size).toBe(1);
    for (let round = 0; round < 50; round++) pool.give(pool.take(1000 + round * 10_000));
    expect(live.size).toBe(1);
  });
  it('refuse what has a region of its own', () => {
    const { pool } = world();
    expect(() => pool.take(SLAB_BYTES_MAX + 1)).toThrow('a slab of');
    expect(() => pool.take(0)).toThrow('a slab of');
  });
});
