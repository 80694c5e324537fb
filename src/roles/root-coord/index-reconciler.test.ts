// IndexReconciler with fakes around it: every large segment gets its index, a build that fails is shown, tried again with growing
// pauses and forgotten once it succeeds, and it holds up no other.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { parseCollection } from '#model/states/collection.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { CollectionRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { ChannelRegistryDefinition, DataNodeDefinition, QueryCoordDefinition } from '#proto/elanus/roles.js';
import { IndexState } from '#proto/milvus/common.js';
import { DataType } from '#proto/milvus/schema.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { anyNodes } from '../../../test/support/role-nodes.js';
import type { DataCoordBroker } from './data-coord-broker.js';
import { DefinitionCatalog } from './definition-catalog.js';
import { IndexReconciler } from './index-reconciler.js';

const collection = parseCollection(
  CollectionRecord.fromPartial({
    id: 7n,
    database: 'default',
    state: 'created',
    schema: { name: 'c', fields: [{ fieldID: 101n, name: 'v', dataType: DataType.FloatVector }] },
    indexes: [{ id: 50n, name: 'v', fieldId: 101n, indexType: 'FLAT', metricType: 'L2' }],
  }),
);

/** Rounds come from notices and from the pauses only. */
const NEVER_MS = 3_600_000;
async function setUp(nowMs?: () => number, intervalMs = NEVER_MS) {
  const cluster = simulatedCluster(3);
  const opened = openMemoryPlatform({ cluster, host: 'root' });
  const platform = nowMs === undefined ? opened : { ...opened, clock: { now: nowMs, monotonic: nowMs } };
  const catalog = await DefinitionCatalog.open(platform.metaStore);
  await catalog.saveDatabase({ id: 1n, name: 'default', createdTimestamp: 1n, properties: {} });
  await catalog.saveCollection(collection);
  const segments = new Map(
    [1n, 2n, 3n].map((id) => [id, SegmentRecord.fromPartial({ id, rowCount: 2000n, state: 'flushed' })]),
  );
  const failing = new Map<bigint, Error>();
  const tries: [segmentId: bigint, atMs: number][] = [];
  const lists = { count: 0 };
  const revision = { revision: 1n, segments: 3, channels: 1 };
  const during: { build?: () => Promise<void> } = {};
  let ids = 0n;
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const broker: Partial<DataCoordBroker> = {
    getFlushedSegments: async () => [...segments.keys()],
    getBinlogFilePaths: async () => ['file'],
    getNumRows: async (id) => segments.get(id)?.rowCount ?? 0n,
  };
  const reconciler = new IndexReconciler({
    platform,
    catalog,
    broker: broker as DataCoordBroker,
    rowsMin: 1024,
    nodes: anyNodes,
    dataNode: client(DataNodeDefinition, {
      buildIndex: async ({ segmentId, index }) => {
        tries.push([segmentId, cluster.world.now]);
        await during.build?.();
        const failure = failing.get(segmentId);
        if (failure !== undefined) throw failure;
        return { index: { indexId: index?.id, key: `index/${segmentId}/FLAT`, state: 'finished' } };
      },
    }),
    channelRegistry: client(ChannelRegistryDefinition, {
      listSegments: async () => {
        lists.count++;
        return { segments: [...segments.values()] };
      },
      dataRevisions: async ({ collectionIds }) => ({
        collections: collectionIds.map(() => ({ ...revision })),
      }),
      dropIndexFiles: async ({ segmentId, indexId }) => {
        const segment = segments.get(segmentId);
        if (segment !== undefined)
          segments.set(segmentId, {
            ...segment,
            indexes: segment.indexes.filter((file) => file.indexId !== indexId),
          });
        return {};
      },
      saveIndexFile: async ({ segmentId, index }) => {
        const segment = segments.get(segmentId);
        if (segment !== undefined)
          segments.set(segmentId, { ...segment, indexes: [IndexFileRecord.fromPartial(index ?? {})] });
        return {};
      },
    }),
    queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}) }),
    allocateId: async () => ++ids,
    intervalMs,
  });
  return {
    cluster,
    platform,
    catalog,
    reconciler,
    segments,
    failing,
    tries,
    during,
    lists,
    revision,
    state: async () => (await cluster.world.runUntil(reconciler.states(collection)))[0],
    run: (ms: number) => cluster.world.advance(ms),
  };
}

