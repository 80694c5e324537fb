// What lies in the object store against what the catalog names, once the cluster has been started anew and is quiet: nothing is left that
// nobody names, and nothing named is missing. Read from below, past the product: the metadata as bytes, the objects as files.
import type { SimulatedCluster } from '#platform/memory/memory-platform.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { Violation } from './model.js';

/** Ours; other objects are files that clients put there to be imported. */
const ours = /^(insert_log|delta_log|manifest|index_files)\//;
const FOLDER = 'objects/';

export interface DiskState {
  readonly orphans: readonly string[];
  readonly missing: readonly string[];
}
export async function diskState({ metaStore, objectDisk }: SimulatedCluster): Promise<DiskState> {
  const named = new Set<string>();
  for (const { value } of await metaStore.range('datacoord-meta/s/')) {
    const { files, indexes, manifestKey } = SegmentRecord.decode(value);
    for (const { key } of files) named.add(key);
    for (const { key, state } of indexes) if (state === 'finished') named.add(key);
    if (manifestKey !== '') named.add(manifestKey);
  }
  const there = new Set(
    (await objectDisk.list(FOLDER.slice(0, -1))).map((path) => path.slice(FOLDER.length)).filter((key) => ours.test(key)),
  );
  return {
    orphans: [...there].filter((key) => !named.has(key)),
    missing: [...named].filter((key) => ours.test(key) && !there.has(key)),
  };
}
/** @throws Violation when something stays wrong: what runs in the background gets time to clean up */
export async function checkDisk(cluster: SimulatedCluster, patienceMs: number): Promise<void> {
  const { clock, timers } = cluster.world;
  for (const limit = clock.monotonic() + patienceMs; ; await timers.sleep(1000)) {
    const { orphans, missing } = await diskState(cluster);
    if (missing.length > 0) throw new Violation(`a file is missing: the catalog names ${missing.join(', ')}`);
    if (orphans.length === 0) return;
    if (clock.monotonic() > limit) throw new Violation(`files are left that nothing names: ${orphans.join(', ')}`);
  }
}
