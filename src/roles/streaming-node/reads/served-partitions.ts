// The partitions of which a shard serves segments. Most of ten thousand shards are not read for long: a set of them is made when it is asked for.
import { ElanusError } from '#base/errors.js';

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

  /** What a read of these sees. @param isReadable also of partitions that no target has named yet @throws what is not served */
  require(
    { vchannel, collectionId }: { readonly vchannel: string; readonly collectionId: bigint },
    { wanted, loadedOnly }: { readonly wanted: readonly bigint[]; readonly loadedOnly: boolean },
    isReadable: (id: bigint) => boolean,
  ): ReadonlySet<bigint> {
    const loaded = this.set;
    if (loaded === undefined) {
      throw new ElanusError(
        'collection_not_fully_loaded',
        `collection not fully loaded[collection=${collectionId}]: channel ${vchannel} is being loaded; try again`,
      );
    }
    if (wanted.length === 0) return loaded;
    // Mostly all of them.
    if (wanted.length === loaded.size && wanted.every((id) => loaded.has(id))) return loaded;
    if (loadedOnly) return new Set(wanted.filter(isReadable));
    for (const id of wanted)
      if (!isReadable(id))
        throw new ElanusError(
          'collection_not_loaded',
          `partition not loaded[partition=${id}]; load it first`,
        );
    return new Set(wanted);
  }
}
