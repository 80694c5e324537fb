// Gives the files of dropped segments back once nobody can read them any more: not by age, but because whoever could says that he does not.
//
//   dropped ──the owner neither reads nor loads it, and refuses older targets──▶ unused ──still so at the next look──▶ files go, then the record
//
// The look in between lets reads end that began before the owner let go of it. A record stays, and with it the id, until the checkpoint of the
// channel has passed its rows: a replay of the log, and a flush that is sent again, must find it. And it stays while the record of a segment
// is there that became this one: without it nobody would know what has the rows of the other now. Of a segment of which nothing was left the
// channel keeps the time from which reads are whole without it.
import { messageOf } from '#base/errors.js';
import { type Channel, moveChannel } from '#model/states/channel.js';
import { type DroppedSegment, rowsTo, type Segment } from '#model/states/segment.js';
import type { Counter } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { CollectionLocks } from '#roles/data-coord/collection-locks.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { keysOf } from '#roles/data-coord/object-names.js';

export interface GarbageParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: Pick<DataCoordPeers, 'rootCoord' | 'streamingNode'>;
  readonly locks: CollectionLocks;
  /** Between two looks, in ms. */
  readonly intervalMs: number;
}

export class Garbage {
  readonly #parts: GarbageParts;
  /** Nobody used them at the last look. */
  #unused: ReadonlySet<bigint> = new Set();
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  readonly #looks: Counter;
  readonly #removed: Counter;
  #closed = false;

  constructor(parts: GarbageParts) {
    this.#parts = parts;
    const { metrics } = parts.platform;
    this.#looks = metrics.counter({
      name: 'milvus_datacoord_garbage_collector_run_count',
      help: 'Looks for segments that nobody needs any more.',
    });
    this.#removed = metrics.counter({
      name: 'elanus_garbage_segments_removed_total',
      help: 'Replaced segments whose files were given back.',
    });
  }

  start(): void {
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#parts.platform.timers.after(this.#parts.intervalMs, () => {
      this.#looking = this.#look().finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    this.#looks.add(1);
    const byChannel = new Map<string, DroppedSegment[]>();
    const dropped = [...this.#parts.catalog.segments.values()].filter(isDropped);
    // What leads from segments that are read still to where their rows are now stays, although itself it is read by nobody.
    const linked = new Set(dropped.flatMap(({ compactedTo }) => compactedTo));
    for (const segment of dropped) {
      if (linked.has(segment.id) || !this.#isPassed(segment)) continue;
      const of = byChannel.get(segment.vchannel);
      if (of === undefined) byChannel.set(segment.vchannel, [segment]);
      else of.push(segment);
    }
    const unused = new Set<bigint>();
    for (const [vchannel, segments] of byChannel) {
      if (this.#closed) return;
      try {
        const free = await this.#unusedOf(vchannel, segments);
        for (const { id } of free) unused.add(id);
        const gone = free.filter(({ id }) => this.#unused.has(id));
        for (const segment of gone) {
          if (this.#closed) return; // What is left waits for the next start.
          await this.#remove(segment);
        }
        if (gone.length > 0)
          this.#parts.platform.logger.info('garbage_removed', { vchannel, segments: gone.length });
      } catch (error) {
        // An owner that is away may read them when it is back.
        this.#parts.platform.logger.debug('garbage_kept', { vchannel, reason: messageOf(error) });
      }
    }
    this.#unused = unused;
  }

  #isPassed(segment: DroppedSegment): boolean {
    const channel = this.#parts.catalog.channels.get(segment.vchannel);
    // Without a channel its collection is being dropped, which removes it.
    if (channel === undefined) return false;
    return segment.isLevelZero || rowsTo(segment) <= channel.checkpointTimestamp;
  }

  async #unusedOf(vchannel: string, segments: readonly DroppedSegment[]): Promise<readonly DroppedSegment[]> {
    const { rootCoord, streamingNode } = this.#parts.peers;
    // Whoever read the catalog before this time may have seen them.
    const { timestamp: version } = await rootCoord.allocTimestamp({ count: 1 });
    const segmentIds = segments.map(({ id }) => id);
    const used = new Set((await streamingNode.segmentsInUse({ vchannel, segmentIds, version })).segmentIds);
    return segments.filter(({ id }) => !used.has(id));
  }

  /** The record goes last: it names what is left. */
  #remove(segment: DroppedSegment): Promise<void> {
    const { catalog, locks, platform } = this.#parts;
    return locks.change(segment.collectionId, async () => {
      // The drop of what it is in may have been quicker.
      const now = catalog.segments.get(segment.id);
      if (now?.state !== 'dropped') return;
      for (const key of keysOf(now)) await platform.objectStore.remove(key);
      await catalog.save({ removedSegments: [now.id], channels: this.#remembering(now) });
      this.#removed.add(1);
    });
  }

  /** Its rows are in no other segment that could say since when reads miss them: the channel says it, in the same transaction. */
  #remembering({ vchannel, compactedTo, readableFrom }: DroppedSegment): readonly Channel[] {
    const channel = this.#parts.catalog.channels.get(vchannel);
    if (channel === undefined || compactedTo.length > 0 || readableFrom <= channel.readableFrom) return [];
    return [moveChannel(channel, { kind: 'rows_forgotten', readableFrom })];
  }
}

const isDropped = (segment: Segment): segment is DroppedSegment => segment.state === 'dropped';
