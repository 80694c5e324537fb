// What every Clock and Timers must do; then the order of events in a simulated world.
import { describe, expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';

describe.each([
  [
    'node',
    () => ({
      clock: nodeClock,
      timers: nodeTimers,
      drive: <T>(work: () => Promise<T>): Promise<T> => work(),
    }),
  ],
  [
    'simulated',
    () => {
      const world = new SimulatedWorld({ seed: 1 });
      return {
        clock: world.clock,
        timers: world.timers,
        drive: <T>(work: () => Promise<T>): Promise<T> => world.runUntil(work()),
      };
    },
  ],
] as const)('Timers (%s)', (_name, open) => {
  test('fire in the order of their times; cancelled ones never', async () => {
    const { clock, timers, drive } = open();
    await drive(async () => {
      const fired: string[] = [];
      const [wall, start] = [clock.now(), clock.monotonic()];
      timers.after(60, () => fired.push('late'));
      timers.after(20, () => fired.push('early'));
      const cancelled = timers.after(30, () => fired.push('cancelled'));
      cancelled.cancel();
      await timers.sleep(150);
      cancelled.cancel();
      expect(fired).toEqual(['early', 'late']);
      expect(clock.monotonic() - start).toBeGreaterThanOrEqual(145);
      expect(clock.now() - wall).toBeGreaterThanOrEqual(145);
      expect(Number.isInteger(clock.now())).toBe(true);
    });
  });
  test('sleep ends by its signal', async () => {
    const { timers, drive } = open();
    await drive(async () => {
      const stop = new AbortController();
      timers.after(10, () => stop.abort());
      await expect(timers.sleep(60_000, stop.signal)).rejects.toMatchObject({ key: 'cancelled' });
      await expect(timers.sleep(1, stop.signal)).rejects.toMatchObject({ key: 'cancelled' });
      await timers.sleep(1, new AbortController().signal);
      await timers.yield();
    });
  });
});

describe('SimulatedWorld', () => {
  test('equal times run in the order of the calls; promises settle between events', async () => {
    const world = new SimulatedWorld({ seed: 1, startMs: 1000 });
    const seen: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      world.schedule(5, () => {
        seen.push(name);
        void Promise.resolve().then(async () => {
          for (let i = 0; i < 20; i++) await undefined;
          seen.push(`${name}'`);
        });
      });
    }
    world.schedule(2, () => seen.push(`first at ${world.now}`));
    await world.run(1004);
    expect(seen).toEqual(['first at 1002']);
    expect(world.now).toBe(1004);
    await world.advance(10);
    expect(seen.slice(1)).toEqual(['a', "a'", 'b', "b'", 'c', "c'"]);
    expect(world.now).toBe(1014);
  });
  test('random schedules come out sorted', async () => {
    const world = new SimulatedWorld({ seed: 9, startMs: 0 });
    const times: number[] = [];
    for (let i = 0; i < 500; i++) {
      const timer = world.schedule(world.between(0, 1000), () => times.push(world.now));
      if (i % 5 === 0) timer.cancel();
    }
    expect(world.pending).toBe(400);
    await world.run(2000);
    expect(times.length).toBe(400);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(world.pending).toBe(0);
  });
  test('runUntil says when it cannot end', async () => {
    const world = new SimulatedWorld({ seed: 1 });
    await expect(world.runUntil(new Promise(() => {}))).rejects.toThrow(/no event is left/);
    const tick = (): void => void world.schedule(10, tick);
    tick();
    await expect(world.runUntil(new Promise(() => {}), 1000)).rejects.toMatchObject({
      key: 'deadline_exceeded',
    });
    await expect(world.runUntil(Promise.reject(new Error('own')))).rejects.toThrow('own');
  });
});

describe('a simulated world in which something never ends', () => {
  test('a turn that waits for nothing breaks off, and names its place', async () => {
    const world = new SimulatedWorld({ seed: 1, bounds: { usesMax: 1000, eventsMax: 1000 } });
    const over = new AbortController();
    async function waitsForNothing(): Promise<void> {
      over.abort();
      for (;;) await world.timers.sleep(10, over.signal).catch((error) => endsWithWorld(error));
    }
    const endsWithWorld = (error: unknown): void => {
      if (error instanceof ElanusError && error.key !== 'cancelled') throw error;
    };
    await expect(world.runUntil(waitsForNothing())).rejects.toThrow(/one turn used clock.*waitsForNothing/s);
    // The world itself goes on.
    await world.runUntil(world.timers.sleep(10));
  });

  test('one that catches what it is thrown is reported to its owner', async () => {
    const world = new SimulatedWorld({ seed: 1, bounds: { usesMax: 1000, eventsMax: 1000 } });
    let isEnded = false;
    world.watch.onEndless = () => {
      isEnded = true;
    };
    async function catchesAll(): Promise<void> {
      while (!isEnded) await world.timers.sleep(10, AbortSignal.abort()).catch(() => {});
    }
    await expect(world.runUntil(catchesAll())).rejects.toThrow(/one turn used clock.*catchesAll/s);
  });

  test('turns of one instant that call each other break off, and name their place', async () => {
    const world = new SimulatedWorld({ seed: 1, bounds: { usesMax: 1000, eventsMax: 1000 } });
    const callsItself = (): void => void world.schedule(0, callsItself);
    callsItself();
    await expect(world.runUntil(new Promise(() => {}))).rejects.toThrow(/events came at one.*callsItself/s);
  });
});
