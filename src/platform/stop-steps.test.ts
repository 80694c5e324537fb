import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { runStopSteps, throwFailures } from './stop-steps.js';

describe('runStopSteps', () => {
  it('goes on after a step that fails, throws at once, or never ends, and returns the reasons', async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const done: string[] = [];
    let isAborted = false;
    const failures = await world.runUntil(
      runStopSteps(world.timers, [
        { name: 'first', withinMs: 10, run: async () => void done.push('first') },
        {
          name: 'broken',
          withinMs: 10,
          run: () => {
            throw new ElanusError('io_failed', 'no space');
          },
        },
        {
          name: 'endless',
          withinMs: 500,
          run: (signal) => {
            signal.addEventListener('abort', () => {
              isAborted = true;
            });
            return new Promise(() => {});
          },
          waitsFor: () => 'the last of three',
        },
        { name: 'last', withinMs: 10, run: async () => void done.push('last') },
      ]),
    );
    expect(done).toEqual(['first', 'last']);
    expect(isAborted).toBe(true);
    expect(failures.map(({ key, message }) => [key, message])).toEqual([
      ['io_failed', 'broken: no space'],
      ['deadline_exceeded', 'endless did not end within 500 ms: it waits for the last of three'],
    ]);
    expect(() => throwFailures(failures)).toThrow(
      expect.objectContaining({ key: 'io_failed', message: expect.stringContaining('endless did not end') }),
    );
    expect(() => throwFailures([])).not.toThrow();
  });
});
