// DataCoord with fakes around it: what it acknowledged outlives a crash, repeats change nothing, a stale owner is refused, and a peer
// that fails never turns into success or into a lost fact.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { ImportJobRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  type ImportFilesResponse,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { SegmentState } from '#proto/milvus/common.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { importJsonFiles, importLimits } from '#roles/data-node/json-import.js';
import {
  type Client,
  type DeepPartial,
  type Handlers,
  inProcessClient,
  type ServiceDefinition,
} from '#rpc/service.js';
import { readManifest, writeManifest } from '#segment/files/manifest.js';
import { DataCoord } from './data-coord.js';

const CHANNEL = 'by-dev-rootcoord-dml_0_7v0';
const COLLECTION = 7n;
const down = (): Promise<never> => Promise.reject(new ElanusError('service_unavailable', 'down'));
interface Fakes {
  streamingNode: Partial<Handlers<typeof StreamingNodeDefinition>>;
  rootCoord: Partial<Handlers<typeof RootCoordDefinition>>;
  dataNode: Partial<Handlers<typeof DataNodeDefinition>>;
  queryCoord: Partial<Handlers<typeof QueryCoordDefinition>>;
}

async function start(cluster: SimulatedCluster, fakes: Partial<Fakes> = {}) {
  const platform: MemoryPlatform = openMemoryPlatform({ cluster, host: 'dc' });
  let time = 100n;
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const dataCoord = await DataCoord.open(
    platform,
    { serverId: 1n },
    {
      streamingNode: client(StreamingNodeDefinition, {
        openChannel: async () => ({}),
        closeChannel: async () => ({}),
        ...fakes.streamingNode,
      }),
      rootCoord: client(RootCoordDefinition, {
        allocTimestamp: async () => ({ timestamp: ++time }),
        allocID: async ({ count }) => ({ ID: 5000n, count }),
        segmentFlushCompleted: async () => ({}),
        ...fakes.rootCoord,
      }),
      queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}), ...fakes.queryCoord }),
      dataNode: client(DataNodeDefinition, { ...fakes.dataNode }),
    },
  );
  dataCoord.start();
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return {
    cluster,
    platform,
    dataCoord,
    run,
    calls: client(DataCoordDefinition, dataCoord.dataCoordHandlers),
    registry: client(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers),
  };
}

type Running = Awaited<ReturnType<typeof start>>;
const fresh = (fakes?: Partial<Fakes>): Promise<Running> => start(simulatedCluster(11), fakes);
const restart = (running: Running, fakes?: Partial<Fakes>): Promise<Running> => {
  running.platform.crash();
  return start(running.cluster, fakes);
};

const watch = ({ calls, run }: Running) =>
  run(
    calls.watchChannels({
      collectionID: COLLECTION,
      channelNames: [CHANNEL],
      schema: { name: 'c' },
      createTimestamp: 5n,
    }),
  );
const segment = (id: bigint, more: Partial<SegmentRecord> = {}): SegmentRecord =>
  SegmentRecord.fromPartial({
    id,
    collectionId: COLLECTION,
    partitionId: 70n,
    vchannel: CHANNEL,
    state: 'flushed',
    rowCount: 10n,
    files: [
      { key: `insert_log/7/70/${id}/0/1`, bytes: 3n, fieldIds: [0n, 1n, 100n], rowCount: 10n },
      { key: `insert_log/7/70/${id}/101/1`, bytes: 3n, fieldIds: [101n], rowCount: 10n },
    ],
    ...more,
  });
const commit = (
  { registry, run }: Running,
  epoch: bigint,
  segments: readonly SegmentRecord[],
  checkpoint: bigint,
) =>
  run(
    registry.commitFlush({
      vchannel: CHANNEL,
      epoch,
      segments,
      checkpointLsn: checkpoint,
      checkpointTimestamp: checkpoint,
    }),
  );
const flushedOf = async ({ calls, run }: Running, partitionID = -1n) =>
  (await run(calls.getFlushedSegments({ collectionID: COLLECTION, partitionID }))).segments;

