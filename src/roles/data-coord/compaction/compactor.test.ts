// What data-coord commits of a compaction, what it refuses, and when it gives files back.
import { describe, expect, it } from 'vitest';
import { type SimulatedCluster, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { CompactSegmentsRequest } from '#proto/elanus/roles.js';
import {
  CHANNEL,
  COLLECTION,
  commit,
  type Fakes,
  flushedOf,
  type Running,
  segment,
  start,
  watch,
} from '../../../../test/support/data-coord.js';

const FILE = 'insert_log/7/70/900/0/901.parquet';
const merged = (id: bigint, sources: readonly SegmentRecord[]): SegmentRecord =>
  segment(id, {
    files: [{ key: FILE, bytes: 3n, crc32: 0, fieldIds: [0n, 1n, 100n], rowCount: 20n }],
    ...{ rowCount: 20n, timestampTo: 20n, compactedFrom: sources.map(({ id }) => id) },
  });

interface World {
  readonly running: Running;
  readonly asked: CompactSegmentsRequest[];
  /** Segments that the owner says are in use. */
  readonly used: Set<bigint>;
  meanwhile: () => Promise<void>;
}

async function world(cluster: SimulatedCluster = simulatedCluster(11), id = 900n): Promise<World> {
  const asked: CompactSegmentsRequest[] = [];
  const used = new Set<bigint>();
  const fakes: Partial<Fakes> = {
    // Each data-coord gets others, as from one root-coord.
    rootCoord: { allocID: async ({ count }) => ({ ID: id * 10n, count }) },
    streamingNode: {
      dropChannelPartition: async () => ({}),
      segmentsInUse: async ({ segmentIds }) => ({ segmentIds: segmentIds.filter((id) => used.has(id)) }),
    },
    dataNode: {
      compactSegments: async (request) => {
        asked.push(request);
        await there.running.platform.objectStore.put(FILE, [new Uint8Array(3)]);
        await there.meanwhile();
        return { segments: [merged(id, request.sources)], unchanged: false, readableFrom: 0n };
      },
    },
  };
  const there: World = { running: await start(cluster, fakes), asked, used, meanwhile: async () => {} };
  return there;
}

const epochOf = async ({ registry, run }: Running): Promise<bigint> =>
  (await run(registry.acquireChannels({ serverId: 9n }))).channels[0]?.channel?.epoch ?? 0n;

const rows = (id: bigint): SegmentRecord => segment(id, { timestampFrom: id, timestampTo: id });

/** Two segments of rows until 12, and a checkpoint behind them. */
async function withTwo(there: World): Promise<bigint> {
  await watch(there.running);
  const epoch = await epochOf(there.running);
  await commit(there.running, epoch, [rows(11n), rows(12n)], 8n);
  return epoch;
}

const wanted = {
  targetBytes: 0n,
  major: false,
  partitionId: 0n,
  vchannel: '',
  segmentIds: [],
  deletesOnly: false,
};

/** One with an id that is there would be answered. */
let newestId = 0n;

async function compact({ running }: World) {
  const { registry, run, cluster } = running;
  newestId++;
  const asked = { collectionId: COLLECTION, ...wanted, compactionId: newestId };
  const { compactionId } = await run(registry.compact(asked));
  for (let looks = 0; looks < 100; looks++) {
    const { plans } = await run(registry.compactionState({ compactionId }));
    if (plans.every(({ state }) => state === 'done' || state === 'failed')) return plans;
    await run(cluster.world.timers.sleep(10));
  }
  throw new Error('the compaction does not end');
}

const isThere = async ({ running }: World, key = FILE): Promise<boolean> =>
  (await running.run(running.platform.objectStore.size(key))) !== undefined;

describe('a compaction', () => {
  it('replaces its sources, which keep their ids taken', async () => {
    const there = await world();
    const epoch = await withTwo(there);
    expect(await compact(there)).toMatchObject([{ state: 'done', sources: [11n, 12n], targets: [900n] }]);
    expect(await flushedOf(there.running)).toEqual([900n]);
    const { replaced } = await there.running.run(
      there.running.registry.listSegments({ collectionId: COLLECTION }),
    );
    expect(replaced).toMatchObject([
      { id: 11n, state: 'dropped', compactedTo: [900n] },
      { id: 12n, state: 'dropped', compactedTo: [900n] },
    ]);
    // The flush is sent again: its answer was lost.
    await commit(there.running, epoch, [rows(11n)], 9n);
    expect(await flushedOf(there.running)).toEqual([900n]);
  });

  it('is refused when a source is dropped with its partition meanwhile, and leaves no file', async () => {
    const there = await world();
    await withTwo(there);
    const { registry } = there.running;
    there.meanwhile = async () => {
      await registry.dropCollectionData({ collectionId: COLLECTION, partitionId: 70n });
    };
    expect(await compact(there)).toMatchObject([
      { state: 'failed', reason: expect.stringContaining('segment 11 is gone') },
    ]);
    expect(await flushedOf(there.running)).toEqual([]);
    expect(await isThere(there)).toBe(false);
  });

  it('takes no offence at an index file that comes meanwhile', async () => {
    const there = await world();
    await withTwo(there);
    const index = { indexId: 4n, state: 'finished', key: 'index_files/1' };
    there.meanwhile = async () => {
      await there.running.registry.saveIndexFile({ segmentId: 11n, index });
    };
    expect(await compact(there)).toMatchObject([{ state: 'done' }]);
  });

  it('whose file goes as an orphan when the channel gets another owner is planned again, and blames no source', async () => {
    const there = await world();
    await withTwo(there);
    there.meanwhile = async () => {
      there.meanwhile = async () => {};
      await there.running.registry.acquireChannels({ serverId: 10n });
      while ((await there.running.platform.objectStore.size(FILE)) !== undefined)
        await there.running.cluster.world.timers.sleep(10);
    };
    const [plan] = await compact(there);
    expect(plan).toMatchObject({ state: 'failed', reason: expect.stringContaining('taken for an orphan') });
    // By this kind of error sources are set aside as damaged for ten minutes.
    expect(plan?.reason).toContain('it is planned again');
    expect(await flushedOf(there.running)).toEqual([11n, 12n]);
    expect(await compact(there)).toMatchObject([{ state: 'done', targets: [900n] }]);
  });

  it('of a data-coord that was overtaken is refused', async () => {
    const cluster = simulatedCluster(11);
    const stale = await world(cluster);
    await withTwo(stale);
    const second = await world(cluster, 910n);
    stale.meanwhile = async () => {
      stale.meanwhile = async () => {};
      const { compactionId } = await second.running.registry.compact({ collectionId: COLLECTION, ...wanted });
      for (let looks = 0; looks < 100; looks++) {
        const { plans } = await second.running.registry.compactionState({ compactionId });
        if (plans.every(({ state }) => state === 'done')) return;
        await cluster.world.timers.sleep(10);
      }
    };
    expect(await compact(stale)).toMatchObject([{ state: 'failed' }]);
  });
});

describe('GC', () => {
  const looks = ({ running }: World, count: number): Promise<void> =>
    running.run(running.cluster.world.timers.sleep(count * 1000 + 500));
  const leftOf = async ({ running }: World): Promise<bigint[]> =>
    (await running.run(running.registry.listSegments({ collectionId: COLLECTION }))).replaced.map(
      ({ id }) => id,
    );

  it('goes at the second look that finds it unused, behind the checkpoint', async () => {
    const there = await world();
    const epoch = await withTwo(there);
    const [key] = rows(11n).files.map((file) => file.key);
    await there.running.run(there.running.platform.objectStore.put(key ?? '', [new Uint8Array(3)]));
    there.used.add(12n);
    await compact(there);
    await looks(there, 4);
    // A replay of the log would bring rows back whose segment it does not find.
    expect(await leftOf(there)).toEqual([11n, 12n]);
    await commit(there.running, epoch, [], 50n);
    expect(await isThere(there, key)).toBe(true);
    await looks(there, 3);
    expect(await leftOf(there)).toEqual([12n]);
    expect(await isThere(there, key)).toBe(false);
    there.used.clear();
    await looks(there, 3);
    expect(await leftOf(there)).toEqual([]);
    // Its id is not known any more; the checkpoint says that its rows are in files.
    await commit(there.running, epoch, [rows(11n)], 50n);
    expect(await flushedOf(there.running)).toEqual([900n]);
    expect(CHANNEL).toBe(rows(11n).vchannel);
  });

  it('of which much is there does not keep a close waiting: the rest goes in the next life', async () => {
    const there = await world();
    const epoch = await withTwo(there);
    await compact(there);
    await commit(there.running, epoch, [], 50n);
    const { platform, dataCoord } = there.running;
    const remove = platform.objectStore.remove.bind(platform.objectStore);
    let closing: Promise<void> | undefined;
    let waitsFor: string | undefined;
    platform.objectStore.remove = async (key) => {
      closing ??= dataCoord.close();
      await remove(key);
      waitsFor = dataCoord.underWay;
    };
    await looks(there, 4);
    await there.running.run(closing ?? Promise.reject(new Error('nothing was removed')));
    expect(await leftOf(there)).toEqual([12n]);
    expect([waitsFor, dataCoord.underWay]).toEqual(['garbage that is being removed', undefined]);
  });
});
