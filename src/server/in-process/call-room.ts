// What callers in this process may have under way at a time, in bytes and in calls. What does not fit is refused, as it is over gRPC.
import { ElanusError } from '#base/errors.js';

/** About what a call takes beside its messages. */
const CALL_BYTES = 16 * 1024;

export interface CallLimits {
  /** Bytes of one request. */
  readonly receiveBytesMax: number;
  /** Bytes of one answer. */
  readonly sendBytesMax: number;
  /** Bytes of all requests under way. */
  readonly heldBytesMax: number;
}

export class CallRoom {
  readonly #limits: CallLimits;
  #bytes = 0;

  constructor(limits: CallLimits) {
    this.#limits = limits;
  }

  /** Whoever takes room gives it back. @throws parameter_too_large, queue_full */
  take(name: string, bytes: number): void {
    const { receiveBytesMax, heldBytesMax } = this.#limits;
    if (bytes > receiveBytesMax)
      throw new ElanusError(
        'parameter_too_large',
        `${name}: the request has ${bytes} bytes, at most ${receiveBytesMax} are taken: send it in parts`,
      );
    const held = bytes + CALL_BYTES;
    if (this.#bytes + held > heldBytesMax)
      throw new ElanusError(
        'queue_full',
        `${name}: no room for ${bytes} bytes, calls under way hold ${this.#bytes} of ${heldBytesMax}: send less at once, or try again when some have ended`,
      );
    this.#bytes += held;
  }

  /** @param bytes as they were taken */
  give(bytes: number): void {
    this.#bytes -= bytes + CALL_BYTES;
  }

  /** @throws parameter_too_large */
  checkAnswer(name: string, bytes: number): void {
    const { sendBytesMax } = this.#limits;
    if (bytes > sendBytesMax)
      throw new ElanusError(
        'parameter_too_large',
        `${name}: the answer has ${bytes} bytes, at most ${sendBytesMax} are given at once: ask for fewer rows or fields`,
      );
  }
}
