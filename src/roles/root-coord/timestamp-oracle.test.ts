// The clock never gives a timestamp twice nor goes back: under bursts, clock steps and restarts at any moment.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { physicalMs } from '#base/ids.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { TimestampOracle } from './timestamp-oracle.js';

function oracleParts(store = new MemoryMetaStore()) {
  const time = { ms: 1_700_000_000_000 };
  return { time, parts: { store, clock: { now: () => time.ms, monotonic: () => 0 }, key: 'kv/tso/timestamp', countMax: 65_536 } };
}
describe('timestamp oracle', () => {
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
    const failing = { ...parts.store, get: () => Promise.reject(new Error('disk')) } as unknown as MemoryMetaStore;
    await expect(TimestampOracle.open({ ...parts, store: failing })).rejects.toThrow('disk');
    await parts.store.transact([], [{ kind: 'put', key: parts.key, value: new Uint8Array(3) }]);
    await expect(TimestampOracle.open(parts)).rejects.toMatchObject({ key: 'data_corrupt' });
  });
  it('refuses counts out of range', async () => {
    const oracle = await TimestampOracle.open(oracleParts().parts);
    for (const count of [0, -1, 1.5, 65_537]) expect(() => oracle.allocate(count)).toThrow('timestamp count');
  });
});
