// A streaming-node on a disk that outlives it, with fakes around it: acknowledged rows are there after a crash, each once, and a flush
// that fails is tried again until data-coord has it.

import { describe, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { ChannelRecord, type SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  CheckpointOutcome,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { MemoryAccount } from '#segment/memory-account.js';
import { defaultConfig } from '#server/config.js';
import { rootCoordOf } from '../../../test/support/recovery-world.js';
import { StreamingNode } from './streaming-node.js';

const CHANNEL = 'by-dev-rootcoord-dml_0_7v0';
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
  ],
});

/** What the peers remember: they outlive the node. */
interface Facts {
  clock: bigint;
  ids: bigint;
  channel: ChannelRecord;
  readonly committed: Map<bigint, SegmentRecord>;
  commitFailures: number;
  commitFailure: ErrorKey;
  commits: number;
  /** The query-node, where a test needs one. */
  queryNode: Partial<Handlers<typeof QueryNodeDefinition>>;
  /** How often query-coord was asked for a target. */
  targetsAsked: number;
}

const newFacts = (): Facts => ({
  clock: 1000n << 18n,
  ids: 1000n,
  channel: ChannelRecord.fromPartial({ vchannel: CHANNEL, collectionId: 7n, schema, epoch: 1n }),
  committed: new Map(),
  commitFailures: 0,
  commitFailure: 'service_unavailable',
  commits: 0,
  queryNode: {},
  targetsAsked: 0,
});

async function start(cluster: SimulatedCluster, facts: Facts, before?: MemoryPlatform) {
  const platform = openMemoryPlatform({
    cluster,
    host: 'sn',
    ...(before === undefined ? {} : { disk: before.disk }),
  });
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const node = new StreamingNode(
    platform,
    { ...defaultConfig, serverId: 1n },
    {
      rootCoord: rootCoordOf(facts),
      channelRegistry: client(ChannelRegistryDefinition, {
        acquireChannels: async () => {
          facts.channel = { ...facts.channel, epoch: facts.channel.epoch + 1n };
          return { channels: [{ channel: facts.channel, persistedSegmentIds: [...facts.committed.keys()] }] };
        },
        commitFlush: async ({ segments, epoch, checkpointLsn, checkpointTimestamp }) => {
          facts.commits++;
          if (epoch !== facts.channel.epoch) throw new ElanusError('channel_moved', 'another owner');
          if (facts.commitFailures > 0) {
            facts.commitFailures--;
            throw new ElanusError(facts.commitFailure, 'down');
          }
          for (const segment of segments) facts.committed.set(segment.id, segment);
          facts.channel = { ...facts.channel, checkpointLsn, checkpointTimestamp };
          return {};
        },
        saveCheckpoints: async ({ checkpoints }) => {
          for (const { lsn: checkpointLsn, timestamp: checkpointTimestamp } of checkpoints)
            facts.channel = { ...facts.channel, checkpointLsn, checkpointTimestamp };
          return { outcomes: checkpoints.map(() => CheckpointOutcome.CheckpointSaved) };
        },
      }),
      queryNode: client(QueryNodeDefinition, facts.queryNode),
      queryCoord: client(QueryCoordDefinition, {
        segmentsChanged: async () => {
          facts.targetsAsked++;
          return {};
        },
      }),
    },
    new MemoryAccount(platform.memoryBytes, platform.metrics),
  );
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  await run(node.start());
  return { cluster, facts, platform, node, run, calls: client(StreamingNodeDefinition, node.handlers) };
}

type Running = Awaited<ReturnType<typeof start>>;
const fresh = (): Promise<Running> => start(simulatedCluster(4), newFacts());
function restart(running: Running): Promise<Running> {
  running.platform.crash();
  return start(running.cluster, running.facts, running.platform);
}

const append = (
  { calls }: Running,
  keys: readonly bigint[],
  deleted: readonly bigint[] = [],
  partitionId = 70n,
  deletedPartitionId = 0n,
) =>
  calls.append({
    vchannel: CHANNEL,
    deletedPartitionId,
    ...(deleted.length === 0 ? {} : { deletedKeys: columnFromInt64(100n, [...deleted]) }),
    inserts:
      keys.length === 0
        ? []
        : [
            {
              partitionId,
              rows: batchOf(keys.length, [
                columnFromInt64(100n, [...keys]),
                column(101n, DataType.FloatVector, bytesView(new Float32Array(keys.length * 2))),
              ]),
            },
          ],
  });
