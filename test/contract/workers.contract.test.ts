// What every Workers must do; the threads load the tasks of test-tasks.ts.
import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import * as threadRegistry from '#index/thread-tasks.js';
import { workerTasks as allTasks } from '#index/worker-tasks.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { NodeWorkers } from '#platform/node/node-workers.js';
import type { SharedRegion, Workers, WorkerTask } from '#platform/workers.js';
import { workerTasks } from './test-tasks.js';

const registry = new URL('./test-tasks.ts', import.meta.url);
const tasks: Readonly<Record<string, WorkerTask>> = workerTasks;
const threads: NodeWorkers[] = [];
afterEach(async () => {
  for (const workers of threads.splice(0)) await workers.close();
});

function nodeWorkers(parallelism = 2): NodeWorkers {
  const workers = new NodeWorkers({ registry, parallelism });
  threads.push(workers);
  return workers;
}

describe.each([
  ['node', (): Workers => nodeWorkers()],
  ['inline', (): Workers => new InlineWorkers({ timers: nodeTimers, tasks })],
] as const)('Workers (%s)', (_name, open) => {
  test('runs tasks, copies the input, gives the output', async () => {
    const workers = open();
    const input = { list: [1, 2n, 'x'], bytes: Uint8Array.of(1, 2) };
    const running = workers.run<typeof input>('echo', input, []);
    input.bytes[0] = 9;
    expect(await running).toEqual({ list: [1, 2n, 'x'], bytes: Uint8Array.of(1, 2) });
    expect(await workers.run('later', 1, [])).toBe(2);
    const { view } = await workers.run<{ view: Float32Array }>('bytes', { length: 1000 }, []);
    expect(view.length).toBe(1000);
    expect(view[999]).toBe(1.5);
  });
  test('gives an empty constant of the task as often as it is asked', async () => {
    const workers = open();
    for (let i = 0; i < 5; i++) {
      const { none } = await workers.run<{ none: Uint8Array }>('empty', undefined, []);
      expect(none).toEqual(new Uint8Array(0));
    }
  });
  test('regions are shared both ways, keep one Memory object, and grow', async () => {
    const workers = open();
    const region = workers.allocate(100_000, 10_000_000);
    expect(region.memory.buffer.byteLength).toBe(131_072);
    new Uint8Array(region.memory.buffer).fill(1);
    const known = [];
    for (let i = 0; i < 5; i++) known.push(await workers.run<number>('fill', { value: 7 }, [region]));
    expect(known.includes(1)).toBe(true);
    expect(new Set(new Uint8Array(region.memory.buffer))).toEqual(new Set([7]));
    region.memory.grow(3);
    expect(region.memory.buffer.byteLength).toBe(131_072 + 3 * 65_536);
    workers.release(region);
    workers.release(region);
    await expect((async () => workers.run('fill', { value: 1 }, [region]))()).rejects.toThrow(/released/);
  });
  test('a release while tasks wait does not take their memory', async () => {
    const workers = open();
    const region = workers.allocate(65_536, 65_536);
    const all = Array.from({ length: 10 }, () => workers.run('fill', { value: 3 }, [region]));
    workers.release(region);
    await Promise.all(all);
    expect(new Uint8Array(region.memory.buffer)[9]).toBe(3);
  });
  test('many tasks and pauses under one signal are one listener on it', async () => {
    const workers = open();
    const { signal } = new AbortController();
    const all = Array.from({ length: 50 }, (_, i) => [
      workers.run<number>('later', i, [], signal),
      nodeTimers.sleep(1, signal),
    ]);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await Promise.all(all.flat());
  });
  test('errors come with their message; unknown tasks fail', async () => {
    const workers = open();
    await expect(workers.run('fail', {}, [])).rejects.toThrow('boom');
    await expect(workers.run('failTyped', {}, [])).rejects.toThrow('no memory');
    await expect(workers.run('toString', {}, [])).rejects.toThrow(/no worker task/);
    expect(await workers.run('echo', 1, [])).toBe(1);
  });
  test('an abort before the start cancels', async () => {
    const workers = open();
    const stop = new AbortController();
    const busy = Array.from({ length: 2 }, () => workers.run('spin', { ms: 100 }, []));
    const waiting = workers.run('echo', 1, [], stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ key: 'cancelled' });
    await expect(workers.run('echo', 1, [], stop.signal)).rejects.toMatchObject({ key: 'cancelled' });
    await Promise.all(busy);
  });
});

