// What one collection must hold, from what was sent and what was acknowledged. A key has a set of versions it may have: one when the
// last write was acknowledged, more while a write is under way or after its outcome got lost. An answer that is none of them, or that
// takes back what was seen before, breaks a promise.
import { type CollectionSpec, partitionOf } from './collection-spec.js';
import { ExtraField } from './extra-field.js';
import { FieldLives } from './field-lives.js';
import { type KeyVersion, type Row, vectorOf } from './rows.js';

export class Violation extends Error {
  override readonly name = 'Violation';
}

/** One write of several keys: the old and the new version of each. */
export interface Write {
  readonly id: number;
  /** drop: of a partition or collection; it ends all other writes of its keys. truncate: of a collection, which stays; others write on. */
  readonly kind: 'insert' | 'copy' | 'upsert' | 'delete' | 'import' | 'drop' | 'truncate';
  readonly changes: readonly { readonly key: number; readonly before: number; readonly after: number }[];
  state: 'running' | 'acknowledged' | 'unknown' | 'settled';
  /** It went on beside a truncate, and came before it or after it: acknowledged says less then. */
  besideTruncate?: true;
}

/** What a read that began at some moment may answer. */
export interface ReadWindow {
  /** Whether the key is in a partition that is read. */
  readonly isAsked: (key: number) => boolean;
  readonly possible: Map<number, Set<number>>;
  /** Older rows of a key that was inserted again: a search may find them, `count(*)` counts them. */
  readonly copies: Map<number, Set<number>>;
  /** Writes that ran, or had no known outcome, at any moment of the read. */
  readonly writes: Set<Write>;
  /** All of the collection was loaded, all the time: nothing may be missing. */
  isWhole: boolean;
  /** A truncate was not confirmed at some moment of the read: it may show rows that are gone by the end of that. */
  besideTruncate: boolean;
  /** Rows that segments may hold at most. */
  rowsMax: number;
}

const list = (versions: Iterable<number>): string =>
  [...versions].map((version) => (version === 0 ? 'absent' : `v${version}`)).join(' or ');

export class CollectionModel {
  readonly spec: CollectionSpec;
  readonly extra = new ExtraField();
  /** The field of words that a function makes of notes. */
  readonly words = new FieldLives();
  /** Until then, in virtual ms, an iterator holds segments as they were: none that lost rows since takes their place. */
  leasedUntilMs = 0;
  readonly #possible = new Map<number, Set<number>>();
  readonly #copies = new Map<number, Set<number>>();
  /** The write of each key that runs or has no known outcome; such a key takes no other write. */
  readonly #open = new Map<number, Write>();
  readonly #reads = new Set<ReadWindow>();
  /** Partitions that are being dropped, are gone or are not yet back; of a collection without named partitions, `''` is all of it. */
  readonly #absent = new Set<string>();
  /** Rows ever sent to each partition that is there, without upper bound on what became of them. */
  readonly #rowsSent = new Map<string, number>();
  #isLoaded = true;
  #truncate: Write | undefined;
  #nextWrite = 1;

  constructor(spec: CollectionSpec) {
    this.spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }

