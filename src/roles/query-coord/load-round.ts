// One round of a loaded collection: what should be served is read, placed on query-nodes, and handed to the owner of each shard.
import { ElanusError } from '#base/errors.js';
import { loadedSchema } from '#model/schema/loaded-fields.js';
import { isInScope, type Load } from '#model/states/load.js';
import type { ChannelRecord, CollectionRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';
import { backgroundContext, whole } from '#rpc/service.js';
import { rowsEstimate } from '#segment/files/memory-estimate.js';
import { tooLarge } from '#segment/memory-account.js';
import { chooseServed } from './choose-served.js';
import type { Distribution } from './distribution.js';
import { placeSegments } from './place-segments.js';
import type { QueryCoordPeers } from './query-coord-peers.js';

export interface RoundParts {
  readonly peers: Omit<QueryCoordPeers, 'queryNode'>;
  readonly distribution: Distribution;
  /** Segments that a client wants elsewhere; those that were placed leave the map. */
  readonly moves: Map<bigint, bigint>;
  /** Hears what the round waits for. */
  readonly note: (waitsFor: string, brings: boolean) => void;
}

/** What all shards of a round go by. */
interface RoundView {
  readonly collection: CollectionRecord;
  /** Partitions that are served. */
  readonly partitionIds: readonly bigint[];
  readonly segments: readonly SegmentRecord[];
  readonly replaced: readonly SegmentRecord[];
  readonly leftOut: readonly bigint[];
  readonly version: bigint;
  readonly importsUntil: bigint;
  /** The query-nodes that may serve the collection. */
  readonly nodes: readonly bigint[];
}

/**
 * @param nodes the query-nodes that may serve the collection
 * @returns whether another round is to follow, as more segments are to move
 */
export async function serveRound(
  parts: RoundParts,
  { collectionId, scope, leftOut }: Load,
  nodes: readonly bigint[],
): Promise<boolean> {
  const { peers, note } = parts;
  note('root-coord and data-coord to say what is to be served', false);
  // Before anything is read: what a later round reads is newer, and carries a later version.
  const { timestamp: version } = await peers.rootCoord.allocTimestamp({ count: 1 });
  const { segments, replaced, channels } = await peers.channelRegistry.listSegments({ collectionId });
  // After the segments: its schema is not older than the one by which any of them was written.
  const { collection } = await peers.definitions.describeCollection({ id: collectionId });
  if (collection === undefined)
    throw new ElanusError('internal', 'describeCollection answered without a collection');
  // A listing has each import whole, in all shards, or not at all.
  const importsUntil = [...segments, ...replaced].reduce(
    (newest, { commitTimestamp }) => (commitTimestamp > newest ? commitTimestamp : newest),
    0n,
  );
  const partitionIds =
    scope.kind === 'collection'
      ? collection.partitions.map((partition) => partition.id)
      : [...scope.partitionIds];
  const view = { collection, partitionIds, segments, replaced, leftOut, version, importsUntil, nodes };
  const channelOf = new Map(channels.map((channel) => [channel.vchannel, channel]));
  let isUneven = false;
  for (const vchannel of collection.vchannels) {
    const { ownerServerId, readableFrom } = channelOf.get(vchannel) ?? {
      ownerServerId: 0n,
      readableFrom: 0n,
    };
    if (await serveShard(parts, view, { vchannel, ownerServerId, readableFrom })) isUneven = true;
  }
  return isUneven;
}

async function serveShard(
  { peers, distribution, moves, note }: RoundParts,
  view: RoundView,
  {
    vchannel,
    ownerServerId,
    readableFrom,
  }: Pick<ChannelRecord, 'vchannel' | 'ownerServerId' | 'readableFrom'>,
): Promise<boolean> {
  const { collection, partitionIds, replaced, leftOut, version, importsUntil, nodes } = view;
  const isWanted = new Set(partitionIds);
  const own = view.segments.filter((segment) => segment.vchannel === vchannel);
  const isSealed = (segment: SegmentRecord): boolean =>
    segment.vchannel === vchannel && !segment.isLevelZero && isWanted.has(segment.partitionId);
  // Deletes that no segment needs any more: the owner may wait for a target that knows them.
  const isGone = (segment: SegmentRecord): boolean => segment.vchannel === vchannel && segment.isLevelZero;
  const queryNodes = new Set(peers.nodes.of('query-node').map(({ serverId }) => serverId));
  const choice = chooseServed(own.filter(isSealed), replaced.filter(isSealed), {
    indexes: collection.indexes,
    isServed: (id) => distribution.isHeld(vchannel, id, { ownerServerId, queryNodes }),
  });
  const sealed = choice.segments;
  const { wished, places, isUneven } = placed(vchannel, sealed, nodes, { distribution, moves });
  const coming = sealed.filter(({ id }) => distribution.segment(vchannel, id) === undefined);
  note(stepText({ vchannel, ownerServerId }, coming, places), coming.length > 0);
  const target = whole<SyncTargetRequest>({
    vchannel,
    segments: sealed.map((segment) => ({ segment, nodeId: places.get(segment.id) ?? 0n })),
    deleteSegments: own.filter(
      (segment) => segment.isLevelZero && (segment.partitionId < 0n || isWanted.has(segment.partitionId)),
    ),
    partitionIds: [...partitionIds],
    schema: collection.schema,
    indexes: collection.indexes,
    leftOutFieldIds: [...leftOut],
    version,
    replaced: [...choice.replaced, ...replaced.filter(isGone)].map(
      ({ id, partitionId, readableFrom, compactedTo }) => ({ id, partitionId, readableFrom, compactedTo }),
    ),
    importsUntil,
    readableFrom,
    // Who has just become the coordinator, or meets an owner that is new, hears where everything is.
    keepPlaces: distribution.channel(vchannel)?.serverId !== ownerServerId,
  });
  const { elsewhere } = await peers.streamingNode.syncTarget(target).catch((error: unknown) => {
    // What the shard does not hold any more is not served on: the next round takes what it became.
    if (error instanceof ElanusError && error.key === 'sources_lost')
      distribution.lost(collection.id, vchannel);
    // The target may have named one that was replaced at its address.
    peers.nodes.lookAgain('query-node');
    throw error;
  });
  const actual = new Map(places);
  for (const { segmentId, nodeId } of elsewhere) actual.set(segmentId, nodeId);
  const rowCounts = new Map(sealed.map(({ id, rowCount }) => [id, rowCount]));
  distribution.served({
    ...{ collectionId: collection.id, vchannel, serverId: ownerServerId, version, segments: actual },
    rowCountOf: (id) => rowCounts.get(id) ?? 0n,
    wished: new Set([
      ...[...wished].flatMap(([id, node]) => (node !== undefined && node === actual.get(id) ? [id] : [])),
      // What could not move is left where it is.
      ...(target.keepPlaces ? [] : elsewhere.map(({ segmentId }) => segmentId)),
    ]),
  });
  if (target.keepPlaces) return isUneven || elsewhere.length > 0;
  // A wish that came meanwhile is the next round's.
  for (const [id, node] of wished) if (node !== undefined && moves.get(id) === node) moves.delete(id);
  // What could not move now is tried again with a look, not at once.
  return isUneven && elsewhere.length === 0;
}

/** Where the segments of a shard go, and which of them a client wanted there. */
function placed(
  vchannel: string,
  sealed: readonly SegmentRecord[],
  nodes: readonly bigint[],
  { distribution, moves }: Pick<RoundParts, 'distribution' | 'moves'>,
) {
  // One that was compacted stays at its node: nobody loads it anew.
  const movable = new Set(sealed.flatMap(({ id, state }) => (state === 'dropped' ? [] : [id])));
  const wished = new Map(sealed.map(({ id }) => [id, movable.has(id) ? moves.get(id) : undefined]));
  const chosen = placeSegments(sealed, {
    nodes,
    placeOf: (id) => wished.get(id) ?? distribution.segment(vchannel, id)?.serverId,
    rowsAt: (node) => distribution.rowsAt(node),
    isFixed: (id) =>
      !movable.has(id) ||
      wished.get(id) !== undefined ||
      distribution.segment(vchannel, id)?.isWished === true,
  });
  return { wished, ...chosen };
}

const NAMED_MAX = 8;

/** Who serves the shard, and which segments come to which query-node with it. */
function stepText(
  { vchannel, ownerServerId }: { readonly vchannel: string; readonly ownerServerId: bigint },
  coming: readonly SegmentRecord[],
  places: ReadonlyMap<bigint, bigint>,
): string {
  const owner =
    ownerServerId === 0n ? 'a streaming-node (none owns it now)' : `streaming-node ${ownerServerId}`;
  const named = coming.slice(0, NAMED_MAX).map(({ id }) => `${id} at query-node ${places.get(id) ?? 0n}`);
  const more = coming.length > NAMED_MAX ? ` and ${coming.length - NAMED_MAX} more` : '';
  const segments = named.length === 0 ? '' : ` with segments ${named.join(', ')}${more}`;
  return `${owner} to serve channel ${vchannel}${segments}`;
}

/** @throws memory_limit before a file is read, when what would be loaded anew does not fit. Later each segment is checked again. */
export async function checkMemory(
  peers: QueryCoordPeers,
  { collectionId, leftOut }: Pick<Load, 'collectionId' | 'leftOut'>,
  isNew: (partitionId: bigint) => boolean,
  nodes: readonly bigint[],
): Promise<void> {
  const { collection } = await peers.definitions.describeCollection({ id: collectionId });
  const { segments } = await peers.channelRegistry.listSegments({ collectionId });
  const schema = collection?.schema && loadedSchema(collection.schema, leftOut);
  const wanted = segments.filter((segment) => !segment.isLevelZero && isNew(segment.partitionId));
  if (schema === undefined || wanted.length === 0) return;
  const bytes = wanted.reduce((sum, segment) => sum + rowsEstimate(schema, segment), 0);
  const memory = await memoryOf(peers, nodes);
  if (memory.usedBytes + bytes > memory.limitBytes)
    throw tooLarge(`collection ${schema.name}`, bytes, memory);
}

/** Memory of the query-nodes together; where none is known, of the one that answers. */
async function memoryOf({ queryNode }: Pick<QueryCoordPeers, 'queryNode'>, nodes: readonly bigint[]) {
  const asks = nodes.map((node) => {
    const metadata = { [SERVER_ID_HEADER]: String(node) };
    return queryNode.memoryState({}, { ...backgroundContext, metadata }).catch((error: unknown) => {
      // It is gone: what it had comes to the others.
      if (error instanceof ElanusError && error.key === 'node_mismatch') return undefined;
      throw error;
    });
  });
  const answers = (await Promise.all(asks)).filter((answer) => answer !== undefined);
  const memory = { usedBytes: 0, limitBytes: 0 };
  for (const { usedBytes, limitBytes } of answers.length > 0 ? answers : [await queryNode.memoryState({})]) {
    memory.usedBytes += Number(usedBytes);
    memory.limitBytes += Number(limitBytes);
  }
  return memory;
}

export type ReleasingPeers = Pick<
  QueryCoordPeers,
  'channelRegistry' | 'nodes' | 'rootCoord' | 'streamingNode'
>;

/**
 * What is not loaded any more is served by nobody; a streaming-node that is away serves nothing.
 * @param version from before it was known that it is not loaded
 */
export async function releaseShards(
  peers: ReleasingPeers,
  collectionId: bigint,
  version: bigint,
): Promise<void> {
  const { channels } = await peers.channelRegistry.listSegments({ collectionId });
  if (peers.nodes.isAway('streaming-node')) return;
  for (const { vchannel } of channels) await peers.streamingNode.releaseTarget({ vchannel, version });
}

/** The partitions of a load that are there. */
export async function loadedPartitions(
  peers: QueryCoordPeers,
  { collectionId, scope }: Load,
): Promise<readonly bigint[]> {
  const { collection } = await peers.definitions.describeCollection({ id: collectionId });
  const there = collection?.partitions.map((partition) => partition.id) ?? [];
  // A truncate that did not come to its end may have had partitions loaded that never came to be.
  return there.filter((id) => isInScope(scope, id));
}

/** The sealed segments that a node serves, with the memory they are reckoned to take. */
export async function servedSegments(
  peers: QueryCoordPeers,
  collectionId: bigint,
  distribution: Distribution,
) {
  const { collection } = await peers.definitions.describeCollection({ id: collectionId });
  const { segments, replaced } = await peers.channelRegistry.listSegments({ collectionId });
  const schema = collection?.schema;
  if (schema === undefined) return [];
  return [...segments, ...replaced].flatMap((segment) => {
    const place = distribution.segment(segment.vchannel, segment.id);
    if (place === undefined) return [];
    return [
      {
        segment,
        id: segment.id,
        rowCount: segment.rowCount,
        nodeId: place.serverId,
        memoryBytes: BigInt(Math.ceil(rowsEstimate(schema, segment))),
      },
    ];
  });
}
