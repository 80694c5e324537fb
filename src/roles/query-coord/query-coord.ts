// Knows what is loaded and sees to it that it is served: for each loaded collection it compares the target (what should be served, from
// data-coord) with the distribution (what the shards serve) and brings them together. Level-triggered: notices only make it look sooner.

import { KeyedMutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { commitChanges, HeldRecords, redeciding } from '#catalog/held-records.js';
import { idKey, recordTable } from '#catalog/record-table.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import { LoadRecord } from '#proto/elanus/data.js';
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import type { Client, Handlers } from '#rpc/service.js';
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
  record: LoadRecord;
  progress: number;
  reason: string;
  /** The reason is that it does not fit in memory: it is tried again, and who asks hears of it. */
  isOutOfMemory: boolean;
  /** The reason is a file that is damaged or gone: waiting mends nothing, so who asks hears of it. It is tried again, as the file may be put back. */
  isDamaged: boolean;
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
  readonly #records: HeldRecords<bigint, LoadRecord>;
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
    const table = recordTable(platform.metaStore, 'querycoord-collection-loadinfo/', LoadRecord);
    this.#records = new HeldRecords(table, idKey, ({ collectionId }) => collectionId);
  }

  async start(): Promise<void> {
    await this.#records.load();
    for (const record of this.#records.records.values())
      this.#loaded.set(record.collectionId, freshly(record));
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
      const partitionIds = loaded.record.allPartitions
        ? collection.partitions.map((partition) => partition.id)
        : loaded.record.partitionIds;
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
      loaded.progress = 100;
      loaded.reason = '';
      loaded.isOutOfMemory = false;
      loaded.isDamaged = false;
      loaded.retryMs = RETRY_MS_MIN;
    } catch (error) {
      if (this.#loaded.get(collectionId) !== loaded || this.#closed) return;
      const isSameReason = loaded.reason === messageOf(error);
      loaded.reason = messageOf(error);
      loaded.isDamaged = isDamage(error, isSameReason);
      loaded.isOutOfMemory = error instanceof ElanusError && error.key === 'memory_limit';
      if (error instanceof ElanusError && error.key === 'collection_not_found') {
        await this.#forget(collectionId);
        return;
      }
      // A flush that overtakes a round, or a peer that is just starting, is everyday; what goes on failing is not.
      const isEveryday =
        error instanceof ElanusError && error.spec.retry !== 'never' && loaded.retryMs < RETRY_MS_MAX;
      this.#platform.logger[isEveryday ? 'debug' : 'warn']('load_round_failed', {
        collectionId,
        reason: loaded.reason,
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
    if (loaded === undefined || loaded.reason === '') return;
    throw new ElanusError(
      'collection_not_fully_loaded',
      `collection ${collectionId} is not served yet: ${loaded.reason}; ask again`,
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
    if (loaded?.record === record) return loaded;
    loaded?.timer?.cancel();
    if (record === undefined) this.#loaded.delete(collectionId);
    else this.#loaded.set(collectionId, freshly(record));
    return this.#loaded.get(collectionId);
  }

  /** Durable first, then served. */
  async #save(record: LoadRecord, progress = 0): Promise<void> {
    await commitChanges(this.#platform.metaStore, [this.#records.put(record)]);
    this.#loaded.get(record.collectionId)?.timer?.cancel();
    this.#loaded.set(record.collectionId, { ...freshly(record), progress });
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
            : (await this.#loadedPartitions(before)).filter((id) => !partitionIds.includes(id));
        const isGone = await this.#decide(collectionId, (current) =>
          this.#release({ collectionId, partitionIds }, { before, current, kept }),
        );
        if (isGone)
          for (const { vchannel } of channels) await this.#peers.streamingNode.releaseTarget({ vchannel });
        else this.#syncSoon(collectionId);
        return {};
      }),
    loadState: async ({ collectionId, partitionIds }) => {
      const loaded = this.#loaded.get(collectionId);
      if (loaded === undefined) return { known: false };
      const covers = partitionIds.every(
        (id) => loaded.record.allPartitions || loaded.record.partitionIds.includes(id),
      );
      return {
        known: covers,
        progress: loaded.progress,
        partitionIds: loaded.record.allPartitions ? [] : loaded.record.partitionIds,
        reason: loaded.reason,
        outOfMemory: loaded.isOutOfMemory,
        damaged: loaded.isDamaged,
        channels: this.#distribution.channelsOf(collectionId).map(([vchannel, { serverId }]) => ({
          vchannel,
          leaderId: serverId,
          nodeIds: [...this.#distribution.nodesOf(vchannel)],
        })),
      };
    },
    segmentsChanged: async ({ collectionId, untilServed }) => {
      if (untilServed) await this.#serveNow(collectionId);
      else this.#syncSoon(collectionId);
      return {};
    },
  };

  async #load(collectionId: bigint, partitionIds: readonly bigint[], before: Loaded | undefined) {
    const all = partitionIds.length === 0;
    if (before?.record.allPartitions === true && !all) return 'all are wanted';
    const merged = all ? [] : [...new Set([...(before?.record.partitionIds ?? []), ...partitionIds])];
    if (
      before !== undefined &&
      before.record.allPartitions === all &&
      before.record.partitionIds.length === merged.length
    )
      return 'nothing';
    await this.#checkMemory(
      collectionId,
      (id) => (all || merged.includes(id)) && before?.record.partitionIds.includes(id) !== true,
    );
    await this.#save({ collectionId, partitionIds: merged, allPartitions: all, replicaNumber: 1 });
    return 'more is wanted';
  }

  /** A load that came while the release looked up what stays is the later of the two: what it asked for stays. @returns whether nothing is left */
  async #release(
    {
      collectionId,
      partitionIds,
    }: { readonly collectionId: bigint; readonly partitionIds: readonly bigint[] },
    seen: { readonly before: Loaded; readonly current: Loaded | undefined; readonly kept: readonly bigint[] },
  ): Promise<boolean> {
    const { before, current, kept } = seen;
    if (current === undefined) return true;
    const known = before.record.allPartitions ? current.record.partitionIds : before.record.partitionIds;
    const added = current.record.partitionIds.filter((id) => !known.includes(id));
    if (current.record.allPartitions && !before.record.allPartitions) return false;
    const left = partitionIds.length === 0 ? added : [...new Set([...kept, ...added])];
    if (left.length > 0) {
      await this.#save({ collectionId, partitionIds: left, allPartitions: false, replicaNumber: 1 }, 100);
      return false;
    }
    await commitChanges(this.#platform.metaStore, [this.#records.remove(collectionId)]);
    current.timer?.cancel();
    this.#loaded.delete(collectionId);
    this.#distribution.released(collectionId);
    return true;
  }

  async #loadedPartitions(loaded: Loaded): Promise<readonly bigint[]> {
    if (!loaded.record.allPartitions) return loaded.record.partitionIds;
    const { collection } = await this.#peers.definitions.describeCollection({
      id: loaded.record.collectionId,
    });
    return collection?.partitions.map((partition) => partition.id) ?? [];
  }
}

/** A file that is not there may be one of a segment that was dropped while the round ran: the next round, which lists anew, does not ask for it. */
const isDamage = (error: unknown, isSameReason: boolean): boolean =>
  error instanceof ElanusError &&
  (error.key === 'data_corrupt' || (error.key === 'object_not_found' && isSameReason));
const freshly = (record: LoadRecord): Loaded => ({
  record,
  progress: 0,
  reason: '',
  isOutOfMemory: false,
  isDamaged: false,
  timer: undefined,
  retryMs: RETRY_MS_MIN,
  isQueued: false,
});
