// Path columns of one segment: what its JSON fields and its dynamic keys hold at the paths that filters asked about. They are made of the
// rows in memory by the filters themselves, so they need no file, no record and no replay: given up at any moment, they cost the next
// filter time and nothing else.
//
// What they take is bounded twice. In the segment: no more than its largest JSON field asked about, or 16 bytes a row; a path that is asked
// for more often takes the place of one that is asked for less, and two that are asked for alike leave each other alone, or they would take
// turns in reading every row again. In the process: they are taken only while there is room, and push nothing out; loads push them out.
import { PathColumn } from '#expr/evaluate/json/path-column.js';
import { type KeptByFilters, KeptTotal } from '#segment/kept/kept-total.js';

/** Bytes a row that may be taken even where JSON texts are short. */
const ROW_BYTES = 16;
/** A column without rows takes some, too, so its path is counted as this. */
const PATH_BYTES = 1024;
/** Room in the process is asked for so many bytes at a time. */
const GRANT_BYTES = 1 << 20;
/** Paths that are known, whether or not anything is kept of them. */
const PATHS_MAX = 64;
/** Evaluations after which what was asked before counts half. */
const HALF_LIFE = 32;
/** How much oftener a path must have been asked for to take the place of another. */
const OFTENER = 2;

interface Kept {
  readonly column: PathColumn;
  bytes: number;
  /** The evaluation that asked for it last. */
  usedAt: number;
  /** Evaluations that asked for it, the latest most. */
  asked: number;
  /** Still in the table: it may grow. */
  isKept: boolean;
}

/** A field as one evaluation sees it. */
export interface JsonField {
  readonly fieldId: bigint;
  readonly rowCount: number;
  readonly dataBytes: number;
}

const keyOf = (fieldId: bigint, path: readonly string[]): string => `${fieldId} ${JSON.stringify(path)}`;

export class JsonPaths implements KeptByFilters {
  /** The one used last is last. */
  readonly #kept = new Map<string, Kept>();
  #total = new KeptTotal();
  #isClosed = false;
  #bytes = 0;
  #bytesMax = 0;
  #grantedBytes = 0;
  /** The process had no room in this evaluation. */
  #isRefused = false;
  #evaluation = 0;

  /** Counts in that total, and grows only while it has room. Called before the first filter. */
  countIn(total: KeptTotal): void {
    this.#total = total;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins an evaluation: columns it asks for stay while it does. */
  begin(): void {
    this.#isRefused = false;
    if (++this.#evaluation % HALF_LIFE === 0) for (const kept of this.#kept.values()) kept.asked /= 2;
  }

  column({ fieldId, rowCount, dataBytes }: JsonField, path: readonly string[]): PathColumn {
    this.#bytesMax = Math.max(this.#bytesMax, dataBytes, rowCount * ROW_BYTES);
    const key = keyOf(fieldId, path);
    const kept = this.#kept.get(key) ?? this.#make(path);
    if (kept.usedAt !== this.#evaluation) kept.asked++;
    kept.usedAt = this.#evaluation;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.column;
  }

  /** Rows of which it is known what they have at a path. */
  doneCount(fieldId: bigint, path: readonly string[]): number {
    return this.#kept.get(keyOf(fieldId, path))?.column.doneCount ?? 0;
  }

  #make(path: readonly string[]): Kept {
    for (const [key, kept] of this.#kept) {
      if (this.#kept.size < PATHS_MAX) break;
      if (kept.usedAt < this.#evaluation) this.#giveUp(key, kept);
    }
    const take = (bytes: number): boolean => this.#grow(kept, bytes);
    const kept: Kept = { column: new PathColumn(path, take), bytes: 0, usedAt: 0, asked: 0, isKept: true };
    return kept;
  }

  #grow(kept: Kept, more: number): boolean {
    const bytes = kept.bytes === 0 ? more + PATH_BYTES : more;
    if (this.#isClosed || !kept.isKept || !this.#makeRoom(kept, bytes) || !this.#isGranted(bytes))
      return false;
    kept.bytes += bytes;
    this.#bytes += bytes;
    this.#total.add(this, bytes);
    return true;
  }

  /** Gives up columns that this evaluation did not ask for and that are asked for less often, the oldest first, where that is enough. */
  #makeRoom(grower: Kept, bytes: number): boolean {
    let missing = this.#bytes + bytes - this.#bytesMax;
    if (missing <= 0) return true;
    const given: [string, Kept][] = [];
    for (const [key, kept] of this.#kept) {
      const isLess = kept.usedAt < this.#evaluation && kept.asked + OFTENER <= grower.asked;
      if (!isLess || kept.bytes === 0) continue;
      given.push([key, kept]);
      missing -= kept.bytes;
      if (missing <= 0) break;
    }
    if (missing > 0) return false;
    for (const [key, kept] of given) this.#giveUp(key, kept);
    return true;
  }

  #isGranted(bytes: number): boolean {
    if (this.#isRefused) return false;
    while (this.#bytes + bytes > this.#grantedBytes) {
      if (!this.#total.hasRoom(GRANT_BYTES)) {
        this.#isRefused = true;
        return false;
      }
      this.#grantedBytes += GRANT_BYTES;
    }
    return true;
  }

  /** Evaluations that read the column go on with what it has; it takes no more, and its memory goes with the last of them. */
  #giveUp(key: string, kept: Kept): void {
    this.#kept.delete(key);
    kept.isKept = false;
    this.#bytes -= kept.bytes;
    this.#total.add(this, -kept.bytes);
  }

  drop(): void {
    for (const [key, kept] of this.#kept) this.#giveUp(key, kept);
    this.#grantedBytes = 0;
  }

  /** The segment goes: nothing is kept any more. */
  close(): void {
    this.#isClosed = true;
    this.drop();
  }
}
