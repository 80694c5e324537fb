// What Milvus's own DataCoord answers, on simulated time: states of every kind, files by the thousand, flushes that come together, and writers
// of another make.

import { describe, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { SegmentState } from '#proto/milvus/common.js';
import {
  CHANNEL,
  COLLECTION,
  commit,
  down,
  flushedOf,
  fresh,
  restart,
  segment,
  watch,
} from '../../../../test/support/data-coord.js';

const ALL = [1, 2, 3, 4, 5, 6, 7] as const;

describe('segments', () => {
  it('of each state are answered by the call and the flag of its release', async () => {
    const running = await fresh({
      streamingNode: {
        channelRows: async () => ({
          segments: [
            { segmentId: 1n, partitionId: 70n, rowCount: 3n, sealed: false },
            { segmentId: 2n, partitionId: 71n, rowCount: 4n, sealed: true },
          ],
        }),
      },
    });
    await watch(running);
    const { epoch } = await acquired(running);
    await commit(running, epoch, [segment(3n), segment(4n, { partitionId: 71n, isLevelZero: true })], 1n);
    await putDropped(running, 5n);
    const again = await restart(running, {
      streamingNode: {
        channelRows: async () => ({
          segments: [
            { segmentId: 1n, partitionId: 70n, rowCount: 3n, sealed: false },
            { segmentId: 2n, partitionId: 71n, rowCount: 4n, sealed: true },
          ],
        }),
      },
    });
    const { calls, run } = again;
    const by = async (state: number, partitionID = -1n): Promise<readonly bigint[]> =>
      (
        await run(
          calls.getSegmentsByStates({
            collectionID: COLLECTION,
            partitionID,
            states: [state as SegmentState],
          }),
        )
      ).segments;
    expect(await Promise.all(ALL.map((state) => by(state)))).toEqual([
      [],
      [1n],
      [2n],
      [3n, 4n],
      [],
      [5n],
      [],
    ]);
    expect(await by(SegmentState.Growing, 71n)).toEqual([]);
    expect(await by(SegmentState.Flushed, 71n)).toEqual([4n]);
    expect(await flushedOf(again)).toEqual([3n]);
    const unhealthy = { collectionID: COLLECTION, partitionID: -1n, includeUnhealthy: true };
    expect((await run(calls.getFlushedSegments(unhealthy))).segments).toEqual([3n, 5n]);
    const { states } = await run(calls.getSegmentStates({ segmentIDs: [1n, 2n, 3n, 5n, 9n] }));
    expect(states.map(({ state, status }) => [state, status?.code])).toEqual([
      [SegmentState.Growing, 0],
      [SegmentState.Sealed, 0],
      [SegmentState.Flushed, 0],
      [SegmentState.Dropped, 0],
      [SegmentState.NotExist, 600],
    ]);
    const { stats } = await run(
      calls.getPartitionStatistics({ collectionID: COLLECTION, partitionIDs: [70n] }),
    );
    expect(stats).toEqual([{ key: 'row_count', value: '13' }]);
    const { channels } = await run(calls.getRecoveryInfoV2({ collectionID: COLLECTION }));
    expect(channels).toMatchObject([
      {
        unflushedSegmentIds: [1n, 2n],
        flushedSegmentIds: [3n],
        levelZeroSegmentIds: [4n],
        droppedSegmentIds: [5n],
      },
    ]);
  });
  it('ten thousand files of one are listed within 50 ms, without asking anybody', async () => {
    const running = await fresh();
    await watch(running);
    const { epoch } = await acquired(running);
    const files = Array.from({ length: 10_000 }, (_, at) => ({
      key: `insert_log/7/70/3/${at % 100}/${at}`,
      ...{ bytes: 3n, crc32: 0, fieldIds: [BigInt(at % 100)], rowCount: 1n },
    }));
    await commit(running, epoch, [segment(3n, { files })], 1n);
    const { world } = running.cluster;
    const beganAt = world.now;
    const { fieldIDs, paths } = await running.run(running.calls.getInsertBinlogPaths({ segmentID: 3n }));
    // No disk, no other process and no timer was in between.
    expect(world.now).toBe(beganAt);
    // What the call itself takes is the least of several: whoever else has the processor adds to some of them.
    let leastMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 40 && leastMs >= 50; tries++) {
      const begin = performance.now();
      await running.calls.getInsertBinlogPaths({ segmentID: 3n });
      leastMs = Math.min(leastMs, performance.now() - begin);
    }
    expect(leastMs).toBeLessThan(50);
    expect([fieldIDs.length, paths.length]).toEqual([100, 100]);
    // Each in the order in which it was written.
    expect(paths[7]?.values.slice(0, 3)).toEqual([7, 107, 207].map((at) => `insert_log/7/70/3/7/${at}`));
  });
});

