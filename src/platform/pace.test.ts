import { describe, expect, it } from 'vitest';
import { Pace } from './pace.js';

function world() {
  const state = { nowMs: 1000, monotonicMs: 0, turns: 0 };
  const platform = {
    clock: { now: () => state.nowMs, monotonic: () => state.monotonicMs },
    timers: {
      after: () => ({ cancel: () => {} }),
      sleep: async () => {},
      yield: async () => {
        state.turns++;
      },
    },
  };
  return { state, platform };
}

describe('pace', () => {
  it('is due after a slice, and a rest begins the next', async () => {
    const { state, platform } = world();
    const pace = new Pace(platform, { signal: new AbortController().signal });
    expect(pace.isDue).toBe(false);
    state.monotonicMs = 20;
    expect(pace.isDue).toBe(true);
    await pace.rest();
    expect([pace.isDue, state.turns]).toEqual([false, 1]);
  });
  it('ends work whose caller has gone or whose deadline passed', async () => {
    const { state, platform } = world();
    const abort = new AbortController();
    const pace = new Pace(platform, { signal: abort.signal, deadlineMs: 2000 });
    await pace.rest();
    state.nowMs = 2000;
    await expect(pace.rest()).rejects.toMatchObject({ key: 'deadline_exceeded' });
    state.nowMs = 1999;
    abort.abort();
    await expect(pace.rest()).rejects.toMatchObject({ key: 'cancelled' });
  });
});
