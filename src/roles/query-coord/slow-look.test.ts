import { expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { LOOK_MAX, LOOK_PAUSE_MS_MIN, SlowLook } from './slow-look.js';

const INTERVAL_MS = 10_000;

function looking(count: number, isStill: () => Promise<boolean> = async () => false) {
  const cluster = simulatedCluster(3);
  const all = new Map(Array.from({ length: count }, (_, id) => [BigInt(id), undefined]));
  const seen: { readonly id: bigint; readonly at: number }[] = [];
  const note = (ids: readonly bigint[]) => seen.push(...ids.map((id) => ({ id, at: cluster.world.now })));
  const { timers } = openMemoryPlatform({ cluster, host: 'qc' });
  const look = new SlowLook(timers, INTERVAL_MS, all, note, isStill);
  const began = cluster.world.now;
  look.start();
  return { all, look, seen, began, advance: (ms: number) => cluster.world.advance(ms) };
}

it.each([1, LOOK_MAX, LOOK_MAX + 1, LOOK_MAX * 20])('%i are looked at once in an interval', async (count) => {
  const { seen, advance, look } = looking(count);
  await advance(INTERVAL_MS + 1);
  expect(seen.map(({ id }) => id).sort()).toEqual(
    Array.from({ length: count }, (_, id) => BigInt(id)).sort(),
  );
  await advance(INTERVAL_MS);
  expect(seen).toHaveLength(2 * count);
  look.close();
  await advance(INTERVAL_MS);
  expect(seen).toHaveLength(2 * count);
});

it('very many: in so many slices as there are shortest pauses, each as large as the others', async () => {
  const count = LOOK_MAX * 100 + 1;
  const { seen, advance, began } = looking(count);
  await advance(INTERVAL_MS + 1);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(count);
  const counts = new Map<number, number>();
  for (const { at } of seen) counts.set(at, (counts.get(at) ?? 0) + 1);
  expect([...counts.keys()]).toEqual(
    Array.from({ length: 20 }, (_, at) => began + LOOK_PAUSE_MS_MIN * (at + 1)),
  );
  expect(Math.max(...counts.values())).toBe(Math.ceil(count / 20));
});

it('what comes is looked at with the next round, what went is not', async () => {
  const { all, seen, advance } = looking(1);
  await advance(INTERVAL_MS + 1);
  all.clear();
  all.set(7n, undefined);
  await advance(INTERVAL_MS);
  expect(seen.map(({ id }) => id)).toEqual([0n, 7n]);
  all.clear();
  await advance(3 * INTERVAL_MS);
  expect(seen).toHaveLength(2);
});

it('while nothing changes there is one question in an interval, and no look', async () => {
  let asked = 0;
  const state = { isStill: true };
  const { seen, advance } = looking(LOOK_MAX * 20, async () => {
    asked++;
    return state.isStill;
  });
  await advance(5 * INTERVAL_MS);
  expect([seen.length, asked]).toEqual([0, 5]);
  state.isStill = false;
  await advance(2 * INTERVAL_MS);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(LOOK_MAX * 20);
});

it('closed while it asks, it looks at nothing', async () => {
  const answer = deferred<boolean>();
  const { seen, advance, look } = looking(1, () => answer.promise);
  await advance(INTERVAL_MS + 1);
  look.close();
  answer.resolve(false);
  await advance(INTERVAL_MS);
  expect(seen).toEqual([]);
});