describe('channels', () => {
  it('are handed over once asked, durably, and repeating it changes nothing', async () => {
    const opened: string[] = [];
    const running = await fresh({
      streamingNode: {
        openChannel: async ({ channel }) => {
          opened.push(channel?.vchannel ?? '');
          return {};
        },
      },
    });
    await watch(running);
    const first = await running.cluster.metaStore.range('datacoord-meta/');
    await watch(running);
    expect(await running.cluster.metaStore.range('datacoord-meta/')).toEqual(first);
    expect(opened).toEqual([CHANNEL, CHANNEL]);
    const again = await restart(running);
    const { channels } = await again.run(again.registry.acquireChannels({ serverId: 9n }));
    expect(channels).toMatchObject([
      { channel: { vchannel: CHANNEL, collectionId: COLLECTION, ownerServerId: 9n, createTimestamp: 5n } },
    ]);
  });
  it('without a streaming-node wait for one; a refusal is an error', async () => {
    const running = await fresh({ streamingNode: { openChannel: down } });
    await watch(running);
    expect((await running.run(running.registry.acquireChannels({ serverId: 9n }))).channels).toHaveLength(1);
    const refusing = await fresh({
      streamingNode: { openChannel: async () => Promise.reject(new ElanusError('data_corrupt', 'bad log')) },
    });
    await expect(watch(refusing)).rejects.toMatchObject({ key: 'data_corrupt' });
  });
  it('of a streaming-node that does not answer do not hold up the call for long', async () => {
    const deadlines: number[] = [];
    const running = await fresh({
      streamingNode: {
        openChannel: async (_, { deadlineMs }) => {
          deadlines.push((deadlineMs ?? Number.POSITIVE_INFINITY) - running.cluster.world.now);
          return down();
        },
      },
    });
    await watch(running);
    expect(deadlines).toEqual([3000]);
  });
  it('belong to the newest owner alone: an older one is refused', async () => {
    const running = await fresh();
    await watch(running);
    const first =
      (await running.run(running.registry.acquireChannels({ serverId: 8n }))).channels[0]?.channel?.epoch ??
      0n;
    const second =
      (await running.run(running.registry.acquireChannels({ serverId: 9n }))).channels[0]?.channel?.epoch ??
      0n;
    expect(second).toBeGreaterThan(first);
    await expect(commit(running, first, [segment(1n)], 10n)).rejects.toMatchObject({ key: 'channel_moved' });
    expect(await flushedOf(running)).toEqual([]);
    await commit(running, second, [segment(1n)], 10n);
    expect(await flushedOf(running)).toEqual([1n]);
  });
});

