// Compactions that clients asked for outlive the process that was asked: they go on where they were, once, and say how they ended.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { type SimulatedCluster, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import {
  COLLECTION,
  commit,
  down,
  type Fakes,
  flushedOf,
  type Running,
  segment,
  start,
  watch,
} from '../../../../test/support/data-coord.js';

/** What outlives the lives of data-coord. */
class World {
  readonly cluster: SimulatedCluster = simulatedCluster(11);
  /** Sources of every call of the data-node. */
  readonly merged: string[] = [];
  /** Before the data-node answers. */
  atNode: () => Promise<void> = async () => {};
  /** Before query-coord says that the collection is served. */
  atLook: () => Promise<void> = async () => {};
  /** Before each change of the catalog, which are counted from 1. */
  atChange: (step: number) => void = () => {};
  #nextId = 6000n;
  #steps = 0;

  async live(): Promise<Running> {
    const running = await start(this.cluster, this.#fakes());
    const { metaStore } = running.platform;
    const transact = metaStore.transact.bind(metaStore);
    metaStore.transact = async (compares, operations) => {
      this.atChange(++this.#steps);
      const revision = await transact(compares, operations);
      this.atChange(++this.#steps);
      return revision;
    };
    return running;
  }

  #fakes(): Partial<Fakes> {
    return {
      rootCoord: { allocID: async ({ count }) => ({ ID: this.#next(count), count }) },
      streamingNode: { segmentsInUse: async ({ segmentIds }) => ({ segmentIds }) },
      queryCoord: {
        segmentsChanged: async ({ untilServed }) => {
          if (untilServed) await this.atLook();
          return {};
        },
      },
      dataNode: {
        compactSegments: async ({ sources }) => {
          this.merged.push(sources.map(({ id }) => id).join());
          await this.atNode();
          return { segments: [this.#written(sources)], unchanged: false, readableFrom: 0n };
        },
      },
    };
  }

  #next(count = 1): bigint {
    const first = this.#nextId;
    this.#nextId += BigInt(count);
    return first;
  }

  #written(sources: readonly SegmentRecord[]): SegmentRecord {
    const [{ partitionId = 0n } = {}] = sources;
    const rowCount = sources.reduce((sum, one) => sum + one.rowCount, 0n);
    return segment(this.#next(), {
      ...{ partitionId, rowCount, timestampFrom: 11n, timestampTo: 20n },
      ...{ files: [], compactedFrom: sources.map(({ id }) => id) },
    });
  }
}

const rows = (id: bigint, partitionId: bigint, commitTimestamp = 0n): SegmentRecord =>
  segment(id, { partitionId, timestampFrom: id, timestampTo: id, commitTimestamp });

/** Two segments in each of two partitions: two plans. @param importedAt of an import */
async function withFour(world: World, importedAt = 0n): Promise<Running> {
  const running = await world.live();
  await watch(running);
  const owned = await running.run(running.registry.acquireChannels({ serverId: 9n }));
  const epoch = owned.channels[0]?.channel?.epoch ?? 0n;
  const segments = [rows(11n, 70n, importedAt), rows(12n, 70n), rows(13n, 71n), rows(14n, 71n)];
  await commit(running, epoch, segments, 20n);
  return running;
}

const wanted = {
  ...{ collectionId: COLLECTION, targetBytes: 0n, major: false, partitionId: 0n, vchannel: '' },
  ...{ segmentIds: [], deletesOnly: false },
};
const begin = async ({ registry, run }: Running): Promise<bigint> =>
  (await run(registry.compact(wanted))).compactionId;
const plansOf = async ({ registry, run }: Running, compactionId: bigint) =>
  (await run(registry.compactionState({ compactionId }))).plans;

async function ended(running: Running, compactionId: bigint) {
  for (let looks = 0; looks < 200; looks++) {
    const plans = await plansOf(running, compactionId);
    if (plans.every(({ state }) => state === 'done' || state === 'failed')) return plans;
    await running.run(running.cluster.world.timers.sleep(500));
  }
  throw new Error('the compaction does not end');
}

const pause = ({ cluster, run }: Running, ms: number): Promise<void> => run(cluster.world.timers.sleep(ms));
/** It dies here: what runs there stands still. */
const never = (): Promise<never> => new Promise(() => {});

describe('a compaction that a client asked for', () => {
  it('goes on in the next life, whichever change it dies before or after, and replaces each segment once', async () => {
    let lives = 0;
    for (let dyingAt = 1; ; dyingAt++) {
      const world = new World();
      const first = await withFour(world);
      let [base, isDead] = [0, false];
      world.atChange = (step) => {
        if (base === 0) base = step - 1;
        if (step - base !== dyingAt) return;
        isDead = true;
        first.platform.crash();
        throw new ElanusError('io_failed', 'it died');
      };
      const asked = await begin(first).catch(() => undefined);
      await pause(first, 2000);
      world.atChange = () => {};
      const second = isDead ? await world.live() : first;
      // Before the first change it was not promised anything.
      if (asked !== undefined) {
        expect(await ended(second, asked)).toMatchObject([
          { state: 'done', sources: [11n, 12n], targets: [expect.any(BigInt)] },
          { state: 'done', sources: [13n, 14n], targets: [expect.any(BigInt)] },
        ]);
        expect(await flushedOf(second)).toHaveLength(2);
      }
      lives++;
      if (!isDead) break;
    }
    // The job, its plans, two plans that end, and what comes after them: before each and after each.
    expect(lives).toBeGreaterThan(8);
  });

  it('is not failed by a process that closes in the middle of it', async () => {
    const world = new World();
    const first = await withFour(world);
    let closing: Promise<void> | undefined;
    world.atNode = () => {
      closing ??= first.dataCoord.close();
      return Promise.reject(new ElanusError('cancelled', 'closing'));
    };
    const asked = await begin(first);
    await pause(first, 1000);
    await first.run(closing ?? never());
    world.atNode = async () => {};
    const second = await world.live();
    expect(await ended(second, asked)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
  });

  it('keeps its place behind another one', async () => {
    const world = new World();
    const first = await withFour(world);
    world.atNode = never;
    const jobs = [await begin(first), await begin(first)] as const;
    await pause(first, 1000);
    expect(await plansOf(first, jobs[0])).toMatchObject([{ state: 'running' }, { state: 'waiting' }]);
    expect(await plansOf(first, jobs[1])).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
    first.platform.crash();
    world.atNode = async () => {};
    const second = await world.live();
    expect(await ended(second, jobs[0])).toMatchObject([{ state: 'done' }, { state: 'done' }]);
    // What the first made of everything is as it should be.
    await ended(second, jobs[1]);
    expect(world.merged).toEqual(['11,12', '11,12', '13,14']);
  });

  it('says which segments are gone when it goes on', async () => {
    const world = new World();
    const first = await withFour(world);
    world.atNode = never;
    const asked = await begin(first);
    await pause(first, 1000);
    first.platform.crash();
    // The next life drops a partition before the turn of the job comes: root-coord does not answer yet.
    const second = await start(world.cluster, {
      rootCoord: { allocTimestamp: down },
      streamingNode: { dropChannelPartition: async () => ({}) },
    });
    await second.run(second.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: 70n }));
    second.platform.crash();
    world.atNode = async () => {};
    const third = await world.live();
    expect(await ended(third, asked)).toMatchObject([
      { state: 'failed', reason: expect.stringContaining('segments 11, 12 are gone') },
      { state: 'done', sources: [13n, 14n] },
    ]);
  });

  it('waits for a data-node that is away, says so, and ends with the reason', async () => {
    const world = new World();
    const running = await withFour(world);
    world.atNode = down;
    const asked = await begin(running);
    await pause(running, 1500);
    const explained = await running.run(
      running.registry.explain({ kind: 'compaction', collectionIds: [COLLECTION] }),
    );
    expect(explained.operations).toMatchObject([
      {
        what: `compaction ${asked}`,
        state: 'waiting',
        waitsFor: expect.stringMatching(/next try at .* failed, the last: down/),
      },
    ]);
    expect(await ended(running, asked)).toMatchObject([
      { state: 'failed', reason: 'tried 8 times, the last failed: down' },
      { state: 'failed' },
    ]);
    expect(world.merged).toHaveLength(8);
    expect(await flushedOf(running)).toEqual([11n, 12n, 13n, 14n]);
  });

  it('waits until its collection is loaded anew after a restart, however long that takes', async () => {
    const world = new World();
    const first = await withFour(world, 15n);
    world.atNode = never;
    const asked = await begin(first);
    await pause(first, 1000);
    first.platform.crash();
    world.atNode = async () => {};
    world.atLook = () => Promise.reject(new ElanusError('collection_not_fully_loaded', 'it is loading'));
    const second = await world.live();
    await pause(second, 600_000);
    expect(await plansOf(second, asked)).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
    const explained = await second.run(
      second.registry.explain({ kind: 'compaction', collectionIds: [COLLECTION] }),
    );
    expect(explained.operations).toMatchObject([
      {
        what: `compaction ${asked}`,
        waitsFor: expect.stringMatching(/segments 11 of an import are not read/),
      },
    ]);
    world.atLook = async () => {};
    expect(await ended(second, asked)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
  });

  it('is known until a thousand others ended after it', async () => {
    const world = new World();
    const running = await world.live();
    await watch(running);
    const first = await begin(running);
    for (let others = 0; others < 999; others++) await begin(running);
    expect(await plansOf(running, first)).toEqual([]);
    await begin(running);
    await expect(plansOf(running, first)).rejects.toThrow(`compaction ${first} is not known`);
  });
});
