// Orphans that come while this data-coord goes on: files of a data-node that was killed over a merge or a build, of a flush that was given up.
//
//   nobody names it ──still so an hour later, and nobody can be at work on it──▶ removed
//
// No file goes for its age, nor because it is in no list: between two looks whoever wrote it could have had it named, long merges and imports that
// are at work keep theirs, and a writer that slept all the while finds that its file is gone when it has it named, and writes it again.
import { messageOf } from '#base/errors.js';
import { isLiveJob } from '#model/states/import-job.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';
import type { ObjectName } from './object-names.js';
import type { Orphans } from './orphans.js';

export interface OrphanLooksParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: Pick<DataCoordPeers, 'rootCoord'>;
  readonly orphans: Orphans;
  /** Whether segments of the collection are being rewritten. */
  readonly isRewriting: (collectionId: bigint) => boolean;
  /** Between two looks, in ms. */
  readonly intervalMs: number;
}

/** What is remembered from one look to the next; the rest is found later. */
const KEYS_MAX = 20_000;

interface Look {
  /** Ids below it were given before the look. */
  readonly bound: bigint;
  readonly keys: ReadonlySet<string>;
}

export class OrphanLooks {
  readonly #parts: OrphanLooksParts;
  #last: Look | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: OrphanLooksParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#parts.platform.timers.after(this.#parts.intervalMs, () => {
      this.#looking = this.#look()
        .catch((error: unknown) =>
          this.#parts.platform.logger.warn('orphans_kept', { reason: messageOf(error) }),
        )
        .finally(() => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** A look that fails says nothing: the next one counts from itself. */
  async #look(): Promise<void> {
    const { orphans, peers } = this.#parts;
    const last = this.#last;
    this.#last = undefined;
    const { ID: bound } = await peers.rootCoord.allocID({ count: 1 });
    const unnamed = await orphans.unnamed();
    this.#last = { bound, keys: keysOfFirst(unnamed) };
    if (last === undefined || this.#closed) return;
    const again = new Map<bigint, readonly ObjectName[]>();
    for (const [collectionId, names] of unnamed) {
      const seen = names.filter(({ key }) => last.keys.has(key));
      if (seen.length > 0 && !this.#isAtWork(collectionId)) again.set(collectionId, seen);
    }
    if (again.size > 0) await orphans.removeSeen(again, last.bound);
  }

  #isAtWork(collectionId: bigint): boolean {
    const { catalog, isRewriting } = this.#parts;
    return isRewriting(collectionId) || catalog.jobsOf(collectionId).some(isLiveJob);
  }
}

function keysOfFirst(unnamed: ReadonlyMap<bigint, readonly ObjectName[]>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const names of unnamed.values())
    for (const { key } of names) {
      if (keys.size >= KEYS_MAX) return keys;
      keys.add(key);
    }
  return keys;
}
