// Index blocks that are opened while the rows of their segment are read. They are checked like any other, belong to nobody until they are
// taken, and are given back when nobody takes them.
import { hasBlock, openVectorIndex, type SearchableIndex } from '#index/vector-indexes.js';
import { fileMissing } from '#platform/path-check.js';
import type { Platform } from '#platform/platform.js';
import type { SharedRegion } from '#platform/workers.js';
import type { IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Reservation } from '#segment/memory-account.js';
import { blockIn } from './object-file.js';

/** The last part of a file's key is the type it was built as. */
const typeOfFile = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** The file of the index over a field that is loaded as a block; undefined: it has none. */
export const blockFileOf = (record: SegmentRecord, fieldId: bigint): IndexFileRecord | undefined =>
  record.indexes.find(
    (one) => one.fieldId === fieldId && one.state === 'finished' && hasBlock(typeOfFile(one.key)),
  );

/** @throws data_corrupt, object_not_found: build it again; memory_limit */
export async function openIndexFile(
  { objectStore, workers }: Pick<Platform, 'objectStore' | 'workers'>,
  key: string,
): Promise<SearchableIndex<SharedRegion>> {
  const bytes = await objectStore.size(key);
  if (bytes === undefined) throw fileMissing(key);
  return openVectorIndex(workers, blockIn(objectStore, key, bytes), key);
}

export class IndexesAhead {
  readonly #platform: Platform;
  readonly #onEnd: () => void;
  readonly #opening = new Map<string, Promise<SearchableIndex<SharedRegion>>>();
  readonly #room: Reservation;

  /** @param room memory for them, given back in the end. @param onEnd called when nothing is left of them here */
  constructor(
    platform: Platform,
    record: SegmentRecord,
    schema: CollectionSchema,
    room: Reservation,
    onEnd: () => void,
  ) {
    this.#platform = platform;
    this.#room = room;
    this.#onEnd = onEnd;
    for (const { fieldID } of schema.fields) {
      const file = blockFileOf(record, fieldID);
      if (file === undefined) continue;
      const opening = openIndexFile(platform, file.key);
      opening.catch(() => {}); // Whoever takes it gets the error.
      this.#opening.set(file.key, opening);
    }
  }

  /** The index belongs to the caller. Undefined: it was not opened, or is not here any more. */
  take(key: string): Promise<SearchableIndex<SharedRegion>> | undefined {
    const opening = this.#opening.get(key);
    this.#opening.delete(key);
    return opening;
  }

  /** Their memory is asked for by the caller, in the same turn. */
  giveRoom(): void {
    this.#room.release();
    this.#onEnd();
  }

  /** Gives back what nobody took, once it is open. */
  drop(): void {
    this.giveRoom();
    for (const opening of this.#opening.values()) {
      opening.then(
        ({ region }) => this.#platform.workers.release(region),
        () => {},
      );
    }
    this.#opening.clear();
  }
}
