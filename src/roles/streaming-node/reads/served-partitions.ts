// The partitions of which a shard serves segments. Most of ten thousand shards are not read for long: a set of them is made when it is asked for.

export class ServedPartitions {
  #ids: readonly bigint[] | undefined;
  #set: ReadonlySet<bigint> | undefined;

  /** Undefined: nothing is served. */
  get ids(): readonly bigint[] | undefined {
    return this.#ids;
  }

  set ids(ids: readonly bigint[] | undefined) {
    this.#ids = ids;
    this.#set = undefined;
  }

  get set(): ReadonlySet<bigint> | undefined {
    if (this.#ids === undefined) return undefined;
    this.#set ??= new Set(this.#ids);
    return this.#set;
  }
}
