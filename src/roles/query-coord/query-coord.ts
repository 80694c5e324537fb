// Knows what is loaded and sees to it that it is served: for each loaded collection it compares the target (what should be served, from
// data-coord) with the distribution (what the shards serve) and brings them together. Level-triggered: notices only make it look sooner.

import { must } from '#base/assert.js';
import { KeyedMutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { commitChanges, type HeldRecords, redeciding } from '#catalog/held-records.js';
import { DEFAULT_RESOURCE_GROUP } from '#model/schema/properties.js';
import {
  beginLoad,
  type Load,
  type LoadDefinition,
  moveLoad,
  namedPartitions,
  partitionsScope,
  takesLater,
} from '#model/states/load.js';
import type { Platform } from '#platform/platform.js';
import { endedSoon } from '#platform/time.js';
import type { LoadRequest, QueryCoordDefinition, TransferReplicaRequest } from '#proto/elanus/roles.js';
import { groupHandlers } from '#roles/query-coord/groups/group-handlers.js';
import { ResourceGroups } from '#roles/query-coord/groups/resource-groups.js';
import type { Handlers } from '#rpc/service.js';
import { noReceipt, type Receipt, Receipts } from '#rpc/sessions/receipts.js';
import { Distribution } from './distribution.js';
import { explainLoads } from './explain-loads.js';
import { leftOutBy, refuseReplicas } from './left-out-fields.js';
import { Leftovers } from './leftovers.js';
import { failureOf, isTransient } from './load-failure.js';
import { loadRecords } from './load-records.js';
import { checkMemory, loadedPartitions, servedSegments, serveRound } from './load-round.js';
import { loadState, percentOf } from './load-states.js';
import { AskedLoads, beginRound, freshly, type Loaded, RETRY_MS_MAX, RETRY_MS_MIN } from './loaded.js';
import { checkMoved, chooseMoves, movable } from './move-segments.js';
import type { QueryCoordPeers } from './query-coord-peers.js';
import { RoundQueue } from './round-queue.js';
import { SlowLook } from './slow-look.js';
import { SteadyLooks } from './steady-looks.js';

export interface QueryCoordSettings {
  /** Between two looks whether all that is loaded is served, in ms. Notices make it sooner; this is for those that got lost. */
  readonly targetCheckIntervalMs: number;
}

/** What a load of something small may take to be waited for: who loads it, and then asks whether it is loaded, need not ask twice. */
const SMALL_LOAD_MS = 100;

export class QueryCoord {
  readonly #platform: Platform;
  readonly #peers: QueryCoordPeers;
  readonly #records: HeldRecords<bigint, LoadDefinition>;
  readonly #loaded = new Map<bigint, Loaded>();
  readonly #distribution = new Distribution();
  readonly #groups: ResourceGroups;
  readonly #receipts: Receipts;
  /** Where segments are to go with the next round; from then on the distribution has them there. */
  readonly #moves = new Map<bigint, bigint>();
  /** Held over a whole round. */
  readonly #syncing = new KeyedMutex();
  /** Held over one decision about what is loaded and its record; inside a round or without one, never around one. */
  readonly #deciding = new KeyedMutex();
  readonly #looks: SteadyLooks;
  readonly #check: SlowLook;
  readonly #rounds: RoundQueue;
  readonly #leftovers: Leftovers;
  readonly #asked: AskedLoads;
  #closed = false;

  private constructor(platform: Platform, settings: QueryCoordSettings, peers: QueryCoordPeers) {
    this.#platform = platform;
    this.#receipts = new Receipts(platform, 'receipt/query-coord/');
    this.#peers = peers;
    this.#asked = new AskedLoads(platform.clock);
    this.#records = loadRecords(platform.metaStore);
    this.#groups = new ResourceGroups({
      store: platform.metaStore,
      queryNodes: () => peers.nodes.of('query-node'),
      loads: () =>
        [...this.#loaded.values()].map(({ definition: { collectionId, resourceGroup } }) => ({
          collectionId,
          resourceGroup,
          nodes: this.#distribution.nodesOfCollection(collectionId),
        })),
      nameOf: async (id) => {
        const { collection } = await peers.definitions.describeCollection({ id });
        return collection?.schema?.name ?? String(id);
      },
      allocTimestamp: async () => (await peers.rootCoord.allocTimestamp({ count: 1 })).timestamp,
      onMoved: () => {
        for (const id of this.#loaded.keys()) this.#syncSoon(id);
      },
    });
    const looks = new SteadyLooks({
      ...{ platform, peers, distribution: this.#distribution, loaded: this.#loaded },
      nodesOf: (resourceGroup) => this.#groups.servingNodes(resourceGroup),
      syncSoon: (id) => this.#syncSoon(id),
    });
    this.#looks = looks;
    this.#rounds = new RoundQueue({
      timers: platform.timers,
      bases: (ids) => looks.bases(ids),
      round: (id, basis) => this.#round(id, basis).catch(() => {}),
    });
    this.#leftovers = new Leftovers({
      ...{ platform, peers, isLoaded: (id) => this.#isRecorded(id) },
      betweenRounds: (id, task) => this.#syncing.run(String(id), task),
    });
    const { targetCheckIntervalMs: intervalMs } = settings;
    const look = (ids: readonly bigint[]) => void looks.look(ids);
    this.#check = new SlowLook(platform.timers, intervalMs, this.#loaded, look, () => looks.beginPass());
  }

  /** It knows what is loaded before it is asked: a load that it does not know would be answered as none, and its release as done. */
  static async open(
    platform: Platform,
    settings: QueryCoordSettings,
    peers: QueryCoordPeers,
  ): Promise<QueryCoord> {
    const queryCoord = new QueryCoord(platform, settings, peers);
    await queryCoord.#receipts.load();
    await queryCoord.#records.load();
    await queryCoord.#groups.load();
    for (const definition of queryCoord.#records.records.values())
      queryCoord.#loaded.set(definition.collectionId, freshly(definition, platform.clock));
    return queryCoord;
  }

  start(): void {
    // Each shard is asked in the background; searches wait for the answer within their deadline.
    for (const id of this.#loaded.keys()) this.#syncSoon(id);
    this.#check.start();
    this.#leftovers.look();
    const { nodes } = this.#peers;
    nodes.lookAgain('query-node');
    // What was at one that has gone is loaded elsewhere, whether somebody reads it or not.
    nodes.onChange(() => {
      for (const id of this.#distribution.stranded(nodes.of('query-node'))) this.#syncSoon(id);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#check.close();
    this.#leftovers.close();
    this.#rounds.close();
    for (const { timer } of this.#loaded.values()) timer?.cancel();
  }

  #syncSoon(collectionId: bigint): void {
    const loaded = this.#loaded.get(collectionId);
    // A round that has not begun yet will see what this one would.
    if (loaded === undefined || loaded.isQueued) return;
    loaded.isQueued = true;
    this.#rounds.ask(collectionId);
  }

  /** @param basis what it rests on, from before it */
  #round(collectionId: bigint, basis: string | undefined): Promise<void> {
    return this.#syncing.run(String(collectionId), () => {
      this.#loaded.get(collectionId)?.proof.ask(basis);
      return this.#sync(collectionId);
    });
  }

  async #sync(collectionId: bigint): Promise<void> {
    const loaded = this.#loaded.get(collectionId);
    if (loaded === undefined || this.#closed) return;
    beginRound(loaded);
    try {
      const isUneven = await serveRound(
        {
          ...{ peers: this.#peers, distribution: this.#distribution, moves: this.#moves },
          note: (waitsFor, brings) => loaded.watch.note(waitsFor, brings),
        },
        loaded.load,
        this.#groups.servingNodes(loaded.definition.resourceGroup),
      );
      loaded.load = moveLoad(loaded.load, { kind: 'served' });
      loaded.retryMs = RETRY_MS_MIN;
      loaded.watch.served();
      loaded.proof.served(this.#platform.clock.monotonic());
      if (isUneven) this.#syncSoon(collectionId);
    } catch (error) {
      if (this.#loaded.get(collectionId) !== loaded || this.#closed) return;
      const failure = failureOf(error, loaded.load.failure);
      loaded.load = moveLoad(loaded.load, { kind: 'round_failed', failure });
      if (error instanceof ElanusError && error.key === 'collection_not_found') {
        await this.#decide(collectionId, () => this.#remove(collectionId));
        return;
      }
      const { retryMs } = loaded;
      const isEveryday = isTransient(error) && retryMs < RETRY_MS_MAX;
      const fields = { collectionId, reason: failure.reason, retryMs };
      this.#platform.logger[isEveryday ? 'debug' : 'warn']('load_round_failed', fields);
      loaded.watch.failed(loaded.retryMs);
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
    else this.#loaded.set(collectionId, freshly(record, this.#platform.clock));
    return this.#loaded.get(collectionId);
  }

  /** As the store says; memory takes it. */
  #isRecorded(collectionId: bigint): Promise<boolean> {
    return this.#decide(collectionId, async (current) => {
      if (current === undefined)
        await commitChanges(this.#platform.metaStore, [this.#records.guard(collectionId)]);
      return current !== undefined;
    });
  }

  /** Durable first, then served. */
  async #save(definition: LoadDefinition, load: Load, receipt = noReceipt): Promise<void> {
    await commitChanges(this.#platform.metaStore, [this.#records.put(definition), ...receipt()]);
    this.#loaded.get(definition.collectionId)?.timer?.cancel();
    this.#loaded.set(definition.collectionId, { ...freshly(definition, this.#platform.clock), load });
  }

  async #remove(collectionId: bigint): Promise<void> {
    await commitChanges(this.#platform.metaStore, [this.#records.remove(collectionId)]);
    this.#loaded.get(collectionId)?.timer?.cancel();
    this.#loaded.delete(collectionId);
    this.#distribution.released(collectionId);
  }

  readonly handlers: Handlers<typeof QueryCoordDefinition> = {
    loadedSegments: async ({ collectionId }) => ({
      segments: await servedSegments(this.#peers, collectionId, this.#distribution),
    }),
    moveSegments: async (wish) => {
      const { collectionId } = wish;
      // Who has just taken over knows what is where after its first round.
      if (this.#distribution.channelsOf(collectionId).length === 0) await this.#serveNow(collectionId);
      const group = this.#loaded.get(collectionId)?.definition.resourceGroup ?? DEFAULT_RESOURCE_GROUP;
      const served = await servedSegments(this.#peers, collectionId, this.#distribution);
      const moves = chooseMoves(movable(served), wish, this.#groups.servingNodes(group));
      for (const [id, node] of moves) this.#moves.set(id, node);
      if (moves.size > 0) await this.#serveNow(collectionId);
      checkMoved(moves, await servedSegments(this.#peers, collectionId, this.#distribution));
      return {};
    },
    explain: async (request) => explainLoads(this.#loaded, this.#asked, request),
    ...groupHandlers(() => ({
      groups: this.#groups,
      receipts: this.#receipts,
      regroup: (change, receipt) => this.#regroup(change, receipt),
    })),
    loadCollection: async (request) => {
      const { collectionId, replicaNumber, resourceGroup } = request;
      refuseReplicas(replicaNumber);
      const change = await this.#groups.serving(resourceGroup, () =>
        this.#decide(collectionId, (before) => this.#load(request, before)),
      );
      if (change === 'nothing') return {};
      const basis = await this.#looks.bases([collectionId]).catch(() => undefined);
      const round = this.#round(collectionId, basis?.get(collectionId));
      // All partitions are wanted already; one of these may be newer than the last round, so it is served before this returns.
      await (change === 'all are wanted' ? round : endedSoon(this.#platform.timers, round, SMALL_LOAD_MS));
      return {};
    },
    releaseCollection: ({ collectionId, partitionIds }) =>
      this.#syncing.run(String(collectionId), async () => {
        // Whoever took its record away may have died, or failed, before the shards heard of it.
        if (!this.#loaded.has(collectionId) && (await this.#leftovers.finish(collectionId))) return {};
        const before = this.#loaded.get(collectionId);
        if (before === undefined) return {};
        const version = await this.#leftovers.version();
        const kept =
          partitionIds.length === 0
            ? []
            : (await loadedPartitions(this.#peers, before.load)).filter((id) => !partitionIds.includes(id));
        const isGone = await this.#decide(collectionId, (current) =>
          this.#release({ collectionId, partitionIds }, { before: before.load, current, kept }),
        );
        if (isGone) await this.#leftovers.release(collectionId, version);
        else this.#syncSoon(collectionId);
        return {};
      }),
    loadState: async (request) => {
      const { collectionId } = request;
      const loaded = this.#loaded.get(collectionId);
      if (loaded === undefined) return { known: false };
      if (loaded.isQueued) this.#rounds.hurry(collectionId);
      return loadState(loaded, request, this.#distribution);
    },
    loadProgress: async ({ collectionIds }) => ({
      percent: collectionIds.map((id) => percentOf(this.#loaded.get(id))),
    }),
    segmentsChanged: async ({ collectionId, untilServed }) => {
      if (untilServed) await this.#serveNow(collectionId);
      else this.#syncSoon(collectionId);
      return {};
    },
  };

  /** @param wanted `resourceGroup` empty: where it is, or the default one */
  async #load(wanted: Omit<LoadRequest, 'replicaNumber' | 'untilServed'>, before: Loaded | undefined) {
    const { collectionId, partitionIds } = wanted;
    const leftOut = leftOutBy(wanted, before?.definition);
    const resourceGroup =
      wanted.resourceGroup || (before?.definition.resourceGroup ?? DEFAULT_RESOURCE_GROUP);
    if (before !== undefined && before.definition.resourceGroup !== resourceGroup)
      before = await this.#inGroup(before, resourceGroup);
    const all = partitionIds.length === 0;
    const held = before?.load.scope;
    if (held?.kind === 'collection') return all ? 'nothing' : 'all are wanted';
    const known = held?.partitionIds ?? [];
    const merged = all ? [] : [...new Set([...known, ...partitionIds])];
    if (!all && held !== undefined && known.length === merged.length) return 'nothing';
    const isNew = (id: bigint): boolean => (all || merged.includes(id)) && !known.includes(id);
    const nodes = this.#groups.servingNodes(resourceGroup);
    const checking = checkMemory(this.#peers, { collectionId, leftOut }, isNew, nodes);
    await this.#asked.during(collectionId, 'a query-node to say whether it fits into its memory', checking);
    const definition: LoadDefinition = {
      collectionId,
      scope: all ? { kind: 'collection' } : partitionsScope(merged, held?.takesLater === true),
      resourceGroup,
      leftOut,
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
    asked: { readonly collectionId: bigint; readonly partitionIds: readonly bigint[] },
    seen: { readonly before: Load; readonly current: Loaded | undefined; readonly kept: readonly bigint[] },
  ): Promise<boolean> {
    const { collectionId, partitionIds } = asked;
    const { before, current, kept } = seen;
    if (current === undefined) return true;
    const scope = current.load.scope;
    if (scope.kind === 'collection' && before.scope.kind === 'partitions') return false;
    const known = namedPartitions(before.scope.kind === 'collection' ? scope : before.scope);
    const added = namedPartitions(scope).filter((id) => !known.includes(id));
    const left = partitionIds.length === 0 ? added : [...new Set([...kept, ...added])];
    if (left.length > 0) {
      const { resourceGroup, leftOut } = current.definition;
      const definition: LoadDefinition = {
        ...{ collectionId, resourceGroup, leftOut },
        scope: partitionsScope(left, takesLater(scope)),
      };
      await this.#save(definition, moveLoad(current.load, { kind: 'narrowed', to: definition }));
      return false;
    }
    await this.#remove(collectionId);
    return true;
  }

  /** Durable first; the next round moves the segments. */
  async #inGroup(before: Loaded, resourceGroup: string, receipt = noReceipt): Promise<Loaded> {
    const definition = { ...before.definition, resourceGroup };
    await this.#save(definition, { ...before.load, resourceGroup }, receipt);
    this.#syncSoon(definition.collectionId);
    return must(this.#loaded.get(definition.collectionId), 'what was just saved');
  }

  async #regroup({ collectionId, source, target }: TransferReplicaRequest, receipt: Receipt): Promise<void> {
    await this.#decide(collectionId, async (before) => {
      if (before?.definition.resourceGroup !== source)
        throw new ElanusError(
          'invalid_parameter',
          `collection ${collectionId} has no replica in resource group ${source}, found 0, expected 1; GetReplicas says where it is: invalid parameter`,
        );
      await this.#inGroup(before, target, receipt);
    });
  }
}