describe('NodeWorkers', () => {
  test('a short task runs on the calling thread, at once, under a number of its own; a long one does not', async () => {
    const workers = new NodeWorkers({ registry, tasks, parallelism: 2 });
    threads.push(workers);
    const here = { value: 0 };
    const running = workers.run<object>('echo', here, [], undefined, 50);
    expect(await running).toBe(here);
    expect(await workers.run<number>('thread', {}, [], undefined, 50)).toBe(2);
    expect(await workers.run('echo', here, [], undefined, 5000)).not.toBe(here);
    expect(await workers.run('echo', here, [])).not.toBe(here);
    await expect(workers.run('fail', {}, [], undefined, 1)).rejects.toThrow('boom');
    // What comes side by side and is not worth handing over stays here.
    const few = Array.from({ length: 8 }, () => workers.run<number>('thread', {}, [], undefined, 5));
    expect(new Set(await Promise.all(few))).toEqual(new Set([2]));
  });
  describe('short tasks side by side', () => {
    /** With a thread that is up, and callers side by side seen. */
    async function shared(): Promise<NodeWorkers> {
      const workers = new NodeWorkers({ registry, tasks, parallelism: 2 });
      threads.push(workers);
      await workers.run('echo', {}, []);
      await Promise.all(Array.from({ length: 70 }, () => workers.run('echo', {}, [], undefined, 1)));
      await nodeTimers.yield();
      return workers;
    }
    const flag = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));

    test('are computed by the calling thread and by another at the same time, each once', async () => {
      const workers = await shared();
      // The first runs here, and until another thread has come to one of them it does not end.
      const [met, runs] = [flag(), flag()];
      const all = Array.from({ length: 9 }, () =>
        workers.run<number>('meet', { met, runs, here: 2 }, [], undefined, 60),
      );
      const by = await Promise.all(all);
      expect(new Set(by)).toEqual(new Set([0, 2]));
      expect(runs[0]).toBe(9);
    });
    test('go to the other thread again and again, though this one does not come to its messages', async () => {
      const workers = await shared();
      // Callers of a round are there when the first task of the round before was answered; that of each waits for the other thread.
      const rounds: Promise<number>[][] = [];
      for (let round = 0; round < 3; round++) {
        await rounds.at(-1)?.[0];
        const input = { met: flag(), runs: flag(), here: 2 };
        rounds.push(Array.from({ length: 9 }, () => workers.run<number>('meet', input, [], undefined, 60)));
      }
      for (const round of rounds) expect(new Set(await Promise.all(round))).toEqual(new Set([0, 2]));
    });
    /** Nine of which the other thread has claimed at least one when the first is answered. */
    function nine(
      workers: NodeWorkers,
      then: string,
      more: { regions?: SharedRegion[]; signal?: AbortSignal } = {},
    ) {
      const open = flag();
      const input = { met: flag(), runs: flag(), here: 2, then, open };
      const all = Array.from({ length: 9 }, () =>
        workers.run('meetAnd', input, more.regions ?? [], more.signal, 60),
      );
      const letGo = (): void => {
        Atomics.store(open, 0, 1);
        Atomics.notify(open, 0);
      };
      return { all, letGo, settled: Promise.allSettled(all) };
    }
    test('are computed here when the other thread stands still; what it has claimed it answers later', async () => {
      const workers = await shared();
      const { all, letGo, settled } = nine(workers, 'hold');
      const done: unknown[] = [];
      await new Promise<void>((resolve) => {
        for (const one of all)
          void one.then((thread) => {
            if (done.push(thread) === 8) resolve();
          });
      });
      expect(new Set(done)).toEqual(new Set([2]));
      letGo();
      expect((await settled).filter((one) => one.status === 'fulfilled' && one.value === 0)).toHaveLength(1);
    });
    test('are answered with arrays of their own', async () => {
      const { settled } = nine(await shared(), 'arrays');
      const values = (await settled).map((one) => (one.status === 'fulfilled' ? one.value : one.reason));
      const arrays = { rows: Uint32Array.of(7, 8), scores: new Float32Array(0), count: 2.5 };
      expect(values).toContainEqual(arrays);
      expect(values).toContain(2);
      for (const value of values) expect([2, arrays]).toContainEqual(value);
    });
    test.each([
      ['fail', { message: 'boom' }],
      ['fail typed', { key: 'memory_limit' }],
      ['fail oddly', { message: expect.stringContaining('its thread ended') }],
      ['die', { message: expect.stringContaining('its thread ended') }],
    ])('that %s on the other thread fail alone', async (then, reason) => {
      const workers = await shared();
      const settled = await nine(workers, then).settled;
      const failed = settled.filter(({ status }) => status === 'rejected');
      expect(failed.length).toBeGreaterThan(0);
      for (const one of failed) expect(one).toMatchObject({ reason });
      expect(settled).toContainEqual({ status: 'fulfilled', value: 2 });
      expect(await workers.run('echo', 1, [])).toBe(1);
    });
    test('are cancelled also on the other thread, which keeps their memory until then', async () => {
      const workers = await shared();
      const region = workers.allocate(65_536, 65_536);
      const giveUp = new AbortController();
      const { all, letGo, settled } = nine(workers, 'hold', { regions: [region], signal: giveUp.signal });
      await all[0];
      giveUp.abort();
      workers.release(region);
      letGo();
      const cancelled = (await settled).filter((one) => one.status === 'rejected');
      expect(cancelled.length).toBeGreaterThan(0);
      for (const one of cancelled) expect(one).toMatchObject({ reason: { key: 'cancelled' } });
      expect(await workers.run('echo', 1, [])).toBe(1);
    });
    test('fail alone, are cancelled before they begin, and hold their memory', async () => {
      const workers = await shared();
      const region = workers.allocate(65_536, 65_536);
      const giveUp = new AbortController();
      const run = (task: string, signal?: AbortSignal) =>
        workers.run(task, { value: 4 }, [region], signal, 60);
      const all = [run('fill'), run('fail'), run('thread', giveUp.signal), run('failTyped'), run('fill')];
      giveUp.abort();
      workers.release(region);
      const settled = await Promise.allSettled(all);
      expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([true, false, false, false, true]);
      await expect(all[1]).rejects.toThrow('boom');
      await expect(all[3]).rejects.toMatchObject({ key: 'memory_limit' });
      expect(new Uint8Array(region.memory.buffer)[9]).toBe(4);
    });
    test('a thread that attends to them takes a long task and comes back to them', async () => {
      const workers = await shared();
      for (let round = 0; round < 3; round++) {
        const { all, settled } = nine(workers, 'arrays');
        await all[0];
        expect(await workers.run<number>('thread', {}, [])).toBeLessThan(2);
        await settled;
      }
    });
    test('that the other thread holds end with the workers', async () => {
      const workers = await shared();
      const { all, settled } = nine(workers, 'hold');
      await all[0];
      await workers.close();
      const ended = (await settled).filter((one) => one.status === 'rejected');
      expect(ended.length).toBeGreaterThan(0);
      for (const one of ended) expect(one).toMatchObject({ reason: { key: 'service_unavailable' } });
    });
    test('end with the workers', async () => {
      const workers = await shared();
      const all = Array.from({ length: 20 }, () => workers.run('thread', {}, [], undefined, 60));
      await workers.close();
      for (const one of all) await expect(one).rejects.toMatchObject({ key: 'service_unavailable' });
    });
  });
  test('one caller after another call wakes no thread, and what waited for its turn ends with the workers', async () => {
    const workers = new NodeWorkers({ registry, tasks, parallelism: 2 });
    threads.push(workers);
    const region = workers.allocate(65_536, 65_536);
    for (let i = 0; i < 100; i++)
      expect(await workers.run<number>('thread', {}, [region], undefined, 60)).toBe(2);
    for (const how of ['service_unavailable', 'cancelled'] as const) {
      const ending = new NodeWorkers({ registry, tasks, parallelism: 2 });
      const giveUp = new AbortController();
      const run = (): Promise<number> => ending.run<number>('thread', {}, [], giveUp.signal, 60);
      const inTime = Array.from({ length: 33 }, run);
      const waits = expect(run()).rejects.toMatchObject({ key: how });
      if (how === 'cancelled') giveUp.abort();
      else await ending.close();
      await waits;
      await Promise.all(inTime);
      await ending.close();
    }
  });
  test('a view of a larger buffer takes nothing of the rest to a thread', async () => {
    const workers = nodeWorkers(1);
    const all = Float32Array.from({ length: 1000 }, (_, i) => i);
    const input = { queries: all.subarray(2, 4), bytes: Buffer.from([1, 2, 3]).subarray(1), k: 3 };
    const seen = await workers.run<{ queries: Float32Array; bytes: Uint8Array; k: number }>(
      'echo',
      input,
      [],
    );
    expect([...seen.queries, ...seen.bytes, seen.k]).toEqual([2, 3, 2, 3, 3]);
    expect([seen.queries.buffer.byteLength, seen.bytes.buffer.byteLength]).toEqual([8, 2]);
  });
  test('errors keep their key', async () => {
    await expect(nodeWorkers().run('failTyped', {}, [])).rejects.toMatchObject({
      name: 'ElanusError',
      key: 'memory_limit',
    });
  });
  test('a thread that dies rejects its task and is replaced', async () => {
    const workers = nodeWorkers(1);
    const [died, next] = [workers.run('die', {}, []), workers.run('echo', 5, [])];
    await expect(died).rejects.toMatchObject({ key: 'internal' });
    expect(await next).toBe(5);
    const region = workers.allocate(65_536, 65_536);
    expect(await workers.run('fill', { value: 1 }, [region])).toBe(0);
    await expect(workers.run('die', {}, [])).rejects.toMatchObject({ key: 'internal' });
    expect(await workers.run('fill', { value: 1 }, [region])).toBe(0);
  });
  test('input that cannot be cloned fails alone', async () => {
    const workers = nodeWorkers(1);
    await expect(workers.run('echo', () => 1, [])).rejects.toThrow();
    expect(await workers.run('echo', 2, [])).toBe(2);
  });
  test('a missing registry fails every task with a message', async () => {
    const workers = new NodeWorkers({ registry: new URL('./no-such.ts', import.meta.url), parallelism: 1 });
    threads.push(workers);
    await expect(workers.run('echo', 1, [])).rejects.toThrow(/no-such/);
  });
  test('closing rejects what waits and what runs', async () => {
    const workers = nodeWorkers(1);
    const all = Array.from({ length: 3 }, () => workers.run('spin', { ms: 5000 }, []));
    for (const one of all) one.catch(() => {});
    await nodeTimers.sleep(50);
    await workers.close();
    for (const one of all) await expect(one).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(workers.run('echo', 1, [])).rejects.toMatchObject({ key: 'service_unavailable' });
  });
  test('a thread that was begun ahead is the one that works; closing ends it', async () => {
    const workers = nodeWorkers(1);
    workers.begin();
    workers.begin();
    expect(await workers.run('thread', {}, [])).toBe(0);
    await workers.close();
    workers.begin();
    const ended = nodeWorkers(1);
    ended.begin();
    await ended.close(); // Before it is up.
    await expect(workers.run('echo', 1, [])).rejects.toMatchObject({ key: 'service_unavailable' });
  });

  test('a task of code that is loaded later', async () => {
    const workers = nodeWorkers(1);
    expect(await workers.run('double', 21, [])).toBe(42);
    expect(await workers.run('double', 4, [])).toBe(8);
  });

  test('a thread of the product has every task, by its name', async () => {
    const later = Object.entries(threadRegistry.laterTasks);
    for (const [name, load] of later) expect(Object.keys(await load())).toContain(name);
    const names = [...Object.keys(threadRegistry.workerTasks), ...later.map(([name]) => name)];
    expect(names.sort()).toEqual(Object.keys(allTasks).sort());
  });

  test('the product registry loads in a thread', async () => {
    const workers = new NodeWorkers({ parallelism: 1 });
    threads.push(workers);
    await expect(workers.run('scalarBuild', undefined, [])).rejects.not.toThrow(/no worker task/);
    await expect(workers.run('noSuchTask', {}, [])).rejects.toThrow(/no worker task is named "noSuchTask"/);
  });
});