  get keys(): readonly number[] {
    return [...this.#possible.keys()];
  }

  partitionOf(key: number): string {
    return this.spec.partitions === 'named' ? partitionOf(key) : '';
  }

  isAbsent(partition: string): boolean {
    return this.#absent.has('*') || this.#absent.has(partition);
  }

  get isDropped(): boolean {
    return this.#absent.has('*');
  }

  /** Nothing may write the key now. */
  isOpen(key: number): boolean {
    return this.#open.has(key) || this.isAbsent(this.partitionOf(key));
  }

  hasCopies(key: number): boolean {
    return (this.#copies.get(key)?.size ?? 0) > 0;
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** While not all is loaded, reads may miss rows; reads under way, too. */
  setLoaded(isLoaded: boolean): void {
    this.#isLoaded = isLoaded;
    if (!isLoaded) for (const read of this.#reads) read.isWhole = false;
  }

  /** The one version of a key, 0 when absent; undefined while it is uncertain. */
  certain(key: number): number | undefined {
    const versions = this.#possible.get(key) ?? new Set([0]);
    const [only] = versions;
    return versions.size === 1 && !this.#open.has(key) ? only : undefined;
  }

  begin(kind: Write['kind'], changes: readonly KeyVersion[]): Write {
    const write: Write = {
      id: this.#nextWrite++,
      kind,
      changes: changes.map(({ key, version }) => ({
        key,
        before: this.certain(key) ?? Number.NaN,
        after: version,
      })),
      state: 'running',
    };
    for (const { key, before, after } of write.changes) {
      if (Number.isNaN(before))
        throw new Error(`simulation: key ${key} is written while its version is uncertain`);
      this.#possible.set(key, new Set([before, after]));
      this.#open.set(key, write);
      for (const read of this.#reads)
        if (read.isAsked(key)) (read.possible.get(key) ?? setTo(read.possible, key, before)).add(after);
      if (after > 0) for (const read of this.#reads) read.rowsMax++;
      if (after > 0)
        this.#rowsSent.set(this.partitionOf(key), (this.#rowsSent.get(this.partitionOf(key)) ?? 0) + 1);
      if (kind === 'copy' && before > 0) this.#addCopy(key, before);
    }
    if (this.#truncate !== undefined) write.besideTruncate = true;
    for (const read of this.#reads) read.writes.add(write);
    return write;
  }

  /** New rows of keys that are there, with the versions that they have: statistics may count them. */
  sendsAgain(keys: readonly number[]): void {
    for (const read of this.#reads) read.rowsMax += keys.length;
    for (const key of keys)
      this.#rowsSent.set(this.partitionOf(key), (this.#rowsSent.get(this.partitionOf(key)) ?? 0) + 1);
  }

  #addCopy(key: number, version: number): void {
    for (const copies of [this.#copies, ...[...this.#reads].map((read) => read.copies)])
      (copies.get(key) ?? setTo(copies, key, version)).add(version);
  }

  acknowledged(write: Write): void {
    write.state = write.besideTruncate ? 'unknown' : 'acknowledged';
    if (write.besideTruncate) return;
    for (const { key, after } of write.changes)
      if (this.#open.get(key) === write) this.#pin(key, after, write);
  }

  unknown(write: Write): void {
    write.state = 'unknown';
  }

  #pin(key: number, version: number, write: Write): void {
    this.#possible.set(key, new Set([version]));
    this.#open.delete(key);
    // A delete and an upsert take effect on all rows of the key. One that did not happen leaves them.
    const hasHappened = write.changes.some((change) => change.key === key && change.after === version);
    const endsAll: readonly Write['kind'][] = ['delete', 'upsert', 'drop', 'truncate'];
    if (hasHappened && endsAll.includes(write.kind)) this.#copies.delete(key);
    // Whichever of the two rows it is, it is no copy of itself.
    this.#copies.get(key)?.delete(version);
  }

  /** A partition, or with `*` the whole collection, begins to be dropped: from now on its rows may be gone, and nothing is written to it. */
  beginDrop(partition: string): Write {
    const keys = this.keys.filter((key) => partition === '*' || this.partitionOf(key) === partition);
    const changes = keys.map((key) => ({ key, before: Number.NaN, after: 0 }));
    const write: Write = { id: this.#nextWrite++, kind: 'drop', changes, state: 'running' };
    this.#absent.add(partition);
    for (const key of keys) {
      (this.#possible.get(key) ?? setTo(this.#possible, key, 0)).add(0);
      this.#open.set(key, write);
      for (const read of this.#reads) read.possible.get(key)?.add(0);
    }
    for (const read of this.#reads) {
      read.writes.add(write);
      if (partition === '*') read.isWhole = false;
    }
    return write;
  }

  /** The drop was confirmed. */
  endDrop(write: Write): void {
    write.state = 'acknowledged';
    for (const { key } of write.changes) this.#pin(key, 0, write);
    for (const partition of this.#absent) {
      if (partition === '*') this.#rowsSent.clear();
      else this.#rowsSent.delete(partition);
    }
  }

  /** From now on its rows may be gone, and writes that go on beside it may have come before it. All of it stays loaded. */
  beginTruncate(): Write {
    const changes = this.keys
      .filter((key) => !this.#open.has(key))
      .map((key) => ({ key, before: this.certain(key) ?? 0, after: 0 }));
    const write: Write = { id: this.#nextWrite++, kind: 'truncate', changes, state: 'running' };
    for (const other of this.#open.values()) other.besideTruncate = true;
    for (const { key } of changes) this.#open.set(key, write);
    for (const versions of this.#possible.values()) versions.add(0);
    for (const read of this.#reads) {
      for (const versions of read.possible.values()) versions.add(0);
      read.writes.add(write);
      read.besideTruncate = true;
    }
    this.#truncate = write;
    return write;
  }

  /** The truncate was confirmed: of what was there before nothing is left. */
  endTruncate(write: Write): void {
    write.state = 'acknowledged';
    this.#truncate = undefined;
    for (const { key } of write.changes) this.#pin(key, 0, write);
    for (const [key, other] of this.#open) {
      const change = other.changes.find((one) => one.key === key);
      if (change !== undefined) this.#possible.set(key, new Set([0, change.after]));
    }
  }

  /** The partition, or the collection with all its partitions, is there again, and empty. */
  recreated(partition: string): void {
    this.#absent.delete(partition);
    if (partition === '*') this.#absent.clear();
  }

  openRead(partitions: readonly string[] = []): ReadWindow {
    const isAsked = (key: number): boolean =>
      partitions.length === 0 || partitions.includes(this.partitionOf(key));
    const read: ReadWindow = {
      isAsked,
      possible: new Map(
        [...this.#possible]
          .filter(([key]) => isAsked(key))
          .map(([key, versions]) => [key, new Set(versions)]),
      ),
      copies: new Map([...this.#copies].map(([key, versions]) => [key, new Set(versions)])),
      writes: new Set(this.#open.values()),
      isWhole: this.#isLoaded && !this.isDropped,
      besideTruncate: this.#truncate !== undefined,
      rowsMax: [...this.#rowsSent.values()].reduce((sum, rows) => sum + rows, 0),
    };
    this.#reads.add(read);
    return read;
  }

  closeRead(read: ReadWindow): void {
    this.#reads.delete(read);
  }

  /** Rows that were asked for by key. */
  checkRows(read: ReadWindow, keys: readonly number[], rows: readonly Row[], isQuiet: boolean): void {
    const asked = new Set(keys);
    const seen = new Map<number, number>();
    for (const row of rows) {
      if (!asked.has(row.key))
        throw new Violation(`${this.name}: key ${row.key} was answered but not asked for`);
      if (seen.has(row.key)) throw new Violation(`${this.name}: key ${row.key} was answered twice`);
      const expected = vectorOf(row.key, row.version);
      if (row.vector.length !== expected.length || row.vector.some((byte, at) => byte !== expected[at]))
        throw new Violation(
          `${this.name}: key ${row.key} has the text of version ${row.version} but another vector`,
        );
      seen.set(row.key, row.version);
    }
    for (const key of keys) {
      const found = seen.get(key) ?? 0;
      const possible = read.possible.get(key) ?? new Set([0]);
      if (possible.has(found) || (found === 0 && !read.isWhole)) continue;
      const promise =
        found === 0
          ? 'an acknowledged row is lost'
          : possible.has(0)
            ? 'a deleted row came back'
            : 'a row has a wrong version';
      throw new Violation(
        `${promise}: ${this.name} key ${key} is ${list([found])}, expected ${list(possible)}`,
      );
    }
    if (!read.isWhole) return;
    this.#checkAtomic(read, seen, asked);
    for (const key of keys) this.#learn(read, key, seen.get(key) ?? 0, isQuiet);
  }

  /** One request to one shard takes effect whole or not at all. */
  #checkAtomic(read: ReadWindow, seen: ReadonlyMap<number, number>, asked: ReadonlySet<number>): void {
    if (this.spec.shards > 1) return;
    for (const write of read.writes) {
      if (write.kind === 'drop' || write.kind === 'truncate') continue;
      const isAlone = (key: number): boolean =>
        [...read.writes].every(
          (other) => other === write || !other.changes.some((change) => change.key === key),
        );
      const sure = write.changes.filter(
        ({ key, before, after }) =>
          asked.has(key) && before !== after && read.possible.get(key)?.size === 2 && isAlone(key),
      );
      const done = sure.filter(({ key, after }) => (seen.get(key) ?? 0) === after);
      if (done.length > 0 && done.length < sure.length) {
        const keys = sure.map(({ key }) => `${key}: ${list([seen.get(key) ?? 0])}`).join(', ');
        throw new Violation(`a batch took effect in part: ${this.name} write ${write.id} (${keys})`);
      }
    }
  }

  /** What is visible is durable: an uncertain write that was seen stays. One not seen when all is quiet never happened. */
  #learn(read: ReadWindow, key: number, found: number, isQuiet: boolean): void {
    const write = this.#open.get(key);
    if (
      write === undefined ||
      write.kind === 'drop' ||
      write.kind === 'truncate' ||
      write.state !== 'unknown' ||
      // What is seen before the truncate is confirmed may have come before it, and go with it.
      (write.besideTruncate === true && read.besideTruncate) ||
      !read.writes.has(write)
    )
      return;
    const change = write.changes.find((candidate) => candidate.key === key);
    if (change === undefined) return;
    const hasHappened = found === change.after && change.before !== change.after;
    if (hasHappened || isQuiet) this.#pin(key, found, write);
  }

  checkCount(read: ReadWindow, count: number): void {
    let low = 0;
    let high = 0;
    for (const [key, versions] of read.possible) {
      if (!versions.has(0)) low++;
      if (versions.size > 1 || !versions.has(0)) high++;
      high += read.copies.get(key)?.size ?? 0;
    }
    if ((count < low && read.isWhole) || count > high) {
      const expected = low === high ? `${low}` : `${low} to ${high}`;
      throw new Violation(`count(*) is wrong: ${this.name} answered ${count}, expected ${expected}`);
    }
  }

  /** Statistics count rows of segments, whether deleted since or not: at least what lives, at most what was ever sent. */
  checkRowCount(read: ReadWindow, count: number): void {
    const low = read.isWhole ? [...read.possible.values()].filter((versions) => !versions.has(0)).length : 0;
    const high = read.rowsMax;
    if (!(count >= low && count <= high))
      throw new Violation(`row_count is wrong: ${this.name} answered ${count}, expected ${low} to ${high}`);
  }
}

function setTo(sets: Map<number, Set<number>>, key: number, version: number): Set<number> {
  const versions = new Set([version]);
  sets.set(key, versions);
  return versions;
}
