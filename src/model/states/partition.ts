// A partition of a collection, in the record of its collection.
//
//             create            drop, or truncate                its data is gone
//   (none) ─────────▶ created ────────────────▶ dropping ────────────────────────▶ (none)
//
// root-coord moves it. From `dropping` on it is gone for everyone and its name is free; what it has elsewhere is being removed, again after
// a restart. A record keeps the two states in two lists. A truncate creates a partition under the name of each that it drops.
import { assertNever, must } from '#base/assert.js';
import type { CollectionRecord, PartitionRecord } from '#proto/elanus/data.js';
import { refusedMove } from './move.js';

export type Partition =
  | (Readonly<PartitionRecord> & { readonly state: 'created' })
  | (Readonly<PartitionRecord> & { readonly state: 'dropping' });

type PartitionLists = Pick<CollectionRecord, 'partitions' | 'droppingPartitions'>;

export const partitionsOf = ({ partitions, droppingPartitions }: PartitionLists): readonly Partition[] => [
  ...partitions.map((partition) => ({ ...partition, state: 'created' }) as const),
  ...droppingPartitions.map((partition) => ({ ...partition, state: 'dropping' }) as const),
];

export type PartitionEvent = 'drop' | 'cleared';

/** The one place where a partition changes. @returns its collection with it. @throws internal for a move that it does not have */
export function movePartition<C extends PartitionLists>(collection: C, id: bigint, event: PartitionEvent): C {
  const partition = partitionsOf(collection).find((one) => one.id === id);
  const { partitions, droppingPartitions } = collection;
  switch (event) {
    case 'drop': {
      if (partition?.state !== 'created')
        throw refusedMove(`partition ${id}`, partition?.state ?? 'gone', event, 'created');
      const { state, ...record } = partition;
      return {
        ...collection,
        partitions: partitions.filter((one) => one.id !== id),
        droppingPartitions: [...droppingPartitions, record],
      };
    }
    case 'cleared':
      // It may have been cleared by the try before, whose answer got lost.
      if (partition?.state === 'created') throw refusedMove(`partition ${id}`, 'created', event, 'dropping');
      return { ...collection, droppingPartitions: droppingPartitions.filter((one) => one.id !== id) };
    default:
      return assertNever(event);
  }
}

/** All partitions are dropped and new ones take their names, in the same order. @param ids of the new ones, by those of the old */
export const replacePartitions = <C extends PartitionLists>(
  collection: C,
  ids: ReadonlyMap<bigint, bigint>,
  createdTimestamp: bigint,
): C => ({
  ...collection,
  partitions: collection.partitions.map((partition) => ({
    ...partition,
    id: must(ids.get(partition.id), `a new partition for ${partition.name}`),
    createdTimestamp,
  })),
  droppingPartitions: [...collection.droppingPartitions, ...collection.partitions],
});
