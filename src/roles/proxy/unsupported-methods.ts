// The methods that are known and not built, each with the name of what is missing and what to do instead. A client that calls one is
// answered code 3000 with both. A method leaves this list when its area serves it: the types let it be in one place only.
import { ElanusError } from '#base/errors.js';
import type { NotBuilt, PublicMethod } from './proxy-parts.js';
import type { ServedMethod } from './request-fields.js';

const without = (missing: string, instead: string): NotBuilt => ({ missing, instead });
const warmingAheadOfALoad = without(
  'warming ahead of a load',
  'load the collection, and ask GetLoadingProgress when it is served',
);
const policiesForRows = without(
  'policies for rows',
  'keep the rows of tenants apart by namespaces, or by a partition key with partitionkey.isolation',
);
const snapshots = without(
  'snapshots',
  'copy the data folder of a server that was stopped, or read the collection through an iterator, which holds one time',
);
const externalCollections = without('external collections', 'import the files, with Import');

export const unsupportedMethods = {
  prewarm: warmingAheadOfALoad,
  describePrewarmTask: warmingAheadOfALoad,
  calcDistance: without(
    'distances between vectors that are sent',
    'search with one of them, or reckon them in the client',
  ),
  describeSegmentIndexData: without(
    'drawings of the inside of indexes',
    'ask DescribeIndex what was built, and a search with explain what it visited',
  ),
  replicateMessage: without('replication', 'write to both clusters from the client'),
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
  getExportSnapshotState: snapshots,
  getRestoreSnapshotState: snapshots,
  listRestoreSnapshotJobs: snapshots,
  pinSnapshotData: snapshots,
  unpinSnapshotData: snapshots,
  batchUpdateManifest: without('manifests that clients write', 'import the files, with Import'),
  refreshExternalCollection: externalCollections,
  getRefreshExternalCollectionProgress: externalCollections,
  listRefreshExternalCollectionJobs: externalCollections,
} as const satisfies { readonly [Method in Exclude<PublicMethod, ServedMethod>]: NotBuilt };

/** @param name as the protocol writes it */
export const notBuilt = (name: string, { missing, instead }: NotBuilt): ElanusError =>
  new ElanusError(
    'unsupported',
    `${name} is not supported by this version of Elanus, which has no ${missing}; ${instead} (docs/compat.md lists what there is)`,
  );