const growing = async ({ calls, run }: Running): Promise<bigint> =>
  (await run(calls.channelRows({ vchannel: CHANNEL }))).segments.reduce(
    (sum, segment) => sum + segment.rowCount,
    0n,
  );
const inFiles = ({ facts }: Running): bigint =>
  [...facts.committed.values()]
    .filter((segment) => !segment.isLevelZero)
    .reduce((sum, segment) => sum + segment.rowCount, 0n);

describe('streaming-node', () => {
  it('has every acknowledged row after a crash, each once, again and again', async () => {
    let running = await fresh();
    let expected = 0n;
    for (let life = 0; life < 4; life++) {
      await running.run(Promise.all([0, 1, 2].map((part) => append(running, [BigInt(life * 10 + part)]))));
      expected += 3n;
      expect(await growing(running)).toBe(expected);
      running = await restart(running);
      expect(await growing(running)).toBe(expected);
    }
  });
  it('gives later writes later timestamps, also after a crash', async () => {
    const running = await fresh();
    const times: bigint[] = [];
    for (let key = 0n; key < 3n; key++) times.push((await running.run(append(running, [key]))).timestamp);
    const again = await restart(running);
    times.push((await again.run(append(again, [9n]))).timestamp);
    expect(times).toEqual([...new Set(times)].sort((a, b) => (a < b ? -1 : 1)));
  });
  it('says which target it has settled, and of none after a release or a restart', async () => {
    const running = await fresh();
    const marks: string[] = [];
    const settled = async ({ calls, run }: Running) => {
      const { versions, mark } = await run(calls.settledTargets({ vchannels: [CHANNEL, 'unknown'] }));
      if (marks.at(-1) !== mark) marks.push(mark);
      return versions;
    };
    expect(await settled(running)).toEqual([0n, 0n]);
    const version = running.facts.clock + 1n;
    const target = { vchannel: CHANNEL, partitionIds: [70n], schema, version };
    await running.run(running.calls.syncTarget(target));
    expect(await settled(running)).toEqual([version, 0n]);
    // It was decided before that target was loaded.
    await expect(
      running.run(running.calls.releaseTarget({ vchannel: CHANNEL, version: version - 1n })),
    ).rejects.toMatchObject({ key: 'target_outdated' });
    expect(await settled(running)).toEqual([version, 0n]);
    await running.run(running.calls.releaseTarget({ vchannel: CHANNEL, version: version + 1n }));
    await expect(running.run(running.calls.syncTarget(target))).rejects.toMatchObject({
      key: 'target_outdated',
    });
    expect(await settled(running)).toEqual([0n, 0n]);
    await running.run(running.calls.syncTarget({ ...target, version: version + 1n }));
    expect(await settled(running)).toEqual([version + 1n, 0n]);
    expect(await settled(running)).toEqual([version + 1n, 0n]);
    expect(await settled(await restart(running))).toEqual([0n, 0n]);
    expect(new Set(marks).size).toBe(5);
  });
  it('writes sealed rows to files once, and does not replay them', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n, 3n]));
    const { segmentIds, flushTimestamp } = await running.run(
      running.calls.sealChannel({ vchannel: CHANNEL }),
    );
    expect(segmentIds).toHaveLength(1);
    await running.run(running.calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    expect([...running.facts.committed.keys()]).toEqual(segmentIds);
    expect(inFiles(running)).toBe(3n);
    await running.run(append(running, [4n]));
    const again = await restart(running);
    expect(await growing(again)).toBe(1n);
    expect(inFiles(again)).toBe(3n);
  });
  it('writes rows and deletes to files by themselves once nobody adds to them, and rows that grow old all the same', async () => {
    const running = await fresh();
    const { idleSealMs, ageSealMs } = defaultConfig;
    const { world } = running.cluster;
    const rows = (): bigint =>
      [...running.facts.committed.values()]
        .filter(({ isLevelZero }) => !isLevelZero)
        .reduce((sum, { rowCount }) => sum + rowCount, 0n);
    await running.run(append(running, [1n, 2n]));
    await world.advance(idleSealMs / 2);
    expect(rows()).toBe(0n);
    await world.advance(idleSealMs);
    expect(rows()).toBe(2n);
    const commits = running.facts.commits;
    await running.run(append(running, [], [1n]));
    await world.advance(idleSealMs * 1.5);
    expect(running.facts.commits).toBeGreaterThan(commits);
    // Never left alone for long enough.
    for (let at = 0; at <= ageSealMs; at += idleSealMs / 2) {
      await running.run(append(running, [100n + BigInt(at)]));
      await world.advance(idleSealMs / 2);
    }
    expect(rows()).toBeGreaterThan(2n);
  });
  it('does not replay what is in files though an older segment holds the checkpoint', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n], [], 71n));
    await running.run(append(running, [3n, 4n, 5n]));
    const { segments } = await running.run(running.calls.channelRows({ vchannel: CHANNEL }));
    const newer = segments.find((segment) => segment.partitionId === 70n)?.segmentId ?? 0n;
    await running.run(running.calls.sealChannel({ vchannel: CHANNEL, segmentIds: [newer] }));
    await running.cluster.world.advance(1000);
    expect([...running.facts.committed.keys()]).toEqual([newer]);
    const again = await restart(running);
    expect(await growing(again)).toBe(2n);
    expect(inFiles(again)).toBe(3n);
  });
  it('tries a commit again until data-coord has it', async () => {
    const running = await fresh();
    await running.run(append(running, [1n]));
    running.facts.commitFailures = 3;
    running.facts.commits = 0;
    const { flushTimestamp } = await running.run(running.calls.sealChannel({ vchannel: CHANNEL }));
    await running.run(running.calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    expect(running.facts.commits).toBe(4);
    expect(inFiles(running)).toBe(1n);
  });
  it('leaves no object of a commit that was refused', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n]));
    await running.run(append(running, [], [1n]));
    // What the sweep of the start took for an orphan is written again, under other names.
    running.facts.commitFailures = 1;
    running.facts.commitFailure = 'object_not_found';
    const { flushTimestamp } = await running.run(running.calls.sealChannel({ vchannel: CHANNEL }));
    await running.run(running.calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    const named = [...running.facts.committed.values()].flatMap(({ files, manifestKey }) => [
      ...files.map(({ key }) => key),
      manifestKey,
    ]);
    expect(await running.run(running.platform.objectStore.list(''))).toEqual(named.toSorted());
  });
  it('that ends in the middle of a flush leaves no file of it, writes nothing more, and has the rows in its log', async () => {
    const running = await fresh();
    const { objectStore, timers, clock } = running.platform;
    const keys = Array.from({ length: 40_000 }, (_, i) => BigInt(i));
    await running.run(append(running, keys));
    const put = objectStore.put.bind(objectStore);
    let asked = 0;
    Object.assign(objectStore, {
      // A slow disk: each part takes a while, and a file is there once all are written.
      put: async (key: string, parts: Iterable<Uint8Array>) => {
        const written: Uint8Array[] = [];
        for (const part of parts) {
          asked++;
          written.push(part.slice());
          await timers.sleep(200);
        }
        return put(key, written);
      },
    });
    running.facts.commits = 0;
    await running.run(running.calls.sealChannel({ vchannel: CHANNEL }));
    await running.cluster.world.advance(500);
    const [begunMs, before] = [clock.monotonic(), asked];
    expect(before).toBeGreaterThan(1);
    await running.run(running.node.close());
    expect(clock.monotonic() - begunMs).toBeLessThan(500);
    expect([asked, running.facts.commits]).toEqual([before, 0]);
    expect(await running.run(objectStore.list(''))).toEqual([]);
    const again = await restart(running);
    expect(await growing(again)).toBe(40_000n);
  });
  it('killed between the files and the commit: no row is lost or doubled', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n]));
    running.facts.commitFailures = Number.POSITIVE_INFINITY;
    await running.run(running.calls.sealChannel({ vchannel: CHANNEL }));
    await running.cluster.world.advance(1000);
    expect(running.facts.commits).toBeGreaterThan(0);
    running.facts.commitFailures = 0;
    const again = await restart(running);
    // What was sealed is written after the restart without being asked.
    await again.cluster.world.advance(5000);
    expect(inFiles(again)).toBe(2n);
    expect(await growing(again)).toBe(0n);
  });
  it('keeps deletes that no file holds yet', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n]));
    await running.run(append(running, [], [1n]));
    const again = await restart(running);
    const { flushTimestamp } = await again.run(again.calls.sealChannel({ vchannel: CHANNEL }));
    await again.run(again.calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    expect([...again.facts.committed.values()].filter((segment) => segment.isLevelZero)).toHaveLength(1);
  });
  it('writes the deletes of each partition to a file of its own, and of no partition that was dropped', async () => {
    const running = await fresh();
    await running.run(append(running, [1n, 2n]));
    await running.run(append(running, [], [1n], 70n, 71n));
    await running.run(append(running, [], [2n, 3n]));
    await running.run(append(running, [], [4n], 70n, 72n));
    await running.run(append(running, [], [5n], 70n, 71n));
    await running.run(running.calls.dropChannelPartition({ vchannel: CHANNEL, partitionId: 72n }));
    const again = await restart(running);
    const { flushTimestamp } = await again.run(again.calls.sealChannel({ vchannel: CHANNEL }));
    await again.run(again.calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    const files = [...again.facts.committed.values()].filter((segment) => segment.isLevelZero);
    expect(files.map(({ partitionId, rowCount }) => [partitionId, rowCount])).toEqual([
      [71n, 2n],
      [-1n, 2n],
    ]);
    expect(files.map(({ files: [file] }) => file?.key.split('/')[2])).toEqual(['71', '-1']);
  });
  it('takes nothing for lost that its query-node lets go after it, and says of no row then that it is in a file', async () => {
    const facts = newFacts();
    const gone = deferred<void>();
    facts.queryNode = { loadSegment: async () => ({}), applyDeletes: () => gone.promise.then(() => ({})) };
    const running = await start(simulatedCluster(4), facts);
    const { calls, run, node, cluster } = running;
    await run(append(running, [1n, 2n]));
    const { flushTimestamp } = await run(calls.sealChannel({ vchannel: CHANNEL }));
    await run(calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp: flushTimestamp }));
    const target = () => ({
      ...{ vchannel: CHANNEL, partitionIds: [70n], schema, version: ++facts.clock },
      segments: [...facts.committed.values()].map((segment) => ({ segment, nodeId: 2n })),
    });
    await run(calls.syncTarget(target()));
    const { timestamp } = await run(append(running, [3n]));
    const asked = facts.targetsAsked;
    const syncing = calls.syncTarget(target()).catch(() => {});
    await cluster.world.advance(10);
    await run(node.close());
    gone.reject(new ElanusError('collection_not_fully_loaded', 'the query-node has let it go'));
    await run(syncing);
    expect(facts.targetsAsked).toBe(asked);
    const late = run(calls.awaitCheckpoint({ vchannel: CHANNEL, timestamp }));
    await expect(late).rejects.toMatchObject({ key: 'channel_not_available' });
  });
  it('serves no channel that is closed or unknown', async () => {
    const running = await fresh();
    await running.run(running.calls.closeChannel({ vchannel: CHANNEL }));
    await running.run(running.calls.closeChannel({ vchannel: CHANNEL }));
    await expect(running.run(append(running, [1n]))).rejects.toMatchObject({ key: 'channel_not_available' });
    for (let round = 0; round < 2; round++)
      await running.run(
        running.calls.openChannel({
          channel: { ...running.facts.channel, vchannel: 'by-dev-rootcoord-dml_1_8v0', checkpointLsn: 0n },
          persistedSegmentIds: [],
        }),
      );
    expect(
      (await running.run(running.calls.channelRows({ vchannel: 'by-dev-rootcoord-dml_1_8v0' }))).segments,
    ).toEqual([]);
  });
});
