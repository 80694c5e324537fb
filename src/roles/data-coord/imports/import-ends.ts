// How import jobs end, whoever ends them: what a commit makes of the catalog, and when there is nothing left that rows could be of.
import { type CommittingJob, type ImportJob, moveImportJob } from '#model/states/import-job.js';
import type { Platform } from '#platform/platform.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';

export const timestampOf = (platform: Platform): bigint => BigInt(Math.floor(platform.clock.now())) << 18n;

/** Makes visible what was being committed when a process died. Before anyone reads the catalog. */
export async function finishCommits(catalog: DataCatalog, platform: Platform): Promise<void> {
  const at = timestampOf(platform);
  for (const job of [...catalog.jobs.values()]) {
    if (job.state !== 'committing') continue;
    const reason = goneTarget(catalog, job);
    await catalog.save(
      reason === undefined
        ? committed(job, at)
        : { jobs: [moveImportJob(job, { kind: 'fail', reason, at })] },
    );
  }
}

/** Why rows of the job would be rows of nothing; undefined when all is there. */
export function goneTarget({ channels }: DataCatalog, job: ImportJob): string | undefined {
  const own = job.vchannels.map((vchannel) => channels.get(vchannel));
  if (own.length === 0 || own.some((channel) => channel === undefined))
    return droppedReason(job, 'collection');
  const isGone = (id: bigint): boolean => own.some((channel) => channel?.droppedPartitionIds.includes(id));
  return partitionsOf(job).some(isGone) ? droppedReason(job, 'partition') : undefined;
}

/** Jobs of older versions name one alone. */
export const partitionsOf = ({ partitionIds, partitionId }: ImportJob): readonly bigint[] =>
  partitionIds.length === 0 ? [partitionId] : partitionIds;

/** Segments first, the job last: until it is completed they are put again. */
export const committed = (job: CommittingJob, at: bigint) => ({
  segments: job.segments,
  jobs: [moveImportJob(job, { kind: 'complete', at })] as const,
});

export const droppedReason = (
  { collectionName, partitionId }: ImportJob,
  what: 'collection' | 'partition',
): string =>
  what === 'collection'
    ? `collection ${collectionName} was dropped before the import was done; nothing of it was kept: import into a collection that is there`
    : `partition ${partitionId} of collection ${collectionName} was dropped or truncated before the import was done; nothing of it was kept: import into a partition that is there`;
