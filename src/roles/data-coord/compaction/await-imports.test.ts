// Rows of an import are merged with others once every shard reads it: before that a read leaves them out, and could not any more.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { neverAborted } from '#base/on-abort.js';
import { parseChannel } from '#model/states/channel.js';
import { parseFlushedSegment } from '#model/states/segment.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { ChannelRecord } from '#proto/elanus/data.js';
import { QueryCoordDefinition, StreamingNodeDefinition } from '#proto/elanus/roles.js';
import { type Handlers, inProcessClient } from '#rpc/service.js';
import {
  CHANNEL,
  COLLECTION,
  commit,
  dataCoordSettings,
  down,
  segment,
  start,
  watch,
} from '../../../../test/support/data-coord.js';
import { AwaitedImports } from './await-imports.js';

type QueryCoordHandlers = Handlers<typeof QueryCoordDefinition>;
type StreamingNodeHandlers = Handlers<typeof StreamingNodeDefinition>;

const twelve = (first: bigint): bigint[] => Array.from({ length: 12 }, (_, at) => first + BigInt(at));
const never = new Promise<void>(() => {});
const FLUSHED = twelve(11n);
const IMPORTED = twelve(31n);

const wanted = {
  ...{ collectionId: COLLECTION, targetBytes: 0n, major: false, partitionId: 0n },
  ...{ vchannel: '', segmentIds: [], deletesOnly: false },
};

/** Small segments of one shard, some of an import that another shard cannot load while `isStuck`. */
async function world(autoCompaction: boolean) {
  const state = { isStuck: true, isLoading: false, asked: 0, merged: [] as bigint[] };
  const running = await start(
    simulatedCluster(21),
    {
      streamingNode: { segmentsInUse: async () => ({ segmentIds: [] }) },
      queryCoord: {
        segmentsChanged: async ({ untilServed }) => {
          if (!untilServed) return {};
          state.asked++;
          if (state.isLoading) await never;
          if (state.isStuck) throw new ElanusError('collection_not_fully_loaded', 'it does not fit');
          return {};
        },
      },
      dataNode: {
        compactSegments: async ({ sources }) => {
          state.merged.push(...sources.map(({ id }) => id));
          return { segments: [], unchanged: false, readableFrom: 0n };
        },
      },
    },
    { ...dataCoordSettings, autoCompaction },
  );
  const { registry, run } = running;
  await watch(running);
  const [channel] = (await run(registry.acquireChannels({ serverId: 9n }))).channels;
  const rows = (id: bigint, commitTimestamp: bigint) =>
    segment(id, { timestampFrom: 5n, timestampTo: 6n, commitTimestamp });
  await commit(
    running,
    channel?.channel?.epoch ?? 0n,
    [...FLUSHED.map((id) => rows(id, 0n)), ...IMPORTED.map((id) => rows(id, 7n))],
    8n,
  );
  return { running, state };
}

test('in the background: others are merged, those of the import as soon as it is read', async () => {
  const { running, state } = await world(true);
  await running.cluster.world.advance(10_000);
  expect(state.merged.sort()).toEqual(FLUSHED);
  state.merged = [];
  state.isStuck = false;
  await running.cluster.world.advance(60_000);
  expect(state.merged.sort()).toEqual(IMPORTED);
  const { asked } = state;
  await running.cluster.world.advance(1_300_000);
  // Whoever reads it reads it on.
  expect(state.asked).toBe(asked);
});

test('a load that takes long holds up neither what else is merged, nor who asks for it, nor a stop', async () => {
  const { running, state } = await world(true);
  state.isLoading = true;
  await running.cluster.world.advance(10_000);
  expect(state.merged.sort()).toEqual(FLUSHED);
  await expect(running.run(running.registry.compact(wanted))).rejects.toMatchObject({
    key: 'collection_not_fully_loaded',
  });
  await running.cluster.world.advance(30_000);
  // The rounds would queue up behind the load.
  expect(state.asked).toBe(1);
  await running.run(running.dataCoord.close());
});

test('that a client asks for: refused with the reason, until it is read', async () => {
  const { running, state } = await world(false);
  const { registry, run } = running;
  await expect(run(registry.compact(wanted))).rejects.toThrow(
    /segments 31, 32, .*, 42 of an import are not read/,
  );
  expect(state.merged).toEqual([]);
  state.isStuck = false;
  await run(registry.compact(wanted));
  await running.cluster.world.advance(1000);
  expect(state.merged.sort()).toEqual([...FLUSHED, ...IMPORTED]);
});

test('of collections that were dropped nothing is kept', async () => {
  const cluster = simulatedCluster(22);
  const imported = parseFlushedSegment(segment(31n, { timestampFrom: 5n, commitTimestamp: 7n }));
  const record = ChannelRecord.fromPartial({ vchannel: CHANNEL, collectionId: COLLECTION });
  const channels = [parseChannel(record)];
  const queryCoordHandlers: Partial<QueryCoordHandlers> = { segmentsChanged: down };
  const imports = new AwaitedImports(
    {
      platform: openMemoryPlatform({ cluster, host: 'dc' }),
      catalog: { segmentsOf: () => [imported], channelsOf: () => channels },
      peers: {
        queryCoord: inProcessClient(QueryCoordDefinition, queryCoordHandlers as QueryCoordHandlers),
        streamingNode: inProcessClient(StreamingNodeDefinition, {} as StreamingNodeHandlers),
      },
    },
    neverAborted,
  );
  await cluster.world.runUntil(imports.show(COLLECTION));
  imports.forgetDropped();
  expect(imports.isAwaited(COLLECTION)).toBe(true);
  channels.length = 0;
  imports.forgetDropped();
  expect(imports.isAwaited(COLLECTION)).toBe(false);
});
