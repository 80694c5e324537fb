// Rounds of a collection of two shards whose segments were compacted: the sources are served on while they are held, and no longer.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  StreamingNodeDefinition,
  type SyncTargetRequest,
} from '#proto/elanus/roles.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { anyNodes } from '../../../test/support/role-nodes.js';
import { Distribution } from './distribution.js';
import { serveRound } from './load-round.js';

const LOAD = {
  collectionId: 7n,
  scope: { kind: 'collection' },
  resourceGroup: '',
  leftOut: [],
  state: 'loaded',
  failure: undefined,
} as const;
const client = <D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> =>
  inProcessClient(definition, handlers as Handlers<D>);

/** Segments 1 and 2 are indexed, one in each shard; `compact` replaces them by 11 and 12, which have no index yet. */
function twoShards() {
  const distribution = new Distribution();
  const targets = new Map<string, readonly (bigint | undefined)[]>();
  const places = new Map<bigint, bigint>();
  const indexes = [{ indexId: 9n, state: 'finished' }];
  const own = (at: number): Partial<SegmentRecord> => ({
    ...{ vchannel: ['a', 'b'][at] ?? '', partitionId: 70n, rowCount: 100n },
  });
  const state = {
    flushed: [0, 1].map((at) => ({ ...own(at), id: BigInt(at + 1), indexes })) as Partial<SegmentRecord>[],
    replaced: [] as Partial<SegmentRecord>[],
    queryNodes: [501n],
    owner: 9n,
    /** The shard has lost what it held. */
    lost: '',
    /** Query-nodes to which nothing can be moved. */
    full: [] as bigint[],
  };
  let time = 0n;
  const peers = {
    nodes: {
      ...anyNodes,
      of: () => state.queryNodes.map((serverId) => ({ serverId, address: undefined, epoch: 1 })),
    },
    rootCoord: client(RootCoordDefinition, { allocTimestamp: async () => ({ timestamp: ++time }) }),
    definitions: client(DefinitionsDefinition, {
      describeCollection: async () => ({
        collection: { id: 7n, vchannels: ['a', 'b'], partitions: [{ id: 70n }], indexes: [{ id: 9n }] },
      }),
    }),
    channelRegistry: client(ChannelRegistryDefinition, {
      listSegments: async () => ({
        ...{ segments: state.flushed, replaced: state.replaced },
        channels: ['a', 'b'].map((vchannel) => ({ vchannel, ownerServerId: state.owner })),
      }),
    }),
    streamingNode: client(StreamingNodeDefinition, {
      syncTarget: async ({ vchannel, segments, keepPlaces }: SyncTargetRequest) => {
        if (state.lost === vchannel && segments.some(({ segment }) => segment?.state === 'dropped'))
          throw new ElanusError('sources_lost', 'not held any more');
        targets.set(
          vchannel,
          segments.map(({ segment }) => segment?.id),
        );
        const elsewhere = segments.flatMap(({ segment, nodeId }) => {
          const [id, before] = [segment?.id ?? 0n, places.get(segment?.id ?? 0n)];
          const stays =
            before !== undefined && before !== nodeId && (keepPlaces || state.full.includes(nodeId));
          places.set(id, stays ? before : nodeId);
          return stays ? [{ segmentId: id, nodeId: before }] : [];
        });
        return { elsewhere };
      },
    }),
  };
  return {
    ...{ state, places, distribution },
    isUneven: (table = distribution): Promise<boolean> =>
      serveRound({ peers, distribution: table, moves: new Map(), note: () => {} }, LOAD, state.queryNodes),
    round: async (): Promise<Record<string, readonly (bigint | undefined)[]>> => {
      const parts = { peers, distribution, moves: new Map<bigint, bigint>(), note: () => {} };
      await serveRound(parts, LOAD, state.queryNodes);
      return Object.fromEntries(targets);
    },
    compact: (): void => {
      state.replaced = state.flushed.map((one) => ({
        ...{ ...one, state: 'dropped' },
        compactedTo: [(one.id ?? 0n) + 10n],
      }));
      state.flushed = state.flushed.map((one) => ({
        ...{ ...one, id: (one.id ?? 0n) + 10n, indexes: [] },
        compactedFrom: [one.id ?? 0n],
      }));
    },
  };
}

async function compacted() {
  const shards = twoShards();
  expect(await shards.round()).toEqual({ a: [1n], b: [2n] });
  shards.compact();
  expect(await shards.round()).toEqual({ a: [1n], b: [2n] });
  return shards;
}

test('a shard that has lost its sources gets what they became with the next round, and the other one keeps its own', async () => {
  const { state, round } = await compacted();
  state.lost = 'b';
  await expect(round()).rejects.toMatchObject({ key: 'sources_lost' });
  expect(await round()).toEqual({ a: [1n], b: [12n] });
  // Not only in the round after it.
  expect(await round()).toEqual({ a: [1n], b: [12n] });
});

test('sources went with their query-node: the first round takes what they became, without asking for them', async () => {
  const { state, round } = await compacted();
  [state.lost, state.queryNodes] = ['a', [502n]];
  expect(await round()).toEqual({ a: [11n], b: [12n] });
});

test('sources went with the owner of their channel: the same', async () => {
  const { state, round } = await compacted();
  [state.lost, state.owner] = ['a', 10n];
  expect(await round()).toEqual({ a: [11n], b: [12n] });
});

const nodesOf = ({ places }: ReturnType<typeof twoShards>) =>
  [501n, 502n].map((node) => [...places.values()].filter((at) => at === node).length);

/** Six segments in one shard, all at one query-node; another joins. */
async function joined() {
  const shards = twoShards();
  const [first] = shards.state.flushed;
  shards.state.flushed = Array.from({ length: 6 }, (_, at) => ({ ...first, id: BigInt(at + 1) }));
  await shards.round();
  shards.state.queryNodes = [501n, 502n];
  return shards;
}

test('a query-node that joins gets segments round by round; where none can be moved the next round is not asked for at once', async () => {
  const shards = await joined();
  shards.state.full = [502n];
  expect([await shards.isUneven(), nodesOf(shards)]).toEqual([false, [6, 0]]);
  shards.state.full = [];
  expect([await shards.isUneven(), nodesOf(shards)]).toEqual([true, [4, 2]]);
  expect([await shards.isUneven(), nodesOf(shards)]).toEqual([false, [3, 3]]);
  expect([await shards.isUneven(), nodesOf(shards)]).toEqual([false, [3, 3]]);
});

test('a coordinator that has just begun hears where segments are, and moves none of them for what it does not know', async () => {
  const shards = await joined();
  await shards.isUneven();
  const table = new Distribution();
  expect([await shards.isUneven(table), nodesOf(shards)]).toEqual([true, [4, 2]]);
  expect(table.rowsAt(501n)).toBe(400n);
});
