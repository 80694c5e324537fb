// Files of imported segments. A data-node writes them before the job's commit, each segment announced by a manifest in state `importing`,
// so what a crash leaves can be told from what a streaming-node is just flushing.
import { messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import { listManifests, manifestKey, readManifest } from '#segment/manifest.js';

type Address = Pick<SegmentRecord, 'id' | 'collectionId' | 'partitionId'>;

/** The manifest goes last: a crash in between leaves it, and so the way to the other files. */
export async function removeImported(platform: Platform, { id, collectionId, partitionId }: Address): Promise<void> {
  for (const key of await platform.objectStore.list(`insert_log/${collectionId}/${partitionId}/${id}/`))
    await platform.objectStore.remove(key);
  await platform.objectStore.remove(manifestKey({ collectionId, partitionId, segmentId: id }));
}
/** Removes what imports wrote that never became part of the catalog. Only while no import runs. */
export async function removeOrphans(platform: Platform, isKnown: (segmentId: bigint) => boolean): Promise<void> {
  for (const key of await listManifests(platform)) {
    const segmentId = /\/(\d+)\.json$/.exec(key)?.[1];
    if (segmentId === undefined || isKnown(BigInt(segmentId))) continue;
    try {
      const { segment } = await readManifest(platform, key);
      // A flushed segment's manifest is written before its commit, too: its writer may be about to commit it.
      if (segment.state !== 'importing' && segment.commitTimestamp === 0n) continue;
      await removeImported(platform, segment);
      platform.logger.info('import_orphan_removed', { segmentId: segment.id, collectionId: segment.collectionId });
    } catch (error) {
      platform.logger.warn('import_orphan_kept', { key, reason: messageOf(error) });
    }
  }
}
