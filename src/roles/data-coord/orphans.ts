// Objects that the catalog does not name: what killed flushes, imports, index builds and drops leave. They are removed at the start, after each
// drop below what was dropped, and in the background (orphan-looks.ts).
//
// Files come before the catalog names them, so not every nameless object is an orphan. One is when nobody can name it any more:
// - its collection has no channel, or its partition was dropped: every commit for it is refused;
// - it is of an index of a segment that does not exist;
// - its write got its id before the present owner of the channels, or this process, began: that writer is gone, or fenced off.
// A name that was removed is taken into the catalog only if its object is there again (`checkKept`), so even a writer that this rule misjudges, one in a
// process that outlived this one, only has to write again: what the catalog names is there. A background removal may misjudge one that outlives this
// process, too: up to which ids it went is in the catalog before it begins, and what such a writer names is looked for, whoever is data-coord by then.
import { ElanusError, messageOf } from '#base/errors.js';
import { type RecordTable, recordTable } from '#catalog/record-table.js';
import { type ImportJob, isLiveJob } from '#model/states/import-job.js';
import type { Counter } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';
import { OrphansRecord } from '#proto/elanus/data.js';
import { readManifest } from '#segment/files/manifest.js';
import type { CollectionLocks } from './collection-locks.js';
import type { DataCatalog } from './data-catalog.js';
import { keysOf, OBJECT_FOLDERS, type ObjectName, parseObjectName } from './object-names.js';

export interface OrphansParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly locks: CollectionLocks;
}

/** Ids below these were given to writers that are gone. Undefined: nobody took the channels over since this process began. */
export interface WriteBounds {
  readonly logs: bigint | undefined;
  readonly indexes: bigint;
}

/** Objects that are looked at before others get the collection's lock. */
const OBJECTS_PER_LOCK = 64;
const NEVER = BigInt.asUintN(63, -1n);
const MARK = 'removed';

export class Orphans {
  readonly #parts: OrphansParts;
  readonly #removed = new Set<string>();
  readonly #removedObjects: Counter;
  readonly #marks: RecordTable<OrphansRecord>;
  #removedBelow = 0n;
  #closed = false;

