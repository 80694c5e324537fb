// What of a collection is loaded, and how far it is served, as query-coord keeps it.
//
//           load                  a round served all of it                release
//   (none) ──────▶ loading ──────────────────────────────────▶ loaded ───────────▶ (record gone)
//                   │ ▲ ▲                                       │ ▲ │
//                   └─┘ └───────────────────────────────────────┘ └─┘
//           a round failed          more of it is loaded        a round failed, some partitions are released
//
// The scope is durable, one record for each collection. How far it is served lives in memory: a restart begins at `loading`. A failed round
// leaves the state as it is and keeps the reason until a round succeeds: what is served already goes on being served.
import { assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { DEFAULT_RESOURCE_GROUP } from '#model/schema/properties.js';
import type { LoadRecord } from '#proto/elanus/data.js';

/**
 * Which partitions: all that the collection has, also later ones, or those named. Where all were loaded and some were released, later ones
 * are loaded beside those named.
 */
export type LoadScope =
  | { readonly kind: 'collection' }
  | { readonly kind: 'partitions'; readonly partitionIds: readonly bigint[]; readonly takesLater?: true };

export interface LoadDefinition {
  readonly collectionId: bigint;
  readonly scope: LoadScope;
  /** Whose query-nodes serve it. */
  readonly resourceGroup: string;
  /** Fields that are not loaded, ascending; those that come later are. */
  readonly leftOut: readonly bigint[];
}

/** Why the last round did not serve all: it does not fit in memory, a file is damaged or gone, or anything else, which is tried again. */
export interface LoadFailure {
  readonly cause: 'memory' | 'damage' | 'other';
  readonly reason: string;
}

export type Load =
  | (LoadDefinition & { readonly state: 'loading'; readonly failure: LoadFailure | undefined })
  | (LoadDefinition & { readonly state: 'loaded'; readonly failure: LoadFailure | undefined });

export type LoadEvent =
  | { readonly kind: 'served' }
  | { readonly kind: 'round_failed'; readonly failure: LoadFailure }
  | { readonly kind: 'widened'; readonly to: LoadDefinition }
  | { readonly kind: 'narrowed'; readonly to: LoadDefinition };

export const beginLoad = (definition: LoadDefinition): Load => ({
  ...definition,
  state: 'loading',
  failure: undefined,
});

/** The one place where a load changes. */
export function moveLoad(from: Load, event: LoadEvent): Load {
  switch (event.kind) {
    case 'served':
      return { ...from, state: 'loaded', failure: undefined };
    case 'round_failed':
      return { ...from, failure: event.failure };
    case 'widened':
      return beginLoad(event.to);
    case 'narrowed':
      return { ...event.to, state: from.state, failure: undefined };
    default:
      return assertNever(event);
  }
}

/** Percent of what is loaded that has been served, as clients ask for it: rounds are not divided further. */
export function loadProgress(load: Load): 0 | 100 {
  switch (load.state) {
    case 'loading':
      return 0;
    case 'loaded':
      return 100;
    default:
      return assertNever(load);
  }
}

export const isInScope = (scope: LoadScope, partitionId: bigint): boolean =>
  scope.kind === 'collection' || scope.partitionIds.includes(partitionId);

/** The partitions that are named one by one; none where all are loaded. */
export const namedPartitions = (scope: LoadScope): readonly bigint[] =>
  scope.kind === 'collection' ? [] : scope.partitionIds;

/** Whether a partition that is made now is loaded with the others. */
export const takesLater = (scope: LoadScope): boolean =>
  scope.kind === 'collection' || scope.takesLater === true;

/** The partitions named, with what the scopes say of later ones. */
export const partitionsScope = (
  partitionIds: readonly bigint[],
  alsoLater: boolean,
): LoadScope & { readonly kind: 'partitions' } => ({
  kind: 'partitions',
  partitionIds,
  ...(alsoLater ? { takesLater: true } : {}),
});

/** @throws data_corrupt */
export function parseLoad(record: LoadRecord): LoadDefinition {
  const { collectionId, allPartitions, partitionIds } = record;
  const resourceGroup = record.resourceGroup === '' ? DEFAULT_RESOURCE_GROUP : record.resourceGroup;
  const leftOut = record.leftOutFieldIds;
  if (allPartitions) return { collectionId, scope: { kind: 'collection' }, resourceGroup, leftOut };
  if (partitionIds.length === 0)
    throw new ElanusError(
      'data_corrupt',
      `the load of collection ${collectionId} names no partition, expected all or at least one; restore the data folder from a copy`,
    );
  return { collectionId, scope: partitionsScope(partitionIds, record.takesLater), resourceGroup, leftOut };
}

export const loadRecord = ({ collectionId, scope, resourceGroup, leftOut }: LoadDefinition): LoadRecord => ({
  collectionId,
  partitionIds: [...namedPartitions(scope)],
  allPartitions: scope.kind === 'collection',
  replicaNumber: 1,
  resourceGroup: resourceGroup === DEFAULT_RESOURCE_GROUP ? '' : resourceGroup,
  leftOutFieldIds: [...leftOut],
  takesLater: scope.kind === 'partitions' && scope.takesLater === true,
});
