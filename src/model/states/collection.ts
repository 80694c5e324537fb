// A collection, as root-coord's catalog knows it.
//
//             create              its channels are watched            drop
//   (none) ─────────▶ creating ─────────────────────────▶ created ──────────▶ dropping ──────▶ (record gone)
//                        │                                                       ▲       what it has elsewhere is gone
//                        └─── the create failed, or a crash cut it off ──────────┘
//
// root-coord moves it; each move is one durable record. Only `created` is there for clients: of the others the name is free. What a crash
// leaves in `creating` or `dropping` is dropped by the next start.

import { assertNever } from '#base/assert.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import { knownState, refusedMove } from './move.js';

export type CreatingCollection = CollectionRecord & { readonly state: 'creating' };
export type CreatedCollection = CollectionRecord & { readonly state: 'created' };
export type DroppingCollection = CollectionRecord & { readonly state: 'dropping' };
export type Collection = CreatingCollection | CreatedCollection | DroppingCollection;

export type CollectionEvent = 'channels_watched' | 'drop';

/** The one place where a collection changes its state. @throws internal for a move that it does not have */
export function moveCollection(from: Collection, event: 'channels_watched'): CreatedCollection;
export function moveCollection(from: Collection, event: 'drop'): DroppingCollection;
export function moveCollection(from: Collection, event: CollectionEvent): Collection {
  switch (event) {
    case 'channels_watched':
      if (from.state !== 'creating')
        throw refusedMove(`collection ${from.id}`, from.state, event, 'creating');
      return { ...from, state: 'created' };
    case 'drop':
      return { ...from, state: 'dropping' };
    default:
      return assertNever(event);
  }
}

/** @throws unsupported, data_corrupt */
export function parseCollection(record: CollectionRecord): Collection {
  const what = `collection ${record.schema?.name ?? ''} (${record.id})`;
  const state = knownState(what, record.state, ['creating', 'created', 'dropping']);
  const schema = record.schema && sharedSchema(record.schema);
  // A list that was filled piece by piece has room for sixteen more: a copy has none.
  const [vchannels, partitions, indexes] = [
    record.vchannels.slice(),
    record.partitions.slice(),
    record.indexes.slice(),
  ];
  return { ...record, schema, vchannels, partitions, indexes, state };
}

export const isCreated = (collection: Collection): collection is CreatedCollection =>
  collection.state === 'created';