describe('index reconciler', () => {
  it('its loop lists the segments of a collection until it found nothing missing, then when something changed', async () => {
    const { reconciler, run, tries, failing, lists, revision } = await setUp(undefined, 1000);
    failing.set(2n, new ElanusError('invalid_parameter', 'no such type'));
    reconciler.start();
    await run(3500);
    expect(tries.map(([id]) => id)).toEqual([1n, 2n, 3n]);
    expect(lists.count).toBe(3);
    failing.clear();
    await run(5000);
    expect(tries.map(([id]) => id)).toEqual([1n, 2n, 3n, 2n]);
    const settled = lists.count;
    await run(5000);
    expect(lists.count).toBe(settled);
    revision.revision++;
    await run(5000);
    expect(lists.count).toBe(settled + 1);
    reconciler.stop();
  });
  it('builds what is missing, each once', async () => {
    const { reconciler, run, tries, state } = await setUp();
    reconciler.collectionChanged(7n);
    reconciler.collectionChanged(7n);
    await run(1000);
    expect(tries.map(([id]) => id)).toEqual([1n, 2n, 3n]);
    expect(await state()).toMatchObject({ state: IndexState.Finished, failReason: '', pendingRows: 0n });
  });
  it('shows a build that fails and goes on with the others; a success clears it', async () => {
    const { reconciler, run, tries, state, failing, platform } = await setUp();
    failing.set(1n, new ElanusError('memory_limit', 'no room'));
    reconciler.collectionChanged(7n);
    await run(1000);
    expect(tries.map(([id]) => id)).toEqual([1n, 2n, 3n]);
    expect(await state()).toMatchObject({ state: IndexState.Failed, indexedRows: 4000n, pendingRows: 2000n });
    expect((await state())?.failReason).toBe('segment 1: no room');
    expect(platform.logger.records.map(({ event }) => event)).toEqual(['index_build_failed']);
    failing.clear();
    await run(10_000);
    expect(await state()).toMatchObject({ state: IndexState.Finished, failReason: '' });
  });
  it('tries again after 5 s, doubled to 5 min; notices meanwhile do not make it sooner', async () => {
    const { reconciler, run, tries, failing } = await setUp();
    failing.set(2n, new Error('a bug'));
    const seconds = (): number[] =>
      tries.filter(([id]) => id === 2n).map(([, atMs]) => Math.round(atMs / 1000));
    reconciler.collectionChanged(7n);
    for (let second = 0; second < 4; second++) {
      await run(1000);
      reconciler.collectionChanged(7n);
      reconciler.segmentFlushed(7n, 2n);
    }
    await run(1_500_000);
    const [first = 0, ...later] = seconds();
    expect(later.map((at, i) => at - (i === 0 ? first : (later[i - 1] ?? 0)))).toEqual([
      5, 10, 20, 40, 80, 160, 300, 300, 300,
    ]);
  });
  it('tries again also where the clock is set back', async () => {
    let nowMs = 1_000_000;
    const { reconciler, run, tries, failing } = await setUp(() => nowMs--);
    failing.set(2n, new Error('a bug'));
    reconciler.collectionChanged(7n);
    await run(16_000);
    expect(tries.filter(([id]) => id === 2n)).toHaveLength(3);
  });
  it('a peer that is away is no failed index; it is asked again soon', async () => {
    const { reconciler, run, state, failing, tries } = await setUp();
    for (const id of [1n, 2n, 3n]) failing.set(id, new ElanusError('service_unavailable', 'data-node down'));
    reconciler.collectionChanged(7n);
    await run(300_000);
    expect(await state()).toMatchObject({ state: IndexState.InProgress, pendingRows: 6000n });
    expect((await state())?.failReason).toContain('data-node down');
    expect(tries.length).toBeGreaterThan(3 * 14);
    failing.clear();
    await run(21_000);
    expect(await state()).toMatchObject({ state: IndexState.Finished });
  });
  it('leaves no file of an index that was dropped while it was built', async () => {
    const { reconciler, run, segments, catalog, during, tries } = await setUp();
    during.build = () => catalog.saveCollection({ ...collection, indexes: [] });
    reconciler.collectionChanged(7n);
    await run(1000);
    expect(tries).not.toEqual([]);
    expect([...segments.values()].flatMap(({ indexes }) => indexes)).toEqual([]);
  });
  it('begins nothing once it is stopped, and logs what its close waits for', async () => {
    const { reconciler, run, tries, during, cluster } = await setUp();
    const begin = cluster.world.now;
    during.build = () => cluster.world.timers.sleep(6000);
    reconciler.collectionChanged(7n);
    await run(1000);
    reconciler.stop();
    reconciler.segmentFlushed(7n, 2n);
    const closed = reconciler.close();
    expect(reconciler.underWay).toBe('the build of index v over the 2000 rows of segment 1');
    await cluster.world.runUntil(closed);
    expect(cluster.world.now - begin).toBe(6000);
    expect(reconciler.underWay).toBeUndefined();
    expect(tries).toHaveLength(1);
  });
  it('forgets the failure of a segment that is gone', async () => {
    const { reconciler, run, state, failing, segments, tries } = await setUp();
    failing.set(1n, new ElanusError('data_corrupt', 'damaged'));
    reconciler.collectionChanged(7n);
    await run(1000);
    segments.delete(1n);
    expect(await state()).toMatchObject({ state: IndexState.Finished, failReason: '' });
    await run(600_000);
    expect(tries).toHaveLength(3);
  });
});
