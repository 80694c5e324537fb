// Which writes with an id are in a log: those that were replayed from it, and those that were applied since. So a write whose sender does not
// know what became of it is carried out once, by the owner that had it or by the next one.
//
// What is known is whole from some time on. A shard that was rebuilt knows every write after its checkpoint, and a write that was sent after that
// time and is not known is not in the log, nor will be: whoever had the log before is fenced, and what a fenced owner appends nobody reads.
import { ElanusError } from '#base/errors.js';
import type { ChannelRecord, LogRecord, WriteId } from '#proto/elanus/data.js';

/** Writes that are remembered for each log; of more the oldest are forgotten. */
const WRITES_MAX = 16_384;

export const keyOf = ({ writer, number }: WriteId): string => `${writer}/${number}`;

export class KnownWrites {
  readonly #max: number;
  /** Times of the writes, in the order of the log. */
  readonly #times = new Map<string, bigint>();
  /** What was written up to then may be forgotten. */
  #forgottenUpTo = 0n;

  constructor(max = WRITES_MAX) {
    this.#max = max;
  }

  /** Takes a record that is durable. */
  note({ writeId, timestamp }: Pick<LogRecord, 'writeId' | 'timestamp'>): void {
    if (writeId === undefined) return;
    this.#times.set(keyOf(writeId), timestamp);
    if (this.#times.size <= this.#max) return;
    const [oldest] = this.#times;
    if (oldest === undefined) return;
    this.#times.delete(oldest[0]);
    if (oldest[1] > this.#forgottenUpTo) this.#forgottenUpTo = oldest[1];
  }

  /**
   * @param sentAfter a time before the write was sent first; 0n: it was not sent before
   * @returns when it was written; undefined: it was not
   * @throws outcome_unknown
   */
  find(id: WriteId, sentAfter: bigint, channel: ChannelRecord): bigint | undefined {
    const known = this.#times.get(keyOf(id));
    if (known !== undefined || sentAfter === 0n) return known;
    if (sentAfter >= this.#forgottenUpTo && sentAfter >= replayedFrom(channel)) return undefined;
    throw new ElanusError(
      'outcome_unknown',
      `channel ${channel.vchannel}: a write broke off with the process that had it, and whether it was carried out is not known any more; read its rows, then write what is missing`,
    );
  }
}

/** Every write of the shard after this time was replayed, or came later. At its first checkpoint nothing was written. */
const replayedFrom = ({ checkpointTimestamp, createTimestamp }: ChannelRecord): bigint =>
  checkpointTimestamp <= createTimestamp ? 0n : checkpointTimestamp;
