// What a collection may hold, from what was sent and what was acknowledged. A key has one version when its last change has an outcome,
// several while a change is under way, or after the server died under it; `settle` makes what is read after a restart the one version.
import { ABSENT, type Key, partitionOf, type Version } from './rows.js';
import type { Shape } from './shapes.js';

export interface Write {
  readonly changes: ReadonlyMap<Key, { readonly before: Version; readonly after: Version }>;
  readonly generation: number;
  /** Takes effect whole or not at all. */
  readonly isAtomic: boolean;
}

/** What a read that began at some moment may answer. */
export interface ReadWindow {
  readonly possible: Map<Key, Set<Version>>;
  /** A definition changed meanwhile: what is served, or that it is served at all, is not certain. */
  isDisturbed: boolean;
}

const only = (versions: ReadonlySet<Version>): Version | undefined =>
  versions.size === 1 ? [...versions][0] : undefined;

export class CollectionModel {
  readonly shape: Shape;
  /** Whether the server must have it; `maybe`: a create or drop was under way when the server died. */
  existence: 'yes' | 'no' | 'maybe' = 'no';
  readonly partitionExistence = new Map<string, 'yes' | 'no' | 'maybe'>();
  /** Rises with each drop: a write that began before it cannot count on its rows after it. */
  #generation = 0;
  readonly #possible = new Map<Key, Set<Version>>();
  readonly #open = new Map<Key, Write>();
  readonly #lost = new Set<Write>();
  readonly #reads = new Set<ReadWindow>();
  #disturbing = 0;
  /** Changes of definitions so far. */
  disturbances = 0;

  constructor(shape: Shape) {
    this.shape = shape;
  }

  isOpen(key: Key): boolean {
    return this.#open.has(key);
  }

  /** The one version of a key; undefined while it is not certain. */
  certain(key: Key): Version | undefined {
    if (this.#open.has(key)) return undefined;
    const versions = this.#possible.get(key);
    return versions === undefined ? ABSENT : only(versions);
  }

  get keys(): IterableIterator<Key> {
    return this.#possible.keys();
  }

  begin(after: ReadonlyMap<Key, Version>, isAtomic: boolean): Write {
    const changes = new Map<Key, { before: Version; after: Version }>();
    for (const [key, version] of after) {
      const before = this.certain(key);
      if (before === undefined) throw new Error(`torture: key ${key} is written while it is not certain`);
      changes.set(key, { before, after: version });
    }
    const write: Write = { changes, generation: this.#generation, isAtomic };
    for (const [key, { before, after: version }] of changes) {
      this.#possible.set(key, new Set([before, version]));
      this.#open.set(key, write);
      for (const read of this.#reads) addTo(read, key, version, before);
    }
    return write;
  }

  acknowledged(write: Write): void {
    if (write.generation !== this.#generation) this.#raced(write);
    else for (const [key, { after }] of write.changes) this.#pin(key, after);
  }

  /** Refused with a code that says nothing was done. */
  refused(write: Write): void {
    if (write.generation !== this.#generation) this.#raced(write);
    else for (const [key, { before }] of write.changes) this.#pin(key, before);
  }

  /** A drop came between: its rows went with what was dropped, or are in what was made after it. */
  #raced(write: Write): void {
    for (const [key, { after }] of write.changes) {
      const versions = this.#possible.get(key) ?? new Set();
      this.#possible.set(key, new Set([...versions, ABSENT, after]));
      for (const read of this.#reads) addTo(read, key, after, ABSENT);
    }
    this.unknown(write);
  }

  /** Its outcome got lost: the keys take no other write until they are settled. */
  unknown(write: Write): void {
    this.#lost.add(write);
  }

  #pin(key: Key, version: Version): void {
    this.#possible.set(key, new Set([version]));
    this.#open.delete(key);
  }

  /** A partition, or without a name the collection, is about to be dropped. */
  dropping(partition?: string): void {
    this.#generation++;
    for (const key of [...this.#possible.keys()]) {
      if (partition !== undefined && partitionOf(this.shape, key) !== partition) continue;
      const versions = this.#possible.get(key) ?? new Set();
      versions.add(ABSENT);
      for (const read of this.#reads) addTo(read, key, ABSENT, ABSENT);
    }
  }

  /** It is gone: so are its rows, but of writes that still run. */
  dropped(partition?: string): void {
    for (const key of [...this.#possible.keys()]) {
      if (partition !== undefined && partitionOf(this.shape, key) !== partition) continue;
      const open = this.#open.get(key)?.changes.get(key);
      this.#possible.set(key, new Set(open === undefined ? [ABSENT] : [ABSENT, open.after]));
    }
  }

  /** Runs a change of a definition; reads meanwhile are forgiven what it may cause. */
  async disturb<T>(change: () => Promise<T>): Promise<T> {
    this.#disturbing++;
    this.disturbances++;
    for (const read of this.#reads) read.isDisturbed = true;
    try {
      return await change();
    } finally {
      this.#disturbing--;
    }
  }

  get isDisturbed(): boolean {
    return this.#disturbing > 0;
  }

  openRead(): ReadWindow {
    const possible = new Map([...this.#possible].map(([key, versions]) => [key, new Set(versions)]));
    const read: ReadWindow = { possible, isDisturbed: this.isDisturbed };
    this.#reads.add(read);
    return read;
  }

  closeRead(read: ReadWindow): void {
    this.#reads.delete(read);
  }

  /** After a restart, or with nothing under way: what is there stays. @returns what is wrong */
  settle(rows: ReadonlyMap<Key, Version>): string[] {
    const wrong: string[] = [];
    for (const key of rows.keys()) if (!this.#possible.has(key)) wrong.push(`key ${key} was never written`);
    for (const [key, versions] of this.#possible) {
      const found = rows.get(key) ?? ABSENT;
      if (!versions.has(found))
        wrong.push(`key ${key} is ${nameOf(found)}, expected ${[...versions].map(nameOf).join(' or ')}`);
    }
    for (const write of this.#lost) {
      if (!write.isAtomic || write.generation !== this.#generation) continue;
      const changed = [...write.changes].filter(([, { before, after }]) => before !== after);
      const taken = changed.filter(([key, { after }]) => (rows.get(key) ?? ABSENT) === after).length;
      if (taken > 0 && taken < changed.length)
        wrong.push(`a write of ${changed.length} keys took effect for ${taken} of them`);
    }
    for (const key of this.#possible.keys()) this.#possible.set(key, new Set([rows.get(key) ?? ABSENT]));
    this.#lost.clear();
    this.#open.clear();
    return wrong;
  }

  /** Live rows; only when settled. */
  live(): Map<Key, Version> {
    const live = new Map<Key, Version>();
    for (const [key, versions] of this.#possible) {
      const version = only(versions);
      if (version !== undefined && version !== ABSENT) live.set(key, version);
    }
    return live;
  }
}

function addTo(read: ReadWindow, key: Key, version: Version, before: Version): void {
  const versions = read.possible.get(key);
  if (versions === undefined) read.possible.set(key, new Set([before, version]));
  else versions.add(version);
}

const nameOf = (version: Version): string => (version === ABSENT ? 'absent' : `version ${version}`);
