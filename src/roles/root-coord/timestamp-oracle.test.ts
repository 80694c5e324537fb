// The clock never gives a timestamp twice nor goes back: under bursts, clock steps and restarts at any moment.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { physicalMs } from '#base/timestamp.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { TimestampOracle } from './timestamp-oracle.js';

function oracleParts(store = new MemoryMetaStore()) {
  const time = { ms: 1_700_000_000_000 };
  return {
    time,
    parts: {
      store,
      clock: { now: () => time.ms, monotonic: () => 0 },
      key: 'kv/tso/timestamp',
      countMax: 65_536,
    },
  };
}

describe('TSO', () => {
  it('rises through bursts, clock steps and restarts', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 65_536 }) }),
      fc.record({ kind: fc.constant('clock' as const), byMs: fc.integer({ min: -10_000_000, max: 10_000 }) }),
      fc.record({ kind: fc.constant('restart' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { time, parts } = oracleParts();
        let oracle = await TimestampOracle.open(parts);
        let end = 0n;
        for (const one of steps) {
          if (one.kind === 'take') {
            const first = await oracle.allocate(one.count);
            expect(first).toBeGreaterThanOrEqual(end);
            end = first + BigInt(one.count);
          } else if (one.kind === 'clock') time.ms += one.byMs;
          else oracle = await TimestampOracle.open(parts);
        }
      }),
    );
  });
  it('follows the wall clock', async () => {
    const { time, parts } = oracleParts();
    const oracle = await TimestampOracle.open(parts);
    expect(physicalMs(await oracle.allocate(1))).toBe(time.ms);
    time.ms += 5000;
    expect(physicalMs(await oracle.allocate(1))).toBe(time.ms);
  });
  it('does not start without its stored bound', async () => {
    const { parts } = oracleParts();
    const failing = {
      ...parts.store,
      get: () => Promise.reject(new Error('disk')),
    } as unknown as MemoryMetaStore;
    await expect(TimestampOracle.open({ ...parts, store: failing })).rejects.toThrow('disk');
    await parts.store.transact([], [{ kind: 'put', key: parts.key, value: new Uint8Array(3) }]);
    await expect(TimestampOracle.open(parts)).rejects.toMatchObject({ key: 'data_corrupt' });
  });
  it('never goes back over an hour, a year, ten years, in bursts, with a restart after each', async () => {
    const { time, parts } = oracleParts();
    const begin = time.ms;
    let end = 0n;
    for (const byMs of [0, -3_600_000, -31_536_000_000, 315_360_000_000, 0, -315_360_000_000]) {
      time.ms = begin + byMs;
      const oracle = await TimestampOracle.open(parts);
      for (let burst = 0; burst < 20; burst++) {
        const first = await oracle.allocate(65_536);
        expect(first).toBeGreaterThan(end);
        end = first + 65_535n;
      }
    }
    expect(physicalMs(end)).toBeGreaterThan(begin + 315_360_000_000);
  });
  it('gives nothing that is not covered by a stored bound, and goes on when the store does', async () => {
    const { time, parts } = oracleParts();
    const transact = parts.store.transact.bind(parts.store);
    const oracle = await TimestampOracle.open(parts);
    let end = await oracle.allocate(1);
    const disk = new Error('disk full');
    for (const isWritten of [false, true, true, false]) {
      time.ms += 10_000;
      // Its answer is a failure either way: nobody knows whether it came through.
      parts.store.transact = async (...from) => {
        if (isWritten) await transact(...from);
        throw disk;
      };
      await expect(oracle.allocate(1)).rejects.toThrow('disk full');
      await expect(oracle.allocate(1)).rejects.toThrow('disk full');
      parts.store.transact = transact;
      const next = await oracle.allocate(1);
      expect(next).toBeGreaterThan(end);
      end = next;
    }
    expect(await (await TimestampOracle.open(parts)).allocate(1)).toBeGreaterThan(end);
    // The other one moved the bound on: this one is fenced off for good.
    time.ms += 10_000;
    await expect(oracle.allocate(1)).rejects.toMatchObject({ key: 'catalog_conflict' });
    await expect(oracle.allocate(1)).rejects.toMatchObject({ key: 'catalog_conflict' });
  });
  it('two on one store never give one number twice: the one that is overtaken stops', async () => {
    const { time, parts } = oracleParts();
    const oracles = [await TimestampOracle.open(parts), await TimestampOracle.open(parts)];
    const given: bigint[] = [];
    for (let round = 0; round < 40; round++) {
      time.ms += 500;
      for (const oracle of oracles)
        await oracle.allocate(2).then(
          (first) => given.push(first, first + 1n),
          () => {},
        );
    }
    expect(new Set(given).size).toBe(given.length);
    expect([...given].sort((a, b) => (a < b ? -1 : 1))).toEqual(given);
    expect(given.length).toBeGreaterThan(70);
  });
  it('refuses counts out of range', async () => {
    const oracle = await TimestampOracle.open(oracleParts().parts);
    for (const count of [0, -1, 1.5, 65_537]) expect(() => oracle.allocate(count)).toThrow('timestamp count');
  });
});
