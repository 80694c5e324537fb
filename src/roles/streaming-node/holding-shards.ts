// The shards that hold rows or deletes in memory. Most of very many hold nothing, and each write asks how much all of them take.
import type { OpenShard } from './open-shard.js';

interface Holding {
  readonly shard: { readonly isEmpty: boolean };
}

export class HoldingShards<Open extends Holding = OpenShard> {
  readonly #shards = new Set<Open>();

  /** To be called in the turn in which it begins to hold something. */
  note(open: Open): void {
    this.#shards.add(open);
  }

  /** Those that hold nothing any more leave. */
  *[Symbol.iterator](): Iterator<Open> {
    for (const open of this.#shards) {
      if (open.shard.isEmpty) this.#shards.delete(open);
      else yield open;
    }
  }
}
