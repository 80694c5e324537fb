// Ids that root-coord gives out in ranges, so that a write does not ask for each of its own.
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { Client } from '#rpc/service.js';

/** Smallest size of a range. What is left of it at the end of the process is never used. */
const LEASE_COUNT_MIN = 1024;

export class LeasedIds {
  readonly #rootCoord: Pick<Client<typeof RootCoordDefinition>, 'allocID'>;
  #next = 0n;
  #end = 0n;

  constructor(rootCoord: Pick<Client<typeof RootCoordDefinition>, 'allocID'>) {
    this.#rootCoord = rootCoord;
  }

  /** @returns the first of `count` ids that follow each other */
  async allocate(count: number): Promise<bigint> {
    if (this.#next + BigInt(count) > this.#end) {
      const { ID, count: given } = await this.#rootCoord.allocID({ count: Math.max(LEASE_COUNT_MIN, count) });
      // Whoever waited at the same time has a range of its own: one that is not used up is let go.
      this.#next = ID;
      this.#end = ID + BigInt(given);
    }
    const first = this.#next;
    this.#next += BigInt(count);
    return first;
  }
}
