// Creates and drops partitions. A drop is marked first: from the mark the partition is gone for everyone, and its name is free.
import { ElanusError } from '#base/errors.js';
import { settleChanges } from '#catalog/held-records.js';
import { checkName } from '#model/schema/names.js';
import { PARTITIONS_MAX } from '#model/schema/schema-check.js';
import { isCreated } from '#model/states/collection.js';
import { movePartition } from '#model/states/partition.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type { PartitionRef } from '#proto/elanus/roles.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import { clearing, type DdlLocks, type DdlParts, DEFAULT_PARTITION, present } from './ddl-parts.js';

/** How many partitions of a collection are cleared at the same time. */
const CLEARED_AT_ONCE = 8;

/** Partitions that are marked as dropped. */
interface MarkedPartitions {
  readonly collectionId: bigint;
  readonly partitionIds: readonly bigint[];
}

export class PartitionDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  create(ref: PartitionRef, receipt: Receipt): Promise<void> {
    const collectionRef = present(ref.collection);
    checkName('partition', ref.partition);
    return this.#locks.collection(collectionRef, async () => {
      const record = this.#parts.catalog.resolve(collectionRef);
      refusePartitionKey(record);
      if (record.partitions.some((partition) => partition.name === ref.partition)) return;
      if (record.partitions.length >= PARTITIONS_MAX) {
        throw new ElanusError(
          'refused',
          `partition number (${record.partitions.length}) exceeds max configuration (${PARTITIONS_MAX}); drop some first`,
        );
      }
      const createdTimestamp = await this.#parts.allocateTimestamp();
      const partition = { id: await this.#parts.allocateId(), name: ref.partition, createdTimestamp };
      await this.#loadWithOthers(record.id, partition.id, { isThere: false });
      await this.#parts.catalog.carryOut(receipt, {
        ...record,
        partitions: [...record.partitions, partition],
      });
      await this.#loadWithOthers(record.id, partition.id, { isThere: true });
    });
  }

  /**
   * A collection loaded as a whole serves its new partition at once. Where some partitions were released since, the load names those that are
   * left: the new one is named before it is there, so a crash never leaves it unloaded, and again after, when a release may have come between.
   */
  async #loadWithOthers(
    collectionId: bigint,
    partitionId: bigint,
    { isThere }: { readonly isThere: boolean },
  ): Promise<void> {
    const { queryCoord } = this.#parts.peers;
    const load = await queryCoord.loadState({ collectionId });
    const isNamed = load.known && load.partitionIds.length > 0;
    if (load.known && load.takesLater && (isThere || isNamed))
      await queryCoord.loadCollection({ collectionId, partitionIds: [partitionId], replicaNumber: 1 });
  }

  /** Marked, done, finished: from the mark the partition is gone for everyone; what fails after it is tried again, also by the next start. */
  async drop(ref: PartitionRef, receipt: Receipt): Promise<void> {
    const collectionRef = present(ref.collection);
    const marked = await this.#locks.collection(collectionRef, async () => {
      const { catalog, peers } = this.#parts;
      const record = catalog.resolve(collectionRef);
      refusePartitionKey(record);
      if (ref.partition === DEFAULT_PARTITION)
        throw new ElanusError('refused', 'default partition cannot be deleted; drop the collection instead');
      const partition = record.partitions.find((candidate) => candidate.name === ref.partition);
      if (partition === undefined) return undefined;
      const load = await peers.queryCoord.loadState({ collectionId: record.id });
      if (load.known && (load.partitionIds.length === 0 || load.partitionIds.includes(partition.id))) {
        throw new ElanusError(
          'refused',
          'partition cannot be dropped, partition is loaded, please release it first',
        );
      }
      const dropped = { collectionId: record.id, partitionIds: [partition.id] };
      await this.marking(dropped, catalog.carryOut(receipt, movePartition(record, partition.id, 'drop')));
      return dropped;
    });
    if (marked !== undefined) await this.clear(marked);
  }

  /** A change that marks partitions. When its outcome gets lost they may be marked, and nobody else looks before the next start. */
  async marking(marked: MarkedPartitions, change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      void this.clear(marked);
      throw error;
    }
  }

  /** Removes the data of partitions, then their marks; of those that are not marked nothing. */
  clear(asked: MarkedPartitions): Promise<void> {
    const { collectionId, partitionIds } = asked;
    const what = {
      collectionId,
      partitionId: partitionIds[0] ?? 0n,
      partitions: BigInt(partitionIds.length),
    };
    return clearing(this.#parts, what, async (context) => {
      const { catalog, platform } = this.#parts;
      await settleChanges(platform.metaStore);
      const record = catalog.byId(collectionId);
      const marked = record?.droppingPartitions.filter(({ id }) => partitionIds.includes(id)) ?? [];
      if (record === undefined || !isCreated(record) || marked.length === 0) return;
      await this.#removeData({ collectionId, partitionIds: marked.map(({ id }) => id) }, context);
      await this.#locks.collection({ database: '', name: '', id: collectionId }, async () => {
        const current = catalog.byId(collectionId);
        if (current === undefined || !isCreated(current)) return;
        await catalog.saveCollection(
          marked.reduce((before, { id }) => movePartition(before, id, 'cleared'), current),
        );
      });
    });
  }

  /** From data-coord and the shards, and from what is loaded. */
  async #removeData({ collectionId, partitionIds }: MarkedPartitions, context: CallContext): Promise<void> {
    const { channelRegistry, queryCoord } = this.#parts.peers;
    const waiting = [...partitionIds];
    const one = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift())
        await channelRegistry.dropCollectionData({ collectionId, partitionId: id }, context);
    };
    await Promise.all(Array.from({ length: CLEARED_AT_ONCE }, one));
    // Those of a truncate may be loaded.
    const load = await queryCoord.loadState({ collectionId }, context);
    const loaded = load.partitionIds.filter((id) => partitionIds.includes(id));
    if (load.known && loaded.length > 0)
      await queryCoord.releaseCollection({ collectionId, partitionIds: loaded }, context);
    else if (load.known) await queryCoord.segmentsChanged({ collectionId }, context);
  }
}

function refusePartitionKey(record: CollectionRecord): void {
  if (record.partitionKeyCount > 0)
    throw new ElanusError(
      'invalid_parameter',
      'disable operate partitions when the collection has a partition key: invalid parameter',
    );
}
