// What lies in the object store against what the catalog names, once the cluster has been started anew and is quiet: nothing is left that
// nobody names, nothing named is missing, every segment is of a collection and partition that exist, no change of definitions and no
// import is half done. Read from below, past the product: the metadata as bytes, the objects as files.
import type { SimulatedCluster } from '#platform/memory/memory-platform.js';
import type { MetaStore } from '#platform/meta-store.js';
import { CollectionRecord, CompactionRecord, ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import { Violation } from './model.js';

/** Ours; other objects are files that clients put there to be imported. */
const ours = /^(insert_log|delta_log|manifest|index_files)\//;
/** Deletes of a segment without partition. */
const ALL_PARTITIONS = -1n;
const FOLDER = 'objects/';

export interface DiskState {
  /** What the catalogs of data and of definitions say, and do not agree on or have not finished. */
  readonly loose: readonly string[];
  readonly orphans: readonly string[];
  readonly missing: readonly string[];
}

async function diskState({ metaStore, objectDisk }: SimulatedCluster): Promise<DiskState> {
  const segments = (await metaStore.range('datacoord-meta/s/')).map(({ value }) =>
    SegmentRecord.decode(value),
  );
  const named = new Set(segments.flatMap(keysOf));
  // Files of a dropped segment go before its record does, which nobody reads any more.
  const needed = new Set(segments.filter(({ state }) => state !== 'dropped').flatMap(keysOf));
  const there = new Set(
    (await objectDisk.list(FOLDER.slice(0, -1)))
      .map((path) => path.slice(FOLDER.length))
      .filter((key) => ours.test(key)),
  );
  return {
    loose: await looseEnds(metaStore, segments),
    orphans: [...there].filter((key) => !named.has(key)),
    missing: [...needed].filter((key) => ours.test(key) && !there.has(key)),
  };
}

function keysOf({ files, indexes, manifestKey }: SegmentRecord): string[] {
  const finished = indexes.filter(({ state }) => state === 'finished');
  return [...files, ...finished].map(({ key }) => key).concat(manifestKey === '' ? [] : [manifestKey]);
}

async function looseEnds(metaStore: MetaStore, segments: readonly SegmentRecord[]): Promise<string[]> {
  const loose: string[] = [];
  const partitions = new Map<bigint, ReadonlySet<bigint>>();
  const indexes = new Map<bigint, ReadonlySet<bigint>>();
  for (const { value } of await metaStore.range('root-coord/collection/')) {
    const {
      id,
      state,
      partitions: own,
      droppingPartitions,
      indexes: defined,
    } = CollectionRecord.decode(value);
    if (state !== 'created') loose.push(`collection ${id} is ${state}`);
    for (const partition of droppingPartitions)
      loose.push(`partition ${partition.id} of collection ${id} is being dropped`);
    partitions.set(id, new Set([...own.map((partition) => partition.id), ALL_PARTITIONS]));
    indexes.set(id, new Set(defined.map((index) => index.id)));
  }
  for (const { id, collectionId, partitionId } of segments)
    if (partitions.get(collectionId)?.has(partitionId) !== true)
      loose.push(
        `segment ${id} is of partition ${partitionId} of collection ${collectionId}, which does not exist`,
      );
  for (const { id, collectionId, state, indexes: files } of segments)
    for (const { indexId } of state === 'flushed' ? files : [])
      if (indexes.get(collectionId)?.has(indexId) !== true)
        loose.push(`segment ${id} has a file of index ${indexId}, which does not exist`);
  for (const { value } of await metaStore.range('datacoord-meta/import-job/')) {
    const { id, state } = ImportJobRecord.decode(value);
    if (state !== 'completed' && state !== 'failed') loose.push(`import job ${id} is ${state}`);
  }
  for (const { value } of await metaStore.range('datacoord-meta/compaction/')) {
    const { id, state } = CompactionRecord.decode(value);
    if (state !== 'ended') loose.push(`compaction ${id} is ${state}`);
  }
  return loose;
}

/** While all runs and is quiet: nothing is of what was dropped. @throws Violation when that stays so */
export async function checkDefined(
  { metaStore, world }: SimulatedCluster,
  patienceMs: number,
): Promise<void> {
  const { clock, timers } = world;
  for (const limit = clock.monotonic() + patienceMs; ; await timers.sleep(1000)) {
    const segments = (await metaStore.range('datacoord-meta/s/')).map(({ value }) =>
      SegmentRecord.decode(value),
    );
    const loose = await looseEnds(metaStore, segments);
    if (loose.length === 0) return;
    if (clock.monotonic() >= limit)
      throw new Violation(`a change of definitions is not finished: ${loose.join(', ')}`);
  }
}

/** @throws Violation when something stays wrong: what runs in the background gets time to clean up */
export async function checkDisk(cluster: SimulatedCluster, patienceMs: number): Promise<void> {
  const { clock, timers } = cluster.world;
  for (const limit = clock.monotonic() + patienceMs; ; await timers.sleep(1000)) {
    const { orphans, missing, loose } = await diskState(cluster);
    if (missing.length > 0) throw new Violation(`a file is missing: the catalog names ${missing.join(', ')}`);
    if (orphans.length === 0 && loose.length === 0) return;
    if (clock.monotonic() < limit) continue;
    if (loose.length > 0) throw new Violation(`a change of definitions is not finished: ${loose.join(', ')}`);
    throw new Violation(`files are left that nothing names: ${orphans.join(', ')}`);
  }
}
