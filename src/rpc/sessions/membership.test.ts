// Sessions and leadership on simulated time: who leads, who has stopped by then, and what a process that was taken for dead can still do.
import { describe, expect, it } from 'vitest';
import { nextFloat } from '#base/random.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import type { MetaStore } from '#platform/meta-store.js';
import { Membership } from './membership.js';

const TTL = 3000;

interface Process {
  readonly membership: Membership;
  readonly platform: MemoryPlatform;
  readonly lost: string[];
  /** Roles that another process had. */
  readonly standsBy: string[];
  /** What becomes of its calls to the store. */
  trouble: 'none' | 'refused' | 'lost' | 'hangs' | 'slow';
}

let hosts = 0;
async function join(cluster: SimulatedCluster, serverId: bigint): Promise<Process> {
  const platform = openMemoryPlatform({ cluster, host: `process-${++hosts}` });
  const lost: string[] = [];
  const standsBy: string[] = [];
  const process = { platform, lost, standsBy, trouble: 'none' } as Omit<Process, 'membership'>;
  const through = async <T>(run: () => Promise<T>): Promise<T> => {
    if (process.trouble === 'hangs') return new Promise<T>(() => {});
    if (process.trouble === 'refused') throw new Error('refused');
    const value = await run();
    if (process.trouble === 'slow') await platform.timers.sleep(20);
    if (process.trouble === 'lost') throw new Error('no answer');
    return value;
  };
  const store = platform.metaStore;
  const metaStore: MetaStore = {
    get: (key) => through(() => store.get(key)),
    range: (prefix) => through(() => store.range(prefix)),
    transact: (compares, operations) => through(() => store.transact(compares, operations)),
    watch: (prefix, onEvent) => store.watch(prefix, onEvent),
  };
  const membership = new Membership({
    platform: { ...platform, metaStore },
    serverId,
    settings: { ttlMs: TTL, exclusiveRoles: ['root-coord', 'data-coord', 'query-coord'] },
    onLost: (reason) => lost.push(reason),
    onStandBy: (role) => standsBy.push(role),
  });
  await cluster.world.runUntil(membership.join(`process-${hosts}:7000`));
  return Object.assign(process, { membership });
}

const isValid = ({ membership }: Process): boolean => {
  try {
    membership.check('look');
    return true;
  } catch {
    return false;
  }
};
const put = (store: MetaStore, key: string) =>
  store.transact([], [{ kind: 'put', key, value: new Uint8Array([1]) }]);

