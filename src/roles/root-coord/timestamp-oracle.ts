// The clock of the cluster (TSO): strictly increasing hybrid timestamps, also across restarts and wall-clock steps.
// A bound is stored ahead of use (window 3 s), as in the Milvus coordination reference §4.1; a failed load stops the service.

import { Mutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { composeTimestamp, LOGICAL_MAX, physicalMs, type Timestamp } from '#base/timestamp.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { Clock } from '#platform/time.js';

const WINDOW_MS = 3000;
/** Timestamps of one call; ids, which no clock bounds, come by the million. */
export const TIMESTAMP_COUNT_MAX = 65_536;
export const ID_COUNT_MAX = 1 << 24;

interface OracleParts {
  readonly store: MetaStore;
  readonly clock: Clock;
  readonly key: string;
  /** Most that one call gives. */
  readonly countMax: number;
}

export class TimestampOracle {
  readonly #store: MetaStore;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #mutex = new Mutex();
  #last: Timestamp;
  #boundMs: number;
  /** Revision of the stored bound, as it was read or written last. */
  #revision: bigint;
  /** What a write put whose answer was a failure: nobody knows whether it is there. */
  #unsure: Uint8Array | undefined;
  readonly #countMax: number;

  private constructor(parts: OracleParts, storedBoundMs: number, revision: bigint) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#key = parts.key;
    this.#countMax = parts.countMax;
    this.#boundMs = storedBoundMs;
    this.#revision = revision;
    this.#last = composeTimestamp(storedBoundMs, 0);
  }

  /** @param key where the bound is kept, 8 bytes big-endian nanoseconds. @throws what the store throws: no clock without its bound. */
  static async open(parts: OracleParts): Promise<TimestampOracle> {
    const entry = await parts.store.get(parts.key);
    if (entry !== undefined && entry.value.length !== 8) {
      throw new ElanusError(
        'data_corrupt',
        `${parts.key} holds ${entry.value.length} bytes, expected 8; restore the meta store from a copy`,
      );
    }
    const view =
      entry === undefined ? undefined : new DataView(entry.value.buffer, entry.value.byteOffset, 8);
    const boundMs = view === undefined ? 0 : Number((view.getBigUint64(0) + 999_999n) / 1_000_000n);
    return new TimestampOracle(parts, boundMs, entry?.modRevision ?? 0n);
  }

  /** @returns the first of `count` consecutive timestamps, 1 to `countMax`. */
  allocate(count: number): Promise<Timestamp> {
    if (!Number.isInteger(count) || count < 1 || count > this.#countMax) {
      throw new ElanusError(
        'invalid_parameter',
        `timestamp count ${count} is out of range, expected 1 to ${this.#countMax}: invalid parameter`,
      );
    }
    return this.#mutex.run(async () => {
      const now = this.#clock.now();
      let first = this.#last + 1n;
      if (now > physicalMs(first)) first = composeTimestamp(now, 0);
      // A batch stays within one millisecond's counter; the next millisecond may run a little ahead of the wall clock.
      if ((first & LOGICAL_MAX) + BigInt(count) > LOGICAL_MAX)
        first = composeTimestamp(physicalMs(first) + 1, 0);
      await this.#reserve(physicalMs(first + BigInt(count) - 1n));
      this.#last = first + BigInt(count) - 1n;
      return first;
    });
  }

  /** The newest timestamp handed out. */
  get last(): Timestamp {
    return this.#last;
  }

  async #reserve(ms: number): Promise<void> {
    if (ms < this.#boundMs - 1) return;
    const boundMs = ms + WINDOW_MS;
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigUint64(0, BigInt(boundMs) * 1_000_000n);
    await this.#settle();
    this.#unsure = value;
    const revision = await this.#store.transact(
      [{ key: this.#key, modRevision: this.#revision }],
      [{ kind: 'put', key: this.#key, value }],
    );
    this.#unsure = undefined;
    // Two clocks on one bound would each go their own way, so the one that was overtaken stops for good.
    if (revision === undefined) {
      throw new ElanusError(
        'catalog_conflict',
        `${this.#key} was moved on by another root-coord, expected to be the only one; this one gives no more numbers: stop one of the two`,
      );
    }
    this.#revision = revision;
    this.#boundMs = boundMs;
  }

  /** Finds out whether a write that seemed to fail came through: then its revision is the one to go on from. */
  async #settle(): Promise<void> {
    const unsure = this.#unsure;
    if (unsure === undefined) return;
    const entry = await this.#store.get(this.#key);
    if (
      entry !== undefined &&
      entry.value.length === 8 &&
      unsure.every((byte, at) => byte === entry.value[at])
    ) {
      this.#revision = entry.modRevision;
    }
    this.#unsure = undefined;
  }
}
