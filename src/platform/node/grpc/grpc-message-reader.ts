// The bytes of a request stream as its one message: five bytes of prefix (compressed or not, length), then the message. Pure.
import { copyBytes } from '#base/bytes.js';
import type { SharedMemory } from '#base/shared-memory.js';

export const PREFIX_BYTES = 5;

/** From this size on a message may lie in memory that is used again. */
const SHARED_BYTES_MIN = 64 * 1024;

export class GrpcMessageReader {
  readonly #memory: SharedMemory | undefined;
  /** What the message took of it. */
  #taken: Uint8Array | undefined;
  #prefix = Buffer.alloc(0);
  #message: Buffer | undefined;
  #filled = 0;
  /** Known from the prefix on. */
  length: number | undefined;
  isCompressed = false;
  /** Bytes after the message, which no unary call has. */
  beyond = 0;
  /** The whole message; a view of a chunk when it came in one. */
  message: Buffer | undefined;

  /** The message is a part of a chunk, which must stay as it is. */
  get isView(): boolean {
    return this.message !== undefined && this.#message === undefined;
  }

  /** @param memory for messages in several chunks, of which `giveBack` says when nobody reads them any more */
  constructor(memory?: SharedMemory) {
    this.#memory = memory;
  }

  /** Takes a chunk until the length is known, and stops there: what is behind it is returned, and given to `fill` when there is room for it. */
  readPrefix(chunk: Buffer): Buffer {
    const bytes = this.#prefix.length === 0 ? chunk : Buffer.concat([this.#prefix, chunk]);
    if (bytes.length < PREFIX_BYTES) {
      this.#prefix = Buffer.from(bytes);
      return bytes.subarray(bytes.length);
    }
    this.isCompressed = bytes[0] !== 0;
    this.length = bytes.readUInt32BE(1);
    return bytes.subarray(PREFIX_BYTES);
  }

  fill(chunk: Buffer): void {
    if (this.message !== undefined || this.length === undefined) {
      this.beyond += chunk.length;
      return;
    }
    if (this.#message === undefined && chunk.length >= this.length) {
      this.message = chunk.subarray(0, this.length);
      this.beyond = chunk.length - this.length;
      return;
    }
    this.#message ??= this.#allocate(this.length);
    const length = Math.min(chunk.length, this.length - this.#filled);
    copyBytes(chunk, 0, length, this.#message, this.#filled);
    this.#filled += length;
    this.beyond += chunk.length - length;
    if (this.#filled === this.length) this.message = this.#message;
  }

  #allocate(length: number): Buffer {
    this.#taken = length >= SHARED_BYTES_MIN ? this.#memory?.take(length) : undefined;
    if (this.#taken !== undefined) return Buffer.from(this.#taken.buffer, 0, length);
    // A buffer of its own, not of a pool, and no larger than the message: it may move to another thread. Pages cost when they are filled.
    return Buffer.allocUnsafeSlow(length);
  }

  /** Nobody reads the message any more. */
  giveBack(): void {
    if (this.#taken !== undefined) this.#memory?.give(this.#taken);
    this.#taken = undefined;
  }

  /** Gives the memory of a message that will never be whole back at once: the collector would not know how much waits for it. */
  drop(): void {
    if (this.message !== undefined || this.#message === undefined) return;
    this.giveBack();
    const memory: ArrayBufferLike & { transfer?: (length: number) => unknown } = this.#message.buffer; // From Node 22 on.
    memory.transfer?.(0);
    this.#message = undefined;
  }
}