describe('commit of a flush', () => {
  async function withChannel(fakes?: Partial<Fakes>): Promise<Running & { epoch: bigint }> {
    const running = await fresh(fakes);
    await watch(running);
    const { channels } = await running.run(running.registry.acquireChannels({ serverId: 9n }));
    return { ...running, epoch: channels[0]?.channel?.epoch ?? 0n };
  }
  it('outlives a crash, and repeating it changes nothing', async () => {
    const running = await withChannel();
    await commit(
      running,
      running.epoch,
      [segment(1n), segment(2n, { partitionId: 71n }), segment(3n, { isLevelZero: true, partitionId: -1n })],
      10n,
    );
    await commit(running, running.epoch, [segment(1n, { rowCount: 99n })], 10n);
    const again = await restart(running);
    expect(await flushedOf(again)).toEqual([1n, 2n]);
    expect(await flushedOf(again, 71n)).toEqual([2n]);
    const { infos, channelCheckpoint } = await again.run(again.calls.getSegmentInfo({ segmentIDs: [1n] }));
    expect(infos).toMatchObject([
      { ID: 1n, numOfRows: 10n, state: SegmentState.Flushed, insertChannel: CHANNEL },
    ]);
    expect(Object.keys(channelCheckpoint)).toEqual([CHANNEL]);
    const { fieldIDs, paths } = await again.run(again.calls.getInsertBinlogPaths({ segmentID: 1n }));
    expect(fieldIDs).toEqual([0n, 1n, 100n, 101n]);
    expect(paths.map(({ values }) => values.length)).toEqual([1, 1, 1, 1]);
  });
  it('never takes the checkpoint back', async () => {
    const running = await withChannel();
    await commit(running, running.epoch, [], 50n);
    await commit(running, running.epoch, [], 20n);
    const { channels } = await running.run(running.registry.listSegments({ collectionId: COLLECTION }));
    expect(channels).toMatchObject([{ checkpointLsn: 50n, checkpointTimestamp: 50n }]);
    const state = async (flushTs: bigint) =>
      (await running.run(running.calls.getFlushState({ collectionID: COLLECTION, flushTs, segmentIDs: [] })))
        .flushed;
    expect([await state(50n), await state(51n)]).toEqual([true, false]);
  });
  it('does not fail because nobody listens to the notice', async () => {
    const running = await withChannel({
      rootCoord: { segmentFlushCompleted: down },
      queryCoord: { segmentsChanged: down },
    });
    await commit(running, running.epoch, [segment(1n)], 10n);
    expect(await flushedOf(running)).toEqual([1n]);
  });
  it('of a dropped collection is refused', async () => {
    const running = await withChannel();
    await running.run(running.platform.objectStore.put('insert_log/7/70/1/0/1', [new Uint8Array(3)]));
    await commit(running, running.epoch, [segment(1n)], 10n);
    await running.run(running.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: -1n }));
    await expect(commit(running, running.epoch, [segment(2n)], 20n)).rejects.toMatchObject({
      key: 'channel_not_found',
    });
    expect(await running.run(running.platform.objectStore.list(''))).toEqual([]);
    await expect(running.run(running.calls.getSegmentInfo({ segmentIDs: [1n] }))).rejects.toMatchObject({
      key: 'segment_not_found',
    });
    await expect(running.run(running.calls.flush({ collectionID: COLLECTION }))).rejects.toMatchObject({
      key: 'collection_not_found',
    });
    await running.run(running.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: -1n }));
  });
  it('keeps index files with their segment, one an index', async () => {
    const running = await withChannel();
    await commit(running, running.epoch, [segment(1n)], 10n);
    const index = (buildId: bigint) =>
      IndexFileRecord.fromPartial({ indexId: 3n, buildId, key: `index_files/${buildId}`, state: 'finished' });
    for (const buildId of [1n, 2n])
      await running.run(running.registry.saveIndexFile({ segmentId: 1n, index: index(buildId) }));
    const again = await restart(running);
    const { segments } = await again.run(again.registry.listSegments({ collectionId: COLLECTION }));
    expect(segments[0]?.indexes.map((file) => file.buildId)).toEqual([2n]);
    await again.run(again.registry.dropIndexFiles({ collectionId: COLLECTION, indexId: 3n }));
    expect(
      (await again.run(again.registry.listSegments({ collectionId: COLLECTION }))).segments[0]?.indexes,
    ).toEqual([]);
    await expect(
      again.run(again.registry.saveIndexFile({ segmentId: 4n, index: index(1n) })),
    ).rejects.toMatchObject({
      key: 'segment_not_found',
    });
  });
});

