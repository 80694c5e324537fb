// Compactions that clients asked for: each that was confirmed is known from then on, whichever coordinator answers, comes to an end once all is
// healed, and the end stays as it was answered first.
import { ElanusError } from '#base/errors.js';
import type { SimClient } from './client.js';
import { Violation } from './model.js';

export class AskedCompactions {
  readonly #ends = new Map<bigint, string | undefined>();

  confirmed(id: bigint): void {
    this.#ends.set(id, undefined);
  }

  /** @throws Violation */
  async check(client: SimClient, untilReady: (call: () => Promise<boolean>) => Promise<void>): Promise<void> {
    for (const [id, before] of this.#ends) {
      await untilReady(async () => {
        const end = await endOf(client, id);
        if (end === undefined) return false;
        if (before !== undefined && end !== before)
          throw new Violation(`a compaction is not as it was: ${id} ended as ${before}, now it is ${end}`);
        this.#ends.set(id, end);
        return true;
      });
    }
  }
}

/** @returns undefined: it goes on, or nobody answers */
async function endOf(client: SimClient, id: bigint): Promise<string | undefined> {
  try {
    return await client.compactionEnd(id);
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'invalid_parameter')
      throw new Violation(`a compaction is not as it was: ${id} was confirmed, and is not known`);
    return undefined;
  }
}
