// Truncates collections: every partition gives its name to a new and empty one, and is dropped. What must hold:
//
//  - The truncate happens in one record, for all shards at once. Whoever asks for the collection after it gets the new partitions, so no
//    row from before it is read again, and no row that is written after it is lost, whatever goes wrong from there on. A crash before the
//    record leaves the collection as it was; after it, what is left of the old partitions is removed by the next start.
//  - A write that was on its way with an old partition is refused by the shard once that has heard of the drop, and the proxy sends it
//    again into the new one; before that it happened before the truncate. A delete holds for rows that are older than it, in any partition.
//  - Schema, indexes, properties and aliases are in the same record and stay. The load stays, too: where single partitions are loaded, the
//    new ones are loaded before they are there, so at no moment a read finds the collection loaded and misses a part of it.
//  - An iterator that began before it fails, and says so: the new partitions are younger than its time.
//  - An import into an old partition fails and says why (data-coord).
import { must } from '#base/assert.js';
import type { CreatedCollection } from '#model/states/collection.js';
import { replacePartitions } from '#model/states/partition.js';
import type { CollectionRef } from '#proto/elanus/roles.js';
import type { DdlLocks, DdlParts } from '#roles/root-coord/ddl-parts.js';
import type { PartitionDdl } from '#roles/root-coord/partition-ddl.js';
import type { Receipt } from '#rpc/sessions/receipts.js';

/** New partitions by the old ones. */
type Replacements = ReadonlyMap<bigint, bigint>;

export class TruncateDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;
  readonly #partitions: PartitionDdl;

  constructor(parts: DdlParts, locks: DdlLocks, partitions: PartitionDdl) {
    this.#parts = parts;
    this.#locks = locks;
    this.#partitions = partitions;
  }

  /** @throws collection_not_found */
  async truncate(ref: CollectionRef, receipt: Receipt): Promise<void> {
    const marked = await this.#locks.collection(ref, async () => {
      const { catalog } = this.#parts;
      const record = catalog.resolve(ref);
      const replacements = await this.#replacements(record);
      await this.#carryLoad(record.id, replacements);
      const createdTimestamp = await this.#parts.allocateTimestamp();
      const replaced = { collectionId: record.id, partitionIds: [...replacements.keys()] };
      const changed = replacePartitions(record, replacements, createdTimestamp);
      await this.#partitions.marking(replaced, catalog.carryOut(receipt, changed));
      return { record, replacements };
    });
    const { record, replacements } = marked;
    // A load that came between the look and the record named old partitions only.
    await this.#carryLoad(record.id, replacements);
    await this.#partitions.clear({ collectionId: record.id, partitionIds: [...replacements.keys()] });
  }

  async #replacements({ partitions }: CreatedCollection): Promise<Replacements> {
    const replacements = new Map<bigint, bigint>();
    for (const { id } of partitions) replacements.set(id, await this.#parts.allocateId());
    return replacements;
  }

  /** Has the new partition loaded where the old one is; where the whole collection is, they all are. */
  async #carryLoad(collectionId: bigint, replacements: Replacements): Promise<void> {
    const { queryCoord } = this.#parts.peers;
    const { known, partitionIds: named } = await queryCoord.loadState({ collectionId });
    const partitionIds = named
      .filter((id) => replacements.has(id))
      .map((id) => must(replacements.get(id), 'replacement'));
    if (known && partitionIds.length > 0)
      await queryCoord.loadCollection({ collectionId, partitionIds, replicaNumber: 1 });
  }
}
