// Removes the data of a collection or a partition. Four steps, each of which may be repeated:
//   mark    the partition is noted at its channels, imports into what is dropped fail: from here no commit brings anything of it back
//   owners  close the channels, or forget the partition in their log and memory; one whose session ended has nothing any more
//   catalog segments, and with a whole collection its channels, go
//   files   everything below it that the catalog does not name goes
// root-coord asks again until all four are done, also after a restart. A step that a full disk hinders (the log of an owner takes nothing)
// does not keep the later ones from giving space back; it is tried again.
import { ElanusError } from '#base/errors.js';
import { neverAborted } from '#base/on-abort.js';
import { moveChannel } from '#model/states/channel.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { ImportJobs } from '#roles/data-coord/imports/import-jobs.js';
import type { CollectionLocks } from './collection-locks.js';
import type { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import type { Orphans } from './orphans.js';
import { OwedCloses } from './owed-closes.js';

/** Between these waits for an owner it is looked whether there is still one, in ms; together as long as a call waits that has no deadline. */
const OWNER_WAITS_MS = [2000, 2000, 2000, 4000];

export interface DataDropsParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly locks: CollectionLocks;
  readonly imports: ImportJobs;
  readonly orphans: Orphans;
}

export class DataDrops {
  readonly #parts: DataDropsParts;
  readonly #owed: OwedCloses;

  constructor(parts: DataDropsParts) {
    this.#parts = parts;
    this.#owed = new OwedCloses(parts.platform, parts.peers);
  }

  close(): void {
    this.#owed.close();
  }

  async dropCollection(collectionId: bigint): Promise<void> {
    const { catalog, locks, imports, orphans } = this.#parts;
    const names = catalog.channelsOf(collectionId).map(({ vchannel }) => vchannel);
    await Promise.all(names.map((vchannel) => this.#closeAtOwner(vchannel)));
    const segmentIds = await locks.change(collectionId, async () => {
      const segments = catalog.segmentsOf(collectionId).map(({ id }) => id);
      const channels = catalog.channelsOf(collectionId).map(({ vchannel }) => vchannel);
      const jobs = imports.failing(collectionId, undefined);
      // Jobs first: one that is committing would be finished at the next start. The channels go last: while one is there, all is done again.
      await catalog.save({ jobs });
      imports.stop(jobs);
      await catalog.save({ removedSegments: segments, removedChannels: channels });
      return new Set(segments);
    });
    // A node that took over in between was given the channels, and holds a shard that nothing names any more.
    await Promise.all(
      names.map(async (vchannel) => {
        let isClosed = false;
        try {
          isClosed = await this.#closeAtOwner(vchannel);
        } finally {
          // Who asks for the drop again does not ask for this: the catalog has no channel then.
          if (!isClosed) this.#owed.add(vchannel);
        }
      }),
    );
    await orphans.sweepDropped({ collectionId, partitionId: undefined }, segmentIds);
  }

  async dropPartition(collectionId: bigint, partitionId: bigint): Promise<void> {
    const { catalog, locks, imports, orphans } = this.#parts;
    await locks.change(collectionId, async () => {
      const channels = catalog
        .channelsOf(collectionId)
        .map((channel) => ({
          before: channel,
          after: moveChannel(channel, { kind: 'drop_partition', partitionId }),
        }))
        .flatMap(({ before, after }) => (after === before ? [] : [after]));
      const jobs = imports.failing(collectionId, partitionId);
      await catalog.save({ channels, jobs });
      imports.stop(jobs);
    });
    const failures = await this.#forgetAtOwners(collectionId, partitionId);
    const segmentIds = await locks.change(collectionId, async () => {
      const segments = catalog
        .segmentsOf(collectionId)
        .filter((segment) => segment.partitionId === partitionId);
      const removedSegments = segments.map(({ id }) => id);
      await catalog.save({ removedSegments });
      return new Set(removedSegments);
    });
    await orphans.sweepDropped({ collectionId, partitionId }, segmentIds);
    if (failures.length > 0) throw failures[0];
  }

  async #forgetAtOwners(collectionId: bigint, partitionId: bigint): Promise<unknown[]> {
    const asked = this.#parts.catalog
      .channelsOf(collectionId)
      .map(({ vchannel }) => this.#forgetAtOwner(vchannel, partitionId));
    return (await Promise.allSettled(asked)).flatMap((result) =>
      result.status === 'rejected' ? [result.reason] : [],
    );
  }

  /** @returns whether anybody was there to be asked */
  #closeAtOwner(vchannel: string): Promise<boolean> {
    const { streamingNode } = this.#parts.peers;
    return this.#askOwner((context) => streamingNode.closeChannel({ vchannel }, context));
  }

  /** Until the owner has heard of it, reads over all partitions have the rows. Whoever comes learns of it with the channel, and is asked all the same, later. */
  async #forgetAtOwner(vchannel: string, partitionId: bigint): Promise<void> {
    const { streamingNode } = this.#parts.peers;
    const isThere = await this.#askOwner((context) =>
      streamingNode.dropChannelPartition({ vchannel, partitionId }, context),
    );
    if (isThere) return;
    throw new ElanusError(
      'channel_not_available',
      `no streaming-node is there to forget partition ${partitionId} of channel ${vchannel}; the one that comes does`,
    );
  }

  /**
   * An owner that is there is waited for: it may read what goes. One that is away, or goes meanwhile, is not: it accepts nothing from before its
   * session ended.
   * @returns whether it was there. @throws what it answers, or that it is silent
   */
  async #askOwner(call: (context: CallContext) => Promise<unknown>): Promise<boolean> {
    const { peers, platform } = this.#parts;
    let failure: unknown;
    for (const waitMs of OWNER_WAITS_MS) {
      if (peers.nodes.isAway('streaming-node')) return false;
      const deadlineMs = platform.clock.now() + waitMs;
      try {
        await call({ signal: neverAborted, deadlineMs, metadata: {} });
        return true;
      } catch (error) {
        if (!isOfSilence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

const isOfSilence = (error: unknown): boolean =>
  error instanceof ElanusError &&
  ['deadline_exceeded', 'service_unavailable', 'service_not_ready'].includes(error.key);