  constructor(parts: OrphansParts) {
    this.#parts = parts;
    this.#marks = recordTable(parts.platform.metaStore, 'datacoord-meta/orphans/', OrphansRecord);
    this.#removedObjects = parts.platform.metrics.counter({
      name: 'elanus_orphans_removed_total',
      help: 'Files removed that no record named.',
    });
  }

  /** What earlier lives may have removed. */
  async load(): Promise<void> {
    this.#removedBelow = (await this.#marks.get(MARK))?.removedBelow ?? 0n;
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * Under the collection's lock, so that none of them is being removed meanwhile. A manifest is written again under its old name.
   * @throws object_not_found when a file that is to be named was taken for an orphan: write it again
   */
  async checkKept(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const isSuspect =
        this.#removed.has(key) || (parseObjectName(key)?.writeId ?? NEVER) < this.#removedBelow;
      if (!isSuspect) continue;
      if ((await this.#parts.platform.objectStore.size(key)) === undefined) {
        throw new ElanusError(
          'object_not_found',
          `object ${key} was removed before it was committed, expected it to be there; write it again`,
        );
      }
      this.#removed.delete(key);
    }
  }

  /** Removes everything below a dropped collection, or one partition of it, and the given segments' indexes: nobody can name it any more. */
  async sweepDropped(
    dropped: { readonly collectionId: bigint; readonly partitionId: bigint | undefined },
    segmentIds: ReadonlySet<bigint>,
  ) {
    const { objectStore } = this.#parts.platform;
    const below =
      dropped.partitionId === undefined
        ? `${dropped.collectionId}/`
        : `${dropped.collectionId}/${dropped.partitionId}/`;
    for (const folder of OBJECT_FOLDERS) {
      if (folder === 'index_files/' && segmentIds.size === 0) continue;
      for (const key of await objectStore.list(folder === 'index_files/' ? folder : folder + below)) {
        const name = parseObjectName(key);
        if (name !== undefined && (name.kind !== 'index' || segmentIds.has(name.segmentId)))
          await objectStore.remove(key);
      }
    }
  }

  /** Removes what no writer of today can have written. An object that cannot be removed now is left for the next time. */
  async sweepOld(bounds: WriteBounds): Promise<void> {
    await this.#removeOld(await this.unnamed(), bounds);
  }

  /** Removes what nobody has named since a look at which ids below the bound had been given. */
  async removeSeen(unnamed: ReadonlyMap<bigint, readonly ObjectName[]>, bound: bigint): Promise<void> {
    if (bound > this.#removedBelow) {
      // First durable, then known, then true.
      const { metaStore } = this.#parts.platform;
      await metaStore.transact([], [this.#marks.put(MARK, { removedBelow: bound })]);
      this.#removedBelow = bound;
    }
    await this.#removeOld(unnamed, { logs: bound, indexes: bound });
  }

  /** Objects of ours that no record names, by collection; 0n for index files of segments that are not there. Linear in what the store holds. */
  async unnamed(): Promise<ReadonlyMap<bigint, readonly ObjectName[]>> {
    const { catalog, platform } = this.#parts;
    const named = new Set([
      ...[...catalog.segments.values()].flatMap(keysOf),
      ...keysOfJobs(catalog.jobs.values()),
    ]);
    const byCollection = new Map<bigint, ObjectName[]>();
    for (const folder of OBJECT_FOLDERS) {
      for (const key of await platform.objectStore.list(folder)) {
        const name = named.has(key) ? undefined : parseObjectName(key);
        if (name === undefined) continue;
        const collectionId = this.#collectionOf(name);
        const found = byCollection.get(collectionId);
        if (found === undefined) byCollection.set(collectionId, [name]);
        else found.push(name);
      }
    }
    return byCollection;
  }

  async #removeOld(unnamed: ReadonlyMap<bigint, readonly ObjectName[]>, bounds: WriteBounds): Promise<void> {
    const { platform } = this.#parts;
    for (const [collectionId, names] of unnamed) {
      if (this.#closed) return;
      await this.#removeUnnamed(collectionId, names, bounds).catch((error: unknown) =>
        platform.logger.warn('orphans_kept', { collectionId, reason: messageOf(error) }),
      );
    }
  }

  /** 0n for an index file of a segment that is not there. */
  #collectionOf(name: ObjectName): bigint {
    return name.kind === 'index'
      ? (this.#parts.catalog.segments.get(name.segmentId)?.collectionId ?? 0n)
      : name.collectionId;
  }

  async #isOld(name: ObjectName, bounds: WriteBounds): Promise<boolean> {
    const { catalog } = this.#parts;
    if (name.kind === 'index') return !catalog.segments.has(name.segmentId) || name.writeId < bounds.indexes;
    const channels = catalog.channelsOf(name.collectionId);
    if (
      channels.length === 0 ||
      channels.some((channel) => channel.droppedPartitionIds.includes(name.partitionId))
    )
      return true;
    if (bounds.logs === undefined || name.writeId >= bounds.logs) return false;
    return name.kind === 'log' || (await this.#newestWrite(name.key)) < bounds.logs;
  }

  /** A segment that grew before this process is written now, under its old id: only the files in its manifest show when. */
  async #newestWrite(key: string): Promise<bigint> {
    const { platform } = this.#parts;
    const segment = await readManifest(platform, key).then(
      (manifest) => manifest.segment,
      (error: unknown) => platform.logger.warn('orphan_kept', { key, reason: messageOf(error) }),
    );
    // Nothing is known of one that cannot be read: it stays.
    if (!segment) return NEVER;
    return segment.files
      .map((file) => parseObjectName(file.key)?.writeId ?? 0n)
      .reduce((a, b) => (a > b ? a : b), 0n);
  }

  /** Under the collection's lock, where names are given: what is named meanwhile stays. */
  async #removeUnnamed(
    collectionId: bigint,
    found: readonly ObjectName[],
    bounds: WriteBounds,
  ): Promise<void> {
    const { catalog, locks, platform } = this.#parts;
    let removed = 0;
    for (let begin = 0; begin < found.length && !this.#closed; begin += OBJECTS_PER_LOCK) {
      await locks.change(collectionId, async () => {
        await catalog.settle();
        const named = new Set([
          ...catalog.segmentsOf(collectionId).flatMap(keysOf),
          ...keysOfJobs(catalog.jobsOf(collectionId)),
        ]);
        for (const name of found.slice(begin, begin + OBJECTS_PER_LOCK)) {
          if (named.has(name.key) || !(await this.#isOld(name, bounds))) continue;
          this.#removed.add(name.key);
          await platform.objectStore.remove(name.key);
          removed++;
        }
      });
    }
    if (removed === 0) return;
    platform.logger.info('orphans_removed', { collectionId, objects: removed });
    this.#removedObjects.add(removed);
  }
}

/** What imports have written: until their end their jobs name it, first task by task, then what they commit. */
const keysOfJobs = (jobs: Iterable<ImportJob>): string[] =>
  [...jobs].filter(isLiveJob).flatMap((job) => {
    if (job.state === 'committing') return job.segments.flatMap(keysOf);
    return job.tasks.flatMap(({ segments }) => segments.flatMap(keysOf));
  });

/** Removes the files of a segment that will not be named. What cannot be removed now is an orphan of the next start. */
export async function discardFiles(platform: Platform, segment: Parameters<typeof keysOf>[0]): Promise<void> {
  for (const key of keysOf(segment)) {
    await platform.objectStore
      .remove(key)
      .catch((error: unknown) =>
        platform.logger.warn('discarded_file_kept', { key, reason: messageOf(error) }),
      );
  }
}
