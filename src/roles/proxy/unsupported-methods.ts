// The methods that are known and not built, each with the name of what is missing. A client that calls one is answered code 3000 with that
// name. A method leaves this list when its area serves it: the types let it be in one place only.
import { ElanusError } from '#base/errors.js';
import type { NotBuilt, PublicMethod } from './proxy-parts.js';
import type { ServedMethod } from './request-fields.js';

const without = (missing: string): NotBuilt => ({ missing });
const warmingAheadOfALoad = without('warming ahead of a load');
const policiesForRows = without('policies for rows');
const replication = without('replication');
const snapshots = without('snapshots');
const externalCollections = without('external collections');

export const unsupportedMethods = {
  prewarm: warmingAheadOfALoad,
  describePrewarmTask: warmingAheadOfALoad,
  calcDistance: without('distances between vectors that are sent'),
  describeSegmentIndexData: without('drawings of the inside of indexes'),
  replicateMessage: replication,
  createRowPolicy: policiesForRows,
  dropRowPolicy: policiesForRows,
  listRowPolicies: policiesForRows,
  createSnapshot: snapshots,
  dropSnapshot: snapshots,
  listSnapshots: snapshots,
  describeSnapshot: snapshots,
  restoreSnapshot: snapshots,
  restoreExternalSnapshot: snapshots,
  exportSnapshot: snapshots,
  getRestoreSnapshotState: snapshots,
  listRestoreSnapshotJobs: snapshots,
  pinSnapshotData: snapshots,
  unpinSnapshotData: snapshots,
  batchUpdateManifest: without('manifests that clients write'),
  refreshExternalCollection: externalCollections,
  getRefreshExternalCollectionProgress: externalCollections,
  listRefreshExternalCollectionJobs: externalCollections,
} as const satisfies { readonly [Method in Exclude<PublicMethod, ServedMethod>]: NotBuilt };

/** @param name as the protocol writes it */
export const notBuilt = (name: string, { missing }: NotBuilt): ElanusError =>
  new ElanusError(
    'unsupported',
    `${name} is not supported by this version of Elanus, which has no ${missing}; docs/compat.md lists what it has`,
  );