describe('flushes', () => {
  it('of one collection that come together cost two rounds of seals, and each is younger than its call', async () => {
    let now = 1000n;
    const seals: { readonly begun: bigint; readonly end: (timestamp: bigint) => void }[] = [];
    const running = await fresh({
      streamingNode: {
        sealChannel: async () => {
          const { promise, resolve } = deferred<bigint>();
          seals.push({ begun: now, end: resolve });
          return { segmentIds: [], flushTimestamp: await promise };
        },
      },
    });
    await watch(running);
    const flush = () => running.calls.flush({ collectionID: COLLECTION });
    const first = flush();
    await running.cluster.world.advance(1);
    now = 2000n;
    const others = Array.from({ length: 99 }, flush);
    await running.cluster.world.advance(1);
    expect(seals).toHaveLength(1);
    seals[0]?.end(1500n);
    expect((await running.run(first)).flushTs).toBe(1500n);
    await running.cluster.world.advance(1);
    expect(seals).toHaveLength(2);
    expect(seals[1]?.begun).toBe(2000n);
    seals[1]?.end(2500n);
    const answers = await running.run(Promise.all(others));
    expect(new Set(answers.map(({ flushTs }) => flushTs))).toEqual(new Set([2500n]));
    expect(seals).toHaveLength(2);
    // Later ones begin anew.
    const later = flush();
    await running.cluster.world.advance(1);
    seals[2]?.end(3000n);
    expect((await running.run(later)).flushTs).toBe(3000n);
  });
  it('a round that fails fails those who wait for it, and no others', async () => {
    let isDown = true;
    const running = await fresh({
      streamingNode: {
        sealChannel: async () => (isDown ? down() : { segmentIds: [], flushTimestamp: 7n }),
      },
    });
    await watch(running);
    const flush = () => running.run(running.calls.flush({ collectionID: COLLECTION }));
    await expect(flush()).rejects.toMatchObject({ key: 'service_unavailable' });
    isDown = false;
    expect((await flush()).flushTs).toBe(7n);
  });
  it('of a collection that is dropped meanwhile says so, and names no channel', async () => {
    const gone = new ElanusError('channel_not_found', `channel ${CHANNEL} is closed`);
    const running = await fresh({ streamingNode: { sealChannel: async () => Promise.reject(gone) } });
    await watch(running);
    const flushed = running.run(running.calls.flush({ collectionID: COLLECTION }));
    await expect(flushed).rejects.toMatchObject({
      key: 'collection_not_found',
      message: expect.not.stringContaining(CHANNEL),
    });
  });
});

describe('a writer of another make', () => {
  const key = 'insert_log/7/70/5000/0/900.parquet';
  const bytes = new TextEncoder().encode('rows');
  const request = (sender: bigint) => ({
    base: { sourceID: sender },
    ...{ segmentID: 5000n, collectionID: COLLECTION, partitionID: 70n, channel: CHANNEL, flushed: true },
    field2BinlogPaths: [0n, 1n, 100n].map((fieldID) => ({
      fieldID,
      binlogs: [{ logPath: key, logSize: 4n, entriesNum: 2n, timestampFrom: 10n, timestampTo: 20n }],
    })),
  });
  it('names a segment once: the owner alone, files that are there alone, with the checksum that was read', async () => {
    const running = await fresh();
    await watch(running);
    await acquired(running);
    const { calls, run, platform } = running;
    const assigned = await run(
      calls.assignSegmentID({
        segmentIDRequests: [{ count: 2, channelName: CHANNEL, collectionID: COLLECTION, partitionID: 70n }],
      }),
    );
    expect(assigned.segIDAssignments).toMatchObject([{ segID: 5000n, count: 2, status: { code: 0 } }]);
    await expect(run(calls.saveBinlogPaths(request(9n)))).rejects.toMatchObject({ key: 'channel_moved' });
    await expect(run(calls.saveBinlogPaths(request(1n)))).rejects.toMatchObject({ key: 'object_not_found' });
    await run(platform.objectStore.put(key, [bytes]));
    for (let round = 0; round < 3; round++) await run(calls.saveBinlogPaths(request(1n)));
    const { infos } = await run(calls.getSegmentInfo({ segmentIDs: [5000n] }));
    expect(infos).toMatchObject([{ numOfRows: 2n, state: SegmentState.Flushed }]);
    const { segments } = await run(running.registry.listSegments({ collectionId: COLLECTION }));
    expect(segments).toMatchObject([
      {
        timestampFrom: 10n,
        timestampTo: 20n,
        files: [{ key, crc32: crc32(bytes), fieldIds: [0n, 1n, 100n] }],
      },
    ]);
    const strange = {
      ...request(1n),
      field2BinlogPaths: [{ fieldID: 0n, binlogs: [{ logPath: 'insert_log/7/70/1/2' }] }],
    };
    await expect(run(calls.saveBinlogPaths(strange))).rejects.toMatchObject({ key: 'refused' });
    // A node that took over meanwhile has fenced it.
    await run(running.registry.acquireChannels({ serverId: 2n }));
    await expect(run(calls.saveBinlogPaths(request(1n)))).rejects.toMatchObject({ key: 'channel_moved' });
    expect(await flushedOf(await restart(running))).toEqual([5000n]);
  });
});

async function acquired(running: Awaited<ReturnType<typeof fresh>>): Promise<{ readonly epoch: bigint }> {
  const { channels } = await running.run(running.registry.acquireChannels({ serverId: 1n }));
  return { epoch: channels[0]?.channel?.epoch ?? 0n };
}

/** As a compaction would have left it. */
async function putDropped(running: Awaited<ReturnType<typeof fresh>>, id: bigint): Promise<void> {
  const { idKey } = await import('#catalog/record-table.js');
  const { SegmentRecord } = await import('#proto/elanus/data.js');
  const record = segment(id, { state: 'dropped', compactedTo: [3n] });
  await running.run(
    running.platform.metaStore.transact(
      [],
      [{ kind: 'put', key: `datacoord-meta/s/${idKey(id)}`, value: SegmentRecord.encode(record).finish() }],
    ),
  );
}
