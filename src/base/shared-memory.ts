// Memory that threads share, to be used again: a large buffer costs more to get, to touch for the first time and to collect than to fill.
// Whoever takes one gives it back only when nobody reads it any more; one that is not given back is collected like any other.
import { alignUp } from './bytes.js';

const STEP_BYTES = 64 * 1024;

export const isShared = (bytes: Uint8Array): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer;

export class SharedMemory {
  readonly #keptBytesMax: number;
  /** Free buffers, the one that was used last at the end. */
  readonly #free: SharedArrayBuffer[] = [];
  #freeBytes = 0;

  /** @param keptBytesMax of buffers that wait for their next use */
  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** So many bytes, with anything in them. */
  take(length: number): Uint8Array {
    for (let at = this.#free.length - 1; at >= 0; at--) {
      const buffer = this.#free[at] as SharedArrayBuffer;
      if (buffer.byteLength < length || buffer.byteLength > Math.max(2 * length, STEP_BYTES)) continue;
      this.#free.splice(at, 1);
      this.#freeBytes -= buffer.byteLength;
      return new Uint8Array(buffer, 0, length);
    }
    return new Uint8Array(new SharedArrayBuffer(alignUp(length, STEP_BYTES)), 0, length);
  }

  /** Nobody reads or writes them from now on. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength > this.#keptBytesMax) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
    while (this.#freeBytes > this.#keptBytesMax) this.#freeBytes -= this.#free.shift()?.byteLength ?? 0;
  }
}
