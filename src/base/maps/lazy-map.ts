// Maps and sets that mostly stay empty. An empty Map of the engine takes 180 bytes, and a database of ten thousand collections has a
// dozen for each: these take 24 until something is put into them.

const NOTHING: ReadonlyMap<never, never> = new Map<never, never>();

/** No members, for whoever needs a set to look into. */
export const noMembers: ReadonlySet<never> = new Set<never>();

/** A map that is not changed any more: with nothing in it, the one that all have in common. */
export const settledMap = <K, V>(entries: Iterable<readonly [K, V]>): ReadonlyMap<K, V> => {
  const map = new Map(entries);
  return map.size > 0 ? map : (NOTHING as ReadonlyMap<unknown, unknown> as ReadonlyMap<K, V>);
};

/** The same of a set. */
export const settledSet = <T>(members: Iterable<T>): ReadonlySet<T> => {
  const set = new Set(members);
  return set.size > 0 ? set : noMembers;
};

export class LazyMap<K, V> implements ReadonlyMap<K, V> {
  #entries: Map<K, V> | undefined;

  get #read(): ReadonlyMap<K, V> {
    return this.#entries ?? (NOTHING as ReadonlyMap<unknown, unknown> as ReadonlyMap<K, V>);
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key);
  }

  has(key: K): boolean {
    return this.#entries?.has(key) ?? false;
  }

  set(key: K, value: V): this {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    return this.#entries?.delete(key) ?? false;
  }

  clear(): void {
    this.#entries?.clear();
  }

  keys(): MapIterator<K> {
    return this.#read.keys();
  }

  values(): MapIterator<V> {
    return this.#read.values();
  }

  entries(): MapIterator<[K, V]> {
    return this.#read.entries();
  }

  forEach(run: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#read) run(value, key, this);
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#read[Symbol.iterator]();
  }
}

export class LazySet<T> implements Iterable<T> {
  #members: Set<T> | undefined;

  get size(): number {
    return this.#members?.size ?? 0;
  }

  has(member: T): boolean {
    return this.#members?.has(member) ?? false;
  }

  add(member: T): this {
    this.#members ??= new Set();
    this.#members.add(member);
    return this;
  }

  delete(member: T): boolean {
    return this.#members?.delete(member) ?? false;
  }

  [Symbol.iterator](): SetIterator<T> {
    return (this.#members ?? (noMembers as ReadonlySet<unknown> as ReadonlySet<T>))[Symbol.iterator]();
  }
}
