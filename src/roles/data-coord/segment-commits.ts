// What becomes part of a segment in the catalog: files of a flush with the checkpoint, and index files. Each is checked and saved in one
// step under the collection's lock; what is refused leaves no files behind.
import { ElanusError, messageOf } from '#base/errors.js';
import { type Channel, moveChannel } from '#model/states/channel.js';
import { type FlushedSegment, isFlushed, moveSegment, parseFlushedSegment } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { IndexFileRecord } from '#proto/elanus/data.js';
import {
  type ChannelCheckpoint,
  CheckpointOutcome,
  type CommitFlushRequest,
  type DropIndexFilesRequest,
} from '#proto/elanus/roles.js';
import type { CollectionLocks } from './collection-locks.js';
import type { DataCatalog } from './data-catalog.js';
import { keysOf } from './object-names.js';
import type { Orphans } from './orphans.js';

export interface SegmentCommitsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly locks: CollectionLocks;
  readonly orphans: Orphans;
}

export const segmentMissing = (id: bigint): ElanusError =>
  new ElanusError(
    'segment_not_found',
    `segment not found[segment=${id}]; list the collection's segments again`,
  );

export class SegmentCommits {
  readonly #parts: SegmentCommitsParts;

  constructor(parts: SegmentCommitsParts) {
    this.#parts = parts;
  }

  /**
   * One change: the segments that are new become flushed, the checkpoint moves. Rows of a partition that was dropped meanwhile are left out.
   * @returns the segments that are new
   * @throws channel_not_found, channel_moved: the writer is no owner any more; object_not_found: write the files again
   */
  commitFlush(request: CommitFlushRequest): Promise<readonly FlushedSegment[]> {
    const { catalog, locks, orphans } = this.#parts;
    return locks.change(this.#owned(request).collectionId, async () => {
      const channel = this.#owned(request);
      const isDropped = new Set(channel.droppedPartitionIds);
      const fresh = request.segments
        .filter(({ id, partitionId }) => !catalog.segments.has(id) && !isDropped.has(partitionId))
        // Sent again, after its answer was lost: its rows are in files, perhaps in those of another segment by now.
        .filter(({ isLevelZero, timestampTo }) => isLevelZero || timestampTo > channel.checkpointTimestamp)
        .map(parseFlushedSegment);
      await orphans.checkKept(fresh.flatMap(keysOf));
      const moved = moveChannel(channel, {
        kind: 'checkpoint',
        lsn: request.checkpointLsn,
        timestamp: request.checkpointTimestamp,
      });
      // The channel goes last. Segments of a change that a crash cut off before it are known to the next owner, whose replay skips them.
      await catalog.save({ segments: fresh, channels: [moved], guards: { channels: [channel.vchannel] } });
      return fresh;
    });
  }

  /** The checkpoints of channels with nothing to save, in as few changes as the catalog takes. Each stands for itself: none waits for another. */
  saveCheckpoints(checkpoints: readonly ChannelCheckpoint[]): Promise<CheckpointOutcome[]> {
    const { catalog, locks } = this.#parts;
    const known = checkpoints.flatMap(({ vchannel }) => catalog.channels.get(vchannel) ?? []);
    return locks.changeAll(
      known.map(({ collectionId }) => collectionId),
      async () => {
        const moved: Channel[] = [];
        const outcomes = checkpoints.map(({ vchannel, epoch, lsn, timestamp }) => {
          const channel = catalog.channels.get(vchannel);
          if (channel === undefined) return CheckpointOutcome.CheckpointChannelGone;
          if (channel.epoch !== epoch) return CheckpointOutcome.CheckpointChannelMoved;
          moved.push(moveChannel(channel, { kind: 'checkpoint', lsn, timestamp }));
          return CheckpointOutcome.CheckpointSaved;
        });
        await catalog.save({ channels: moved });
        return outcomes;
      },
    );
  }

  #owned({ vchannel, epoch }: CommitFlushRequest): Channel {
    const channel = this.#parts.catalog.channels.get(vchannel);
    if (channel === undefined)
      throw new ElanusError(
        'channel_not_found',
        `channel ${vchannel} is not known; its collection was dropped`,
      );
    if (channel.epoch === epoch) return channel;
    const fact = `channel ${vchannel} has epoch ${channel.epoch}, the writer has ${epoch}`;
    throw new ElanusError('channel_moved', `${fact}; another node owns it now`);
  }

  /** Names an index file, in place of an older one of the same index. @throws segment_not_found, after removing the file */
  async saveIndexFile(segmentId: bigint, index: IndexFileRecord): Promise<void> {
    const { catalog, locks, orphans } = this.#parts;
    try {
      const { collectionId } = this.#segment(segmentId);
      const replaced = await locks.change(collectionId, async () => {
        const segment = this.#segment(segmentId);
        await orphans.checkKept([index.key]);
        const older = segment.indexes.filter(
          (file) => file.indexId === index.indexId && file.key !== index.key,
        );
        await catalog.save({ segments: [moveSegment(segment, { kind: 'indexed', file: index })] });
        return older;
      });
      for (const file of replaced) await this.#removeFile(file.key);
    } catch (error) {
      // Built for a segment that was dropped meanwhile: nobody will ever name the file.
      if (error instanceof ElanusError && error.key === 'segment_not_found')
        await this.#removeFile(index.key);
      throw error;
    }
  }

  #segment(id: bigint): FlushedSegment {
    const segment = this.#parts.catalog.segments.get(id);
    if (segment?.state !== 'flushed') throw segmentMissing(id);
    return segment;
  }

  /** Takes an index's files out of the catalog, then removes them. */
  async dropIndexFiles({ collectionId, indexId, segmentId }: DropIndexFilesRequest): Promise<void> {
    const { catalog, locks } = this.#parts;
    const gone = await locks.change(collectionId, async () => {
      const affected = catalog
        .segmentsOf(collectionId)
        .filter(isFlushed)
        .filter((segment) => segmentId === 0n || segment.id === segmentId)
        .filter((segment) => segment.indexes.some((file) => file.indexId === indexId));
      await catalog.save({
        segments: affected.map((segment) => moveSegment(segment, { kind: 'index_dropped', indexId })),
      });
      return affected.flatMap((segment) => segment.indexes.filter((file) => file.indexId === indexId));
    });
    for (const file of gone) await this.#removeFile(file.key);
  }

  /** An index file that cannot be removed now is an orphan: the next start removes it. */
  async #removeFile(key: string): Promise<void> {
    const { objectStore, logger } = this.#parts.platform;
    if (!key.startsWith('index_files/')) return;
    await objectStore
      .remove(key)
      .catch((error: unknown) => logger.warn('index_file_kept', { key, reason: messageOf(error) }));
  }
}
