// One lock per collection for its channels, segments and import jobs: a check and the change that rests on it are one step for everyone in
// this process. The compares of the catalog say the same to other processes; then the decision is made again on what is there.
import { KeyedMutex } from '#base/async.js';
import { redeciding } from '#catalog/held-records.js';

export class CollectionLocks {
  readonly #locks = new KeyedMutex();

  /** Runs one decision and its change. It must not call a peer that may call back for the same collection. */
  change<T>(collectionId: bigint, decide: () => Promise<T>): Promise<T> {
    return this.#locks.run(String(collectionId), () => redeciding(decide));
  }

  /** The same over several collections, always taken in the same order, so that two such changes never wait for each other. */
  changeAll<T>(collectionIds: readonly bigint[], decide: () => Promise<T>): Promise<T> {
    const ordered = [...new Set(collectionIds)].sort((a, b) => (a < b ? -1 : 1));
    const locked = ordered.reduceRight<() => Promise<T>>(
      (inner, id) => () => this.#locks.run(String(id), inner),
      () => redeciding(decide),
    );
    return locked();
  }
}
