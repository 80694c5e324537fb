// Flushes that were asked for and may not have come to their end: what is being sealed, and which time the checkpoints have to pass. In memory,
// one for each collection: a restart replays the log, and nobody waits for an earlier flush any more.
import type { Channel } from '#model/states/channel.js';
import { laggingChannel } from '#roles/data-coord/flush-state.js';

export interface Sealing {
  readonly collectionId: bigint;
  readonly sinceMs: number;
  /** Channels whose owners have not answered. */
  readonly unsealed: Set<string>;
}

export interface AskedFlush {
  readonly flushTimestamp: bigint;
  readonly sinceMs: number;
}

export class FlushWatch {
  readonly #sealing = new Set<Sealing>();
  readonly #asked = new Map<bigint, AskedFlush>();

  sealing(collectionId: bigint, vchannels: readonly string[], nowMs: number): Sealing {
    const sealing = { collectionId, sinceMs: nowMs, unsealed: new Set(vchannels) };
    this.#sealing.add(sealing);
    return sealing;
  }

  sealed(sealing: Sealing): void {
    this.#sealing.delete(sealing);
  }

  /** One that has not ended goes on from its own beginning, until the time of the later one. */
  asked({ collectionId, sinceMs }: Sealing, flushTimestamp: bigint, channels: readonly Channel[]): void {
    const before = this.of(collectionId, channels);
    if (before !== undefined && before.flushTimestamp >= flushTimestamp) return;
    this.#asked.set(collectionId, { flushTimestamp, sinceMs: before?.sinceMs ?? sinceMs });
    this.of(collectionId, channels);
  }

  /** Undefined: nothing that was asked for has not ended. One that is seen to have ended is forgotten. */
  of(collectionId: bigint, channels: readonly Channel[]): AskedFlush | undefined {
    const asked = this.#asked.get(collectionId);
    if (asked === undefined || laggingChannel(channels, asked.flushTimestamp) !== undefined) return asked;
    this.#asked.delete(collectionId);
    return undefined;
  }

  sealingOf(collectionId: bigint): readonly Sealing[] {
    return [...this.#sealing].filter((one) => one.collectionId === collectionId);
  }

  forget(collectionId: bigint): void {
    this.#asked.delete(collectionId);
  }
}
