// What one collection must hold, from what was sent and what was acknowledged. A key has a set of versions it may have: one when the
// last write was acknowledged, two while a write is under way or after its outcome got lost. An answer that is none of them, or that
// takes back what was seen before, breaks a promise.
import { type KeyVersion, type Row, vectorOf } from './rows.js';

export class Violation extends Error {
  override readonly name = 'Violation';
}
/** One write of several keys: the old and the new version of each. */
export interface Write {
  readonly id: number;
  readonly changes: readonly { readonly key: number; readonly before: number; readonly after: number }[];
  state: 'running' | 'acknowledged' | 'unknown' | 'settled';
}
/** What a read that began at some moment may answer. */
export interface ReadWindow {
  readonly possible: Map<number, Set<number>>;
  /** Writes that ran, or had no known outcome, at any moment of the read. */
  readonly writes: Set<Write>;
}
const list = (versions: Iterable<number>): string =>
  [...versions].map((version) => (version === 0 ? 'absent' : `v${version}`)).join(' or ');

export class CollectionModel {
  readonly name: string;
  readonly shards: number;
  readonly #possible = new Map<number, Set<number>>();
  /** The write of each key that runs or has no known outcome; such a key takes no other write. */
  readonly #open = new Map<number, Write>();
  readonly #reads = new Set<ReadWindow>();
  #nextWrite = 1;

  constructor(name: string, shards: number) {
    this.name = name;
    this.shards = shards;
  }
  get keys(): readonly number[] {
    return [...this.#possible.keys()];
  }
  get unsettledKeys(): readonly number[] {
    return [...this.#open.keys()];
  }
  isOpen(key: number): boolean {
    return this.#open.has(key);
  }
  /** The one version of a key, 0 when absent; undefined while it is uncertain. */
  certain(key: number): number | undefined {
    const versions = this.#possible.get(key) ?? new Set([0]);
    const [only] = versions;
    return versions.size === 1 && !this.#open.has(key) ? only : undefined;
  }
  begin(changes: readonly KeyVersion[]): Write {
    const write: Write = {
      id: this.#nextWrite++,
      changes: changes.map(({ key, version }) => ({ key, before: this.certain(key) ?? Number.NaN, after: version })),
      state: 'running',
    };
    for (const { key, before, after } of write.changes) {
      if (Number.isNaN(before)) throw new Error(`simulation: key ${key} is written while its version is uncertain`);
      this.#possible.set(key, new Set([before, after]));
      this.#open.set(key, write);
      for (const read of this.#reads) (read.possible.get(key) ?? addTo(read.possible, key, before)).add(after);
    }
    for (const read of this.#reads) read.writes.add(write);
    return write;
  }
  acknowledged(write: Write): void {
    write.state = 'acknowledged';
    for (const { key, after } of write.changes) this.#pin(key, after);
  }
  unknown(write: Write): void {
    write.state = 'unknown';
  }
  #pin(key: number, version: number): void {
    this.#possible.set(key, new Set([version]));
    this.#open.delete(key);
  }

  openRead(): ReadWindow {
    const possible = new Map([...this.#possible].map(([key, versions]) => [key, new Set(versions)]));
    const read: ReadWindow = { possible, writes: new Set(this.#open.values()) };
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
      if (!asked.has(row.key)) throw new Violation(`${this.name}: key ${row.key} was answered but not asked for`);
      if (seen.has(row.key)) throw new Violation(`${this.name}: key ${row.key} was answered twice`);
      const expected = vectorOf(row.key, row.version);
      if (row.vector.length !== expected.length || row.vector.some((byte, at) => byte !== expected[at]))
        throw new Violation(`${this.name}: key ${row.key} has the text of version ${row.version} but another vector`);
      seen.set(row.key, row.version);
    }
    for (const key of keys) {
      const found = seen.get(key) ?? 0;
      const possible = read.possible.get(key) ?? new Set([0]);
      if (!possible.has(found)) {
        const promise =
          found === 0 ? 'an acknowledged row is lost' : possible.has(0) ? 'a deleted row came back' : 'a row has a wrong version';
        throw new Violation(`${promise}: ${this.name} key ${key} is ${list([found])}, expected ${list(possible)}`);
      }
    }
    this.#checkAtomic(read, seen, asked);
    for (const key of keys) this.#learn(read, key, seen.get(key) ?? 0, isQuiet);
  }
  /** One request to one shard takes effect whole or not at all. */
  #checkAtomic(read: ReadWindow, seen: ReadonlyMap<number, number>, asked: ReadonlySet<number>): void {
    if (this.shards > 1) return;
    for (const write of read.writes) {
      const isAlone = (key: number): boolean =>
        [...read.writes].every((other) => other === write || !other.changes.some((change) => change.key === key));
      const sure = write.changes.filter(
        ({ key, before, after }) => asked.has(key) && before !== after && read.possible.get(key)?.size === 2 && isAlone(key),
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
    if (write === undefined || write.state !== 'unknown' || !read.writes.has(write)) return;
    const change = write.changes.find((candidate) => candidate.key === key);
    if (change === undefined) return;
    const hasHappened = found === change.after && change.before !== change.after;
    if (hasHappened || isQuiet) this.#pin(key, found);
  }
  checkCount(read: ReadWindow, count: number): void {
    let low = 0;
    let high = 0;
    for (const versions of read.possible.values()) {
      if (!versions.has(0)) low++;
      if (versions.size > 1 || !versions.has(0)) high++;
    }
    if (count < low || count > high) {
      const expected = low === high ? `${low}` : `${low} to ${high}`;
      throw new Violation(`count(*) is wrong: ${this.name} answered ${count}, expected ${expected}`);
    }
  }
  /** The hits of a search with the vector of a version of a key. */
  checkHits(read: ReadWindow, target: KeyVersion, hits: readonly { readonly key: number; readonly score: number }[], topK: number): void {
    const seen = new Set<number>();
    for (const { key } of hits) {
      if (seen.has(key)) throw new Violation(`${this.name}: a search answered key ${key} twice`);
      seen.add(key);
      const possible = read.possible.get(key);
      if (possible === undefined || (possible.size === 1 && possible.has(0)))
        throw new Violation(`a deleted row came back: ${this.name} search found key ${key}, which is absent`);
    }
    const sure = [...read.possible.values()].filter((versions) => !versions.has(0)).length;
    if (hits.length < Math.min(topK, sure))
      throw new Violation(`an acknowledged row is lost: ${this.name} search found ${hits.length} of ${Math.min(topK, sure)} rows`);
    const possible = read.possible.get(target.key);
    if (possible?.size !== 1 || !possible.has(target.version)) return;
    const [first] = hits;
    if (first?.key !== target.key || first.score !== 0)
      throw new Violation(
        `an acknowledged row is lost: ${this.name} search for key ${target.key} v${target.version} found ${first === undefined ? 'nothing' : `key ${first.key} at distance ${first.score}`}`,
      );
  }
}
function addTo(possible: Map<number, Set<number>>, key: number, version: number): Set<number> {
  const versions = new Set([version]);
  possible.set(key, versions);
  return versions;
}
