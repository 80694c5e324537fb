// Knows what is loaded and sees to it that it is served: for each loaded collection it compares the target (what should be served, from
// data-coord) with the distribution (what the shards serve) and brings them together. Level-triggered: notices only make it look sooner.

import { KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { commitChanges, HeldRecords, redeciding } from '#catalog/held-records.js';
import { idKey, parsedType, recordTable } from '#catalog/record-table.js';
import {
  beginLoad,
  isInScope,
  type Load,
  type LoadDefinition,
  type LoadFailure,
  loadProgress,
  loadRecord,
  moveLoad,
  namedPartitions,
  parseLoad,
} from '#model/states/load.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import { LoadRecord } from '#proto/elanus/data.js';
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  LoadStateResponse,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import { type Client, type Handlers, whole } from '#rpc/service.js';
import { rowsEstimate } from '#segment/files/memory-estimate.js';
import { tooLarge } from '#segment/memory-account.js';
import { Distribution } from './distribution.js';
import { placeSegments } from './place-segments.js';

export interface QueryCoordPeers {
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  readonly nodes: RoleNodes;
}

export interface QueryCoordSettings {
  /** Between two looks whether all that is loaded is served, in ms. Notices make it sooner; this is for those that got lost. */
  readonly targetCheckIntervalMs: number;
}

interface Loaded {
  /** The record that this rests on, the same object as the held one. */
  readonly definition: LoadDefinition;
  load: Load;
  timer: Timer | undefined;
  retryMs: number;
  /** A round is asked for and has not begun. */
  isQueued: boolean;
}

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 3000;

export class QueryCoord {
  readonly #platform: Platform;
  readonly #settings: QueryCoordSettings;
  readonly #peers: QueryCoordPeers;
  readonly #records: HeldRecords<bigint, LoadDefinition>;
  readonly #loaded = new Map<bigint, Loaded>();
  readonly #distribution = new Distribution();
  /** Held over a whole round. */
  readonly #syncing = new KeyedMutex();
  /** Held over one decision about what is loaded and its record; inside a round or without one, never around one. */
  readonly #deciding = new KeyedMutex();
  #timer: Timer | undefined;
  #closed = false;

  constructor(platform: Platform, settings: QueryCoordSettings, peers: QueryCoordPeers) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    const table = recordTable(
      platform.metaStore,
      'querycoord-collection-loadinfo/',
      parsedType(LoadRecord, parseLoad, loadRecord),
    );
    this.#records = new HeldRecords(table, idKey, ({ collectionId }) => collectionId);
  }

  async start(): Promise<void> {
    await this.#records.load();
    for (const definition of this.#records.records.values())
      this.#loaded.set(definition.collectionId, freshly(definition));
    // Each shard is asked in the background; searches wait for the answer within their deadline.
    for (const id of this.#loaded.keys()) this.#syncSoon(id);
    this.#scheduleCheck();
  }

  #scheduleCheck(): void {
    if (this.#closed) return;
    this.#timer = this.#platform.timers.after(this.#settings.targetCheckIntervalMs, () => {
      // One that waits for its next attempt, or is being synced, is looked at anyway.
      for (const [id, loaded] of this.#loaded)
        if (loaded.timer === undefined && !loaded.isQueued) this.#syncSoon(id);
      this.#scheduleCheck();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { timer } of this.#loaded.values()) timer?.cancel();
  }

  #syncSoon(collectionId: bigint): void {
    const loaded = this.#loaded.get(collectionId);
    // A round that has not begun yet will see what this one would.
    if (loaded === undefined || loaded.isQueued) return;
    loaded.isQueued = true;
    void this.#syncing.run(String(collectionId), () => this.#sync(collectionId)).catch(() => {});
  }

  async #sync(collectionId: bigint): Promise<void> {
    const loaded = this.#loaded.get(collectionId);
    if (loaded === undefined || this.#closed) return;
    loaded.timer?.cancel();
    loaded.timer = undefined;
    loaded.isQueued = false;
    try {
      // Before anything is read: what a later round reads is newer, and carries a later version.
      const { timestamp: version } = await this.#peers.rootCoord.allocTimestamp({ count: 1 });
      const { collection } = await this.#peers.definitions.describeCollection({ id: collectionId });
      if (collection === undefined)
        throw new ElanusError('internal', 'describeCollection answered without a collection');
      const { segments, channels } = await this.#peers.channelRegistry.listSegments({ collectionId });
      const owners = new Map(channels.map(({ vchannel, ownerServerId }) => [vchannel, ownerServerId]));
      const { scope } = loaded.load;
      const partitionIds =
        scope.kind === 'collection'
          ? collection.partitions.map((partition) => partition.id)
          : [...scope.partitionIds];
      const isWanted = new Set(partitionIds);
      for (const vchannel of collection.vchannels) {
        const own = segments.filter((segment) => segment.vchannel === vchannel);
        const sealed = own.filter((segment) => !segment.isLevelZero && isWanted.has(segment.partitionId));
        const places = placeSegments(sealed, {
          nodes: this.#peers.nodes.of('query-node').map(({ serverId }) => serverId),
          placeOf: (id) => this.#distribution.segment(vchannel, id)?.serverId,
        });
        await this.#peers.streamingNode.syncTarget({
          vchannel,
          segments: sealed.map((segment) => ({ segment, nodeId: places.get(segment.id) ?? 0n })),
          deleteSegments: own.filter(
            (segment) =>
              segment.isLevelZero && (segment.partitionId < 0n || isWanted.has(segment.partitionId)),
          ),
          partitionIds,
          schema: collection.schema,
          indexes: collection.indexes,
          version,
        });
        const serverId = owners.get(vchannel) ?? 0n;
        this.#distribution.served({ collectionId, vchannel, serverId, version, segments: places });
      }
      loaded.load = moveLoad(loaded.load, { kind: 'served' });
      loaded.retryMs = RETRY_MS_MIN;
    } catch (error) {
      if (this.#loaded.get(collectionId) !== loaded || this.#closed) return;
      const failure = failureOf(error, loaded.load.failure);
      loaded.load = moveLoad(loaded.load, { kind: 'round_failed', failure });
      if (error instanceof ElanusError && error.key === 'collection_not_found') {
        await this.#forget(collectionId);
        return;
      }
      // A flush that overtakes a round, or a peer that is just starting, is everyday; what goes on failing is not.
      const isEveryday =
        error instanceof ElanusError && error.spec.retry !== 'never' && loaded.retryMs < RETRY_MS_MAX;
      this.#platform.logger[isEveryday ? 'debug' : 'warn']('load_round_failed', {
        collectionId,
        reason: failure.reason,
        retryMs: loaded.retryMs,
      });
      loaded.timer = this.#platform.timers.after(loaded.retryMs, () => this.#syncSoon(collectionId));
      loaded.retryMs = Math.min(RETRY_MS_MAX, loaded.retryMs * 2);
    }
  }

  /** Returns when a round that begins after the call has brought everything to the shards, or nothing is loaded. @throws why it has not */
  async #serveNow(collectionId: bigint): Promise<void> {
    await this.#syncing.run(String(collectionId), () => this.#sync(collectionId));
    const loaded = this.#loaded.get(collectionId);
    if (loaded?.load.failure === undefined) return;
    throw new ElanusError(
      'collection_not_fully_loaded',
      `collection ${collectionId} is not served yet: ${loaded.load.failure.reason}; ask again`,
    );
  }

  /** @throws memory_limit before a file is read, when what would be loaded anew does not fit. Later each segment is checked again. */
  async #checkMemory(collectionId: bigint, isNew: (partitionId: bigint) => boolean): Promise<void> {
    const { collection } = await this.#peers.definitions.describeCollection({ id: collectionId });
    const { segments } = await this.#peers.channelRegistry.listSegments({ collectionId });
    const schema = collection?.schema;
    const wanted = segments.filter((segment) => !segment.isLevelZero && isNew(segment.partitionId));
    if (schema === undefined || wanted.length === 0) return;
    const bytes = wanted.reduce((sum, segment) => sum + rowsEstimate(schema, segment), 0);
    const { usedBytes, limitBytes } = await this.#peers.queryNode.memoryState({});
    const memory = { usedBytes: Number(usedBytes), limitBytes: Number(limitBytes) };
    if (memory.usedBytes + bytes > memory.limitBytes)
      throw tooLarge(`collection ${schema.name}`, bytes, memory);
  }

  /** Runs a decision about what is loaded, again when another process changed the record meanwhile. */
  #decide<T>(collectionId: bigint, decide: (before: Loaded | undefined) => Promise<T>): Promise<T> {
    return this.#deciding.run(String(collectionId), () =>
      redeciding(() => decide(this.#current(collectionId))),
    );
  }

  /** What is loaded, as its record says: one that was read anew may say something else than what is served. */
  #current(collectionId: bigint): Loaded | undefined {
    const loaded = this.#loaded.get(collectionId);
    const record = this.#records.records.get(collectionId);
    if (loaded?.definition === record) return loaded;
    loaded?.timer?.cancel();
    if (record === undefined) this.#loaded.delete(collectionId);
    else this.#loaded.set(collectionId, freshly(record));
    return this.#loaded.get(collectionId);
  }

  /** Durable first, then served. */
  async #save(definition: LoadDefinition, load: Load): Promise<void> {
    await commitChanges(this.#platform.metaStore, [this.#records.put(definition)]);
    this.#loaded.get(definition.collectionId)?.timer?.cancel();
    this.#loaded.set(definition.collectionId, { ...freshly(definition), load });
  }

  #forget(collectionId: bigint): Promise<void> {
    return this.#decide(collectionId, async () => {
      await commitChanges(this.#platform.metaStore, [this.#records.remove(collectionId)]);
      this.#loaded.get(collectionId)?.timer?.cancel();
      this.#loaded.delete(collectionId);
      this.#distribution.released(collectionId);
    });
  }

  readonly handlers: Handlers<typeof QueryCoordDefinition> = {
    loadCollection: async ({ collectionId, partitionIds, replicaNumber }) => {
      if (replicaNumber > 1) {
        throw new ElanusError(
          'invalid_parameter',
          `failed to spawn replica for collection: replica number ${replicaNumber} needs as many query nodes, there is 1; load with replica_number 1: invalid parameter`,
        );
      }
      const change = await this.#decide(collectionId, (before) =>
        this.#load(collectionId, partitionIds, before),
      );
      // All partitions are wanted already; one of these may be newer than the last round, so it is served before this returns.
      if (change === 'all are wanted')
        await this.#syncing.run(String(collectionId), () => this.#sync(collectionId));
      if (change === 'more is wanted') this.#syncSoon(collectionId);
      return {};
    },
    releaseCollection: ({ collectionId, partitionIds }) =>
      this.#syncing.run(String(collectionId), async () => {
        const before = this.#loaded.get(collectionId);
        if (before === undefined) return {};
        const { channels } = await this.#peers.channelRegistry.listSegments({ collectionId });
        const kept =
          partitionIds.length === 0
            ? []
            : (await this.#loadedPartitions(before.load)).filter((id) => !partitionIds.includes(id));
        const isGone = await this.#decide(collectionId, (current) =>
          this.#release({ collectionId, partitionIds }, { before: before.load, current, kept }),
        );
        if (isGone)
          for (const { vchannel } of channels) await this.#peers.streamingNode.releaseTarget({ vchannel });
        else this.#syncSoon(collectionId);
        return {};
      }),
    loadState: async ({ collectionId, partitionIds }) => {
      const loaded = this.#loaded.get(collectionId);
      if (loaded === undefined) return { known: false };
      const { scope, failure } = loaded.load;
      // Every read asks this first, so the answer is whole and goes on as it is.
      return whole<LoadStateResponse>({
        status: undefined,
        known: partitionIds.every((id) => isInScope(scope, id)),
        progress: loadProgress(loaded.load),
        partitionIds: [...namedPartitions(scope)],
        reason: failure?.reason ?? '',
        outOfMemory: failure?.cause === 'memory',
        damaged: failure?.cause === 'damage',
        channels: this.#distribution.channelsOf(collectionId).map(([vchannel, { serverId }]) => ({
          vchannel,
          leaderId: serverId,
          nodeIds: [...this.#distribution.nodesOf(vchannel)],
        })),
      });
    },
    segmentsChanged: async ({ collectionId, untilServed }) => {
      if (untilServed) await this.#serveNow(collectionId);
      else this.#syncSoon(collectionId);
      return {};
    },
  };

  async #load(collectionId: bigint, partitionIds: readonly bigint[], before: Loaded | undefined) {
    const all = partitionIds.length === 0;
    const held = before?.load.scope;
    if (held?.kind === 'collection') return all ? 'nothing' : 'all are wanted';
    const known = held?.partitionIds ?? [];
    const merged = all ? [] : [...new Set([...known, ...partitionIds])];
    if (!all && held !== undefined && known.length === merged.length) return 'nothing';
    await this.#checkMemory(collectionId, (id) => (all || merged.includes(id)) && !known.includes(id));
    const definition: LoadDefinition = {
      collectionId,
      scope: all ? { kind: 'collection' } : { kind: 'partitions', partitionIds: merged },
    };
    await this.#save(
      definition,
      before === undefined
        ? beginLoad(definition)
        : moveLoad(before.load, { kind: 'widened', to: definition }),
    );
    return 'more is wanted';
  }

  /** A load that came while the release looked up what stays is the later of the two: what it asked for stays. @returns whether nothing is left */
  async #release(
    {
      collectionId,
      partitionIds,
    }: { readonly collectionId: bigint; readonly partitionIds: readonly bigint[] },
    seen: { readonly before: Load; readonly current: Loaded | undefined; readonly kept: readonly bigint[] },
  ): Promise<boolean> {
    const { before, current, kept } = seen;
    if (current === undefined) return true;
    const scope = current.load.scope;
    if (scope.kind === 'collection' && before.scope.kind === 'partitions') return false;
    const known = namedPartitions(before.scope.kind === 'collection' ? scope : before.scope);
    const added = namedPartitions(scope).filter((id) => !known.includes(id));
    const left = partitionIds.length === 0 ? added : [...new Set([...kept, ...added])];
    if (left.length > 0) {
      const definition: LoadDefinition = { collectionId, scope: { kind: 'partitions', partitionIds: left } };
      await this.#save(definition, moveLoad(current.load, { kind: 'narrowed', to: definition }));
      return false;
    }
    await commitChanges(this.#platform.metaStore, [this.#records.remove(collectionId)]);
    current.timer?.cancel();
    this.#loaded.delete(collectionId);
    this.#distribution.released(collectionId);
    return true;
  }

  async #loadedPartitions({ collectionId, scope }: Load): Promise<readonly bigint[]> {
    if (scope.kind === 'partitions') return scope.partitionIds;
    const { collection } = await this.#peers.definitions.describeCollection({ id: collectionId });
    return collection?.partitions.map((partition) => partition.id) ?? [];
  }
}

/**
 * What a failed round means for those who ask. Not fitting in memory and damage are said at once, since waiting mends neither; both are tried
 * again all the same, as memory becomes free and a file may be put back. A file that is not there may be one of a segment that was dropped
 * while the round ran: the next round, which lists anew, does not ask for it, so it counts as damage only when it fails twice.
 */
function failureOf(error: unknown, before: LoadFailure | undefined): LoadFailure {
  const reason = messageOf(error);
  const key = error instanceof ElanusError ? error.key : undefined;
  const isDamage = key === 'data_corrupt' || (key === 'object_not_found' && before?.reason === reason);
  return { reason, cause: key === 'memory_limit' ? 'memory' : isDamage ? 'damage' : 'other' };
}

const freshly = (definition: LoadDefinition): Loaded => ({
  definition,
  load: beginLoad(definition),
  timer: undefined,
  retryMs: RETRY_MS_MIN,
  isQueued: false,
});