describe('import jobs', () => {
  const task = (taskId: bigint, files: readonly string[] = ['a.json']) => ({
    importTask: { collectionId: COLLECTION, partitionId: 70n, channelNames: [CHANNEL], taskId, files },
  });
  const imported = async (): Promise<DeepPartial<ImportFilesResponse>> => ({
    segments: [segment(5000n, { state: 'importing' })],
    rowCount: 10n,
  });
  it('takes no more live jobs than the limit, however many ask at once', async () => {
    const running = await fresh({ dataNode: { importFiles: () => new Promise(() => {}) } });
    await watch(running);
    const asked = Array.from({ length: 1030 }, (_, at) => running.calls.import(task(BigInt(at + 1))));
    const ended = await running.run(Promise.allSettled(asked));
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1024);
    for (const one of ended)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ key: 'queue_full' });
    expect(
      (await running.run(running.registry.listImportJobs({ collectionId: COLLECTION }))).jobs,
    ).toHaveLength(1024);
  });
  const stateOf = async ({ registry, run }: Running, jobId: bigint) =>
    (await run(registry.importState({ jobId }))).job;

  it('run once however often they are sent, and show their rows when completed', async () => {
    let runs = 0;
    const running = await fresh({
      dataNode: {
        importFiles: () => {
          runs++;
          return imported();
        },
      },
    });
    await watch(running);
    for (let round = 0; round < 3; round++)
      expect((await running.run(running.calls.import(task(1n)))).datanodeId).not.toBe(0n);
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({
      state: 'completed',
      importedRows: 10n,
      progress: 100n,
    });
    expect(runs).toBe(1);
    expect(await flushedOf(running)).toEqual([5000n]);
    await running.run(running.calls.import(task(1n)));
    expect(runs).toBe(1);
  });
  it('interrupted by a crash run again, and nothing is shown before', async () => {
    const running = await fresh({ dataNode: { importFiles: () => new Promise(() => {}) } });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'importing' });
    expect(await flushedOf(running)).toEqual([]);
    const again = await restart(running, { dataNode: { importFiles: imported } });
    await again.cluster.world.advance(100);
    expect(await stateOf(again, 1n)).toMatchObject({ state: 'completed' });
    expect(await flushedOf(again)).toEqual([5000n]);
    const third = await restart(again, { dataNode: { importFiles: down } });
    await third.cluster.world.advance(100);
    expect(await stateOf(third, 1n)).toMatchObject({ state: 'completed' });
  });
  it('killed at any write: after the next start only files of visible segments are there, and their manifests say so', async () => {
    const schema = CollectionSchema.fromPartial({
      name: 'c',
      fields: [
        { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        {
          fieldID: 101n,
          name: 'v',
          dataType: DataType.FloatVector,
          typeParams: [{ key: 'dim', value: '2' }],
        },
      ],
    });
    const rows = Array.from({ length: 20 }, (_, id) => `{"id":${id},"v":[1,2]}`).join('\n');
    let lives = 0;
    for (let crashAt = 1; crashAt < 100; crashAt++) {
      const cluster = simulatedCluster(11);
      let id = 1000n;
      let puts = 0;
      // A data-node in the process of the data-coord; the process dies when it is about to write for the nth time.
      const live = async (): Promise<Running> => {
        const allocate = async (count: number): Promise<bigint> => {
          id += BigInt(count);
          return id - BigInt(count);
        };
        const running: Running = await start(cluster, {
          rootCoord: { allocID: async ({ count }) => ({ ID: await allocate(count), count }) },
          dataNode: {
            importFiles: ({ job = ImportJobRecord.create(), segmentIds }, { signal }) =>
              importJsonFiles(running.platform, job, segmentIds, signal, allocate, {
                ...importLimits,
                segmentBytes: 1,
                batchRows: 10,
              }),
          },
        });
        return running;
      };
      const first = await live();
      await first.run(cluster.objectStore.put('a.jsonl', [new TextEncoder().encode(rows)]));
      // A flush of the present owner is under way: its files are not to be removed.
      const flushing = segment(77n, {
        files: [{ key: 'insert_log/7/70/77/0/999999', bytes: 3n, crc32: 0, fieldIds: [100n], rowCount: 10n }],
      });
      await first.run(writeManifest(first.platform, { schema, segment: flushing }));
      await first.run(
        first.calls.watchChannels({
          collectionID: COLLECTION,
          channelNames: [CHANNEL],
          schema,
          createTimestamp: 5n,
        }),
      );
      const put = first.platform.objectStore.put.bind(first.platform.objectStore);
      Object.assign(first.platform.objectStore, {
        put: (...from: Parameters<typeof put>) => {
          if (++puts === crashAt) first.platform.crash();
          return put(...from);
        },
      });
      await first.run(first.calls.import(task(1n, ['a.jsonl'])));
      await cluster.world.advance(2000);
      first.platform.crash();
      const second = await live();
      await second.run(second.registry.acquireChannels({ serverId: 9n }));
      await cluster.world.advance(2000);
      lives++;
      expect(await stateOf(second, 1n)).toMatchObject({ state: 'completed', importedRows: 20n });
      const { segments } = await second.run(second.registry.listSegments({ collectionId: COLLECTION }));
      const wanted = segments.flatMap(({ files, manifestKey }) => [
        manifestKey,
        ...files.map(({ key }) => key),
      ]);
      const keys = await second.run(cluster.objectStore.list(''));
      expect(keys.filter((key) => key !== 'a.jsonl' && !key.endsWith('/77.json')).sort()).toEqual(
        wanted.sort(),
      );
      expect(keys).toContain('manifest/7/70/77.json');
      for (const record of segments) {
        const manifest = await second.run(readManifest(second.platform, record.manifestKey));
        expect(manifest.segment).toMatchObject({
          state: 'flushed',
          commitTimestamp: record.commitTimestamp,
          files: record.files,
        });
      }
      if (puts < crashAt) break;
    }
    expect(lives).toBeGreaterThan(6);
  });
  it('that fail say why, and the next one runs', async () => {
    let runs = 0;
    const running = await fresh({
      dataNode: {
        importFiles: async () =>
          ++runs === 1 ? Promise.reject(new ElanusError('import_failed', 'a.json: row 3')) : imported(),
      },
    });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.run(running.calls.import(task(2n)));
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'failed', reason: 'a.json: row 3' });
    expect(await stateOf(running, 2n)).toMatchObject({ state: 'completed' });
  });
  it('of a collection dropped meanwhile fail and show nothing', async () => {
    const gate: { open?: () => void } = {};
    const running = await fresh({
      dataNode: {
        importFiles: async () => {
          await new Promise<void>((resolve) => {
            gate.open = resolve;
          });
          return imported();
        },
      },
    });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.cluster.world.advance(10);
    await running.run(running.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: -1n }));
    gate.open?.();
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('dropped'),
    });
    expect(await flushedOf(running)).toEqual([]);
  });
  it('are refused with no files, too many files, or no task', async () => {
    const running = await fresh();
    await watch(running);
    await expect(running.run(running.calls.import(task(1n, [])))).rejects.toMatchObject({
      key: 'import_failed',
    });
    await expect(
      running.run(
        running.calls.import(
          task(
            1n,
            Array.from({ length: 1025 }, (_, at) => `${at}.json`),
          ),
        ),
      ),
    ).rejects.toMatchObject({ key: 'import_failed' });
    await expect(running.run(running.calls.import({}))).rejects.toMatchObject({ key: 'missing_parameter' });
    await expect(running.run(running.registry.importState({ jobId: 1n }))).rejects.toMatchObject({
      key: 'import_failed',
    });
  });
});

