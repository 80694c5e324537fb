// The body of a request as its parts come. A body in one part is that part; the parts of a larger one are copied once, into bytes of the size
// that its headers promise, so that there is no moment with two copies. What is promised and never sent takes no memory of the machine, as
// pages that nobody wrote to do not.
import { letGo } from '#platform/node/http2/chunk-memory.js';

const GROWN_BYTES_MIN = 256 * 1024;
const NONE = Buffer.alloc(0);

export class BodyBytes {
  readonly #declared: number;
  #only: Buffer | undefined;
  #bytes: Buffer = NONE;
  #length = 0;

  /** @param declared what the headers say; 0 when they do not */
  constructor(declared: number) {
    this.#declared = declared;
  }

  get length(): number {
    return this.#length;
  }

  add(part: Buffer): void {
    if (this.#length === 0) this.#only = part;
    else {
      if (this.#only !== undefined) this.#copy(this.#only, 0, part.length);
      this.#only = undefined;
      this.#copy(part, this.#length, 0);
    }
    this.#length += part.length;
  }

  get bytes(): Uint8Array {
    return this.#only ?? this.#bytes.subarray(0, this.#length);
  }

  /** Nobody reads the bytes any more. Those of several parts go at once: the collector would not know how much waits for it. */
  letGo(): void {
    letGo(this.#bytes);
    this.#bytes = NONE;
    this.#only = undefined;
  }

  /** @param more bytes that are known to follow */
  #copy(part: Buffer, at: number, more: number): void {
    const needed = at + part.length + more;
    if (needed > this.#bytes.length) {
      // Twice as many as there are, when nobody says how many there will be.
      const larger = Buffer.allocUnsafeSlow(
        Math.max(needed, this.#declared, this.#bytes.length * 2, GROWN_BYTES_MIN),
      );
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#bytes.set(part, at);
  }
}
