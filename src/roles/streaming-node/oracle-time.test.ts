// Guarantee timestamps against the oracle's time, with the wall clock set anywhere.
import { describe, expect, it } from 'vitest';
import { composeTimestamp } from '#base/timestamp.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { OracleTime } from './oracle-time.js';

const HOUR = 3_600_000;

/** An oracle whose time is `aheadMs` ahead of a clock that can be set; once behind the clock it follows it. */
function setUp(aheadMs = 0) {
  const cluster = simulatedCluster(3);
  const opened = openMemoryPlatform({ cluster, host: 'stream' });
  const step = { ms: 0 };
  const clock = { now: () => opened.clock.now() + step.ms, monotonic: () => opened.clock.monotonic() };
  let last = composeTimestamp(opened.clock.now() + aheadMs, 0);
  let asked = 0;
  const time = new OracleTime({ ...opened, clock }, async (count) => {
    asked++;
    const now = composeTimestamp(clock.now(), 0);
    const first = now > last ? now : last + 1n;
    last = first + BigInt(count) - 1n;
    return first;
  });
  const context = (waitMs?: number) => ({
    signal: new AbortController().signal,
    metadata: {},
    ...(waitMs === undefined ? {} : { deadlineMs: clock.now() + waitMs }),
  });
  const reach = async (timestamp: bigint, waitMs?: number) => {
    const begin = opened.clock.monotonic();
    const outcome = await cluster.world.runUntil(
      time.reach(timestamp, context(waitMs)).then(
        () => 'reached',
        (error) => error.key,
      ),
    );
    return { outcome, afterMs: opened.clock.monotonic() - begin };
  };
  return { time, step, clock, reach, asked: () => asked, now: () => composeTimestamp(clock.now(), 0) };
}

describe('the time of the oracle', () => {
  it.each([-HOUR, -24 * 365 * HOUR, 10 * 24 * 365 * HOUR])(
    'a timestamp that it gave never waits, the clock set by %s ms',
    async (ms) => {
      const { time, step, reach } = setUp();
      const given = await time.allocate(5);
      step.ms = ms;
      const later = await time.allocate(1);
      for (const timestamp of [given, given + 4n, later])
        expect(await reach(timestamp, 1000)).toEqual({ outcome: 'reached', afterMs: 0 });
    },
  );
  it('one that another node was given is asked for, once', async () => {
    const { reach, asked, now } = setUp(HOUR);
    const theirs = now() + (BigInt(HOUR) << 18n);
    expect(await reach(theirs)).toMatchObject({ outcome: 'reached', afterMs: 0 });
    expect(asked()).toBe(1);
    expect(await reach(theirs)).toMatchObject({ outcome: 'reached' });
    expect(asked()).toBe(1);
  });
  it('one that is a little ahead is waited for, within the deadline', async () => {
    const { reach, now } = setUp();
    const ahead = now() + (500n << 18n);
    const { outcome, afterMs } = await reach(ahead, 2000);
    expect(outcome).toBe('reached');
    expect(afterMs).toBeGreaterThanOrEqual(499);
    expect(afterMs).toBeLessThan(600);
    expect((await reach(now() + (500n << 18n), 100)).outcome).toBe('deadline_exceeded');
  });
  it.each([
    ['an hour', BigInt(HOUR) << 18n],
    ['as far as a timestamp goes', (1n << 64n) - 1n],
  ])('one that is %s ahead ends with deadline_exceeded, with and without a deadline', async (_, far) => {
    const { reach, now } = setUp();
    const timestamp = far > now() * 2n ? far : now() + far;
    for (const waitMs of [0, 10, 3000, undefined]) {
      const { outcome, afterMs } = await reach(timestamp, waitMs);
      expect(outcome).toBe('deadline_exceeded');
      expect(afterMs).toBeLessThanOrEqual(waitMs ?? 60_000);
    }
  });
  it('one ahead of an oracle that does not move, because the clock was set back, ends at the deadline', async () => {
    const { time, step, reach } = setUp();
    const given = await time.allocate(1);
    step.ms = -HOUR;
    const { outcome, afterMs } = await reach(given + (100n << 18n), 300);
    expect(outcome).toBe('deadline_exceeded');
    expect(afterMs).toBeGreaterThan(200);
    expect(afterMs).toBeLessThan(360);
  });
});