describe('flush state', () => {
  it('of segments is asked of those who write them; of a time it is that of the collection or of the segments', async () => {
    const other = `${CHANNEL}x`;
    let growing = [1n];
    const running = await fresh({
      streamingNode: {
        channelRows: async ({ vchannel }) => ({
          segments: vchannel === other ? growing.map((segmentId) => ({ segmentId })) : [],
        }),
      },
    });
    await watch(running);
    await running.run(
      running.calls.watchChannels({ collectionID: 8n, channelNames: [other], schema: { name: 'd' } }),
    );
    const { channels } = await running.run(running.registry.acquireChannels({ serverId: 9n }));
    await commit(running, channels[0]?.channel?.epoch ?? 0n, [segment(2n)], 50n);
    const state = async (segmentIDs: bigint[], flushTs = 0n, collectionID = 0n) =>
      (await running.run(running.calls.getFlushState({ collectionID, flushTs, segmentIDs }))).flushed;
    expect([await state([1n]), await state([2n, 1n]), await state([1n], 0n, 8n)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([await state([2n]), await state([3n]), await state([2n], 0n, COLLECTION)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([await state([2n], 50n), await state([2n], 51n), await state([3n], 51n, COLLECTION)]).toEqual([
      true,
      false,
      false,
    ]);
    growing = [];
    expect(await state([1n])).toBe(true);
    expect(await state([])).toBe(true);
    await expect(state([], 50n)).rejects.toMatchObject({ key: 'missing_parameter' });
  });
  it('is unknown while the owner of a channel does not answer', async () => {
    const running = await fresh({ streamingNode: { channelRows: down } });
    await watch(running);
    await expect(running.run(running.calls.getFlushState({ segmentIDs: [1n] }))).rejects.toMatchObject({
      key: 'service_unavailable',
    });
  });
});

describe('flush', () => {
  it('needs every channel sealed: one that fails is an error, never half a success', async () => {
    const running = await fresh({
      streamingNode: {
        sealChannel: async ({ vchannel }) =>
          vchannel === CHANNEL ? { segmentIds: [1n], flushTimestamp: 40n } : down(),
      },
    });
    await watch(running);
    expect(await running.run(running.calls.flush({ collectionID: COLLECTION }))).toMatchObject({
      segmentIDs: [1n],
      flushTs: 40n,
    });
    await running.run(
      running.calls.watchChannels({
        collectionID: COLLECTION,
        channelNames: [`${CHANNEL}x`],
        schema: { name: 'c' },
      }),
    );
    await expect(running.run(running.calls.flush({ collectionID: COLLECTION }))).rejects.toMatchObject({
      key: 'service_unavailable',
    });
  });
});