describe('an exclusive role', () => {
  it('has one active process; the next one leads within its time to live and a quarter, under a higher epoch', async () => {
    const cluster = simulatedCluster(1);
    const { world } = cluster;
    const [first, second] = [await join(cluster, 1n), await join(cluster, 2n)];
    await world.runUntil(first.membership.lead('root-coord'));
    first.membership.serve('root-coord');
    let isLed = false;
    const led = second.membership.lead('root-coord').then((store) => {
      isLed = true;
      return store;
    });
    await world.advance(10 * TTL);
    expect(isLed).toBe(false);
    // Said once, and not by the one that has it.
    expect([first.standsBy, second.standsBy]).toEqual([[], ['root-coord']]);
    expect(second.membership.nodesOf('root-coord')).toMatchObject([{ serverId: 1n, epoch: 1n }]);
    first.platform.crash();
    const diedAt = world.now;
    await world.runUntil(led);
    expect(world.now - diedAt).toBeLessThanOrEqual(TTL * 1.25 + TTL / 3 + 10);
    expect(second.membership.nodesOf('root-coord')).toEqual([]);
    second.membership.serve('root-coord');
    const third = await join(cluster, 3n);
    await world.advance(100);
    expect(third.membership.nodesOf('root-coord')).toMatchObject([{ serverId: 2n, epoch: 2n }]);
  });
  it('is free at once after a clean end', async () => {
    const cluster = simulatedCluster(2);
    const { world } = cluster;
    const [first, second] = [await join(cluster, 1n), await join(cluster, 2n)];
    await world.runUntil(first.membership.lead('root-coord'));
    const led = second.membership.lead('root-coord');
    await world.advance(TTL);
    await world.runUntil(first.membership.close());
    const endedAt = world.now;
    await world.runUntil(led);
    expect(world.now - endedAt).toBeLessThan(TTL / 3);
  });
  it.each([0, 5, 10, 15, 20, 25])(
    'of several, all are free at once, whatever else is written and read meanwhile (%i ms)',
    async (pauseMs) => {
      const roles = ['root-coord', 'data-coord', 'query-coord'] as const;
      const cluster = simulatedCluster(3);
      const { world } = cluster;
      const [first, second] = [await join(cluster, 1n), await join(cluster, 2n)];
      for (const role of roles) await world.runUntil(first.membership.lead(role));
      second.trouble = 'slow';
      const led = (async () => {
        for (const role of roles) {
          await second.membership.lead(role);
          second.membership.serve(role);
        }
      })();
      await world.advance(TTL + pauseMs);
      // Others come as it goes: each is news, and makes who stands by look.
      await join(cluster, 3n);
      await world.advance(pauseMs);
      await world.runUntil(first.membership.close());
      const endedAt = world.now;
      await world.runUntil(led);
      expect(world.now - endedAt).toBeLessThan(TTL / 8);
    },
  );
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is led by nobody else while its holder takes calls, wherever the store fails it (%i)',
    async (seed) => {
      const cluster = simulatedCluster(seed);
      const { world } = cluster;
      const some = [await join(cluster, 1n), await join(cluster, 2n), await join(cluster, 3n)];
      const [holder] = some as [Process, ...Process[]];
      const old = await world.runUntil(holder.membership.lead('root-coord'));
      let leaders = 0;
      let wasValid = false;
      for (const process of some.slice(1))
        void process.membership.lead('root-coord').then(() => {
          leaders++;
          wasValid ||= isValid(holder);
        });
      await world.advance(nextFloat(world.random) * TTL);
      holder.trouble = (['refused', 'lost', 'hangs'] as const)[seed % 3] ?? 'refused';
      await world.advance(4 * TTL);
      expect(leaders).toBe(holder.trouble === 'lost' ? leaders : 1);
      expect(wasValid).toBe(false);
      if (leaders === 0) return; // Writes came through, only their answers did not: nobody took it for dead.
      // It comes back: it changes nothing, learns that it was replaced, and ends.
      holder.trouble = 'none';
      await expect(world.runUntil(put(old, 'from-the-grave'))).rejects.toMatchObject({
        key: 'service_not_ready',
      });
      expect(await holder.platform.metaStore.get('from-the-grave')).toBeUndefined();
      await world.advance(TTL);
      expect(holder.lost).toHaveLength(1);
      expect(isValid(holder)).toBe(false);
      expect(leaders).toBe(1);
    },
  );
  it('stays with its holder over an outage of the store, who takes no calls meanwhile', async () => {
    const cluster = simulatedCluster(4);
    const { world } = cluster;
    const [first, second] = [await join(cluster, 1n), await join(cluster, 2n)];
    const store = await world.runUntil(first.membership.lead('root-coord'));
    let isLed = false;
    void second.membership.lead('root-coord').then(() => {
      isLed = true;
    });
    await world.advance(TTL);
    for (const process of [first, second]) process.trouble = 'refused';
    await world.advance(5 * TTL);
    expect([isValid(first), isValid(second)]).toEqual([false, false]);
    for (const process of [first, second]) process.trouble = 'none';
    await world.advance(3 * TTL);
    expect([isValid(first), isLed, first.lost]).toEqual([true, false, []]);
    expect(await world.runUntil(put(store, 'k'))).toBeGreaterThan(0n);
  });
  it('a leader record whose answer was lost is taken for its own', async () => {
    const cluster = simulatedCluster(5);
    const { world } = cluster;
    const first = await join(cluster, 1n);
    first.trouble = 'lost';
    const led = first.membership.lead('root-coord');
    await world.advance(TTL / 8);
    first.trouble = 'none';
    const store = await world.runUntil(led);
    expect(await world.runUntil(put(store, 'k'))).toBeGreaterThan(0n);
    expect(await world.runUntil(cluster.metaStore.range('leader/'))).toHaveLength(1);
  });
  it('a record that was changed is one thing, a place that was taken another', async () => {
    const cluster = simulatedCluster(6);
    const first = await join(cluster, 1n);
    const store = await cluster.world.runUntil(first.membership.lead('root-coord'));
    await cluster.world.runUntil(put(store, 'k'));
    const changed = store.transact([{ key: 'k', modRevision: 0n }], [{ kind: 'delete', key: 'k' }]);
    expect(await cluster.world.runUntil(changed)).toBeUndefined();
    expect(first.lost).toEqual([]);
  });
});
