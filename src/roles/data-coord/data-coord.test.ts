// DataCoord with fakes around it: what it acknowledged outlives a crash, repeats change nothing, a stale owner is refused, and a peer
// that fails never turns into success or into a lost fact.

import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { IndexFileRecord } from '#proto/elanus/data.js';
import { SegmentState } from '#proto/milvus/common.js';
import {
  CHANNEL,
  COLLECTION,
  commit,
  down,
  type Fakes,
  flushedOf,
  fresh,
  type Running,
  restart,
  segment,
  watch,
} from '../../../test/support/data-coord.js';

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
  it('whose log cannot be written are refused to who creates them, and offered again after a start', async () => {
    let offers = 0;
    const full = async () => {
      offers++;
      throw new ElanusError('wal_unavailable', 'no space left on device');
    };
    const running = await fresh({ streamingNode: { openChannel: full } });
    await expect(watch(running)).rejects.toMatchObject({ key: 'wal_unavailable' });
    expect(offers).toBe(1);
    const again = await restart(running, { streamingNode: { openChannel: full } });
    await again.cluster.world.advance(10_000);
    expect(offers).toBeGreaterThan(2);
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

describe('flush state', () => {
  it('of a time up to which nobody sealed the collection has it sealed, once', async () => {
    const sealed: string[] = [];
    const running = await fresh({
      streamingNode: {
        sealChannel: async ({ vchannel }) => {
          sealed.push(vchannel ?? '');
          return { segmentIds: [], flushTimestamp: 60n };
        },
      },
    });
    await watch(running);
    const state = (flushTs: bigint) =>
      running.run(running.calls.getFlushState({ collectionID: COLLECTION, flushTs, segmentIDs: [] }));
    // As after a FlushAll at 55 that did not list the collection, which was being made.
    expect(await state(55n)).toMatchObject({ flushed: false });
    await running.run(running.platform.timers.sleep(10));
    await state(55n);
    await state(60n);
    await running.run(running.platform.timers.sleep(10));
    expect(sealed).toEqual([CHANNEL]);
    await state(61n);
    await running.run(running.platform.timers.sleep(10));
    expect(sealed).toEqual([CHANNEL, CHANNEL]);
  });
  it('of segments comes from those who write them; of a time it is that of the collection or of the segments', async () => {
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
