// Memory that threads share, to be used again: a large buffer costs more to get, to touch for the first time and to collect than to fill.
// The collector does not see how large such buffers are, so few are ever made and fewer are dropped: who finds none takes memory of its own.
import { alignUp } from './bytes.js';

const STEP_BYTES_MIN = 64 * 1024;
/** A free buffer goes, to make room for one of another size, when so many others were taken since it was used. */
const UNUSED_TAKES = 1000;

export const isShared = (bytes: Uint8Array): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer;

interface Free {
  readonly buffer: SharedArrayBuffer;
  /** Number of the last take before it was given back. */
  readonly since: number;
}

/** Whoever takes bytes gives them back when nobody reads or writes them any more; what is not given back is not made anew. */
export class SharedMemory {
  readonly #bytesMax: number;
  /** The one that was given back last is at the end. */
  #free: Free[] = [];
  /** Bytes of all buffers, free or taken. */
  #bytes = 0;
  #takes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** So many bytes, with anything in them. Undefined: there are none. */
  take(length: number): Uint8Array | undefined {
    this.#takes++;
    const size = sizeOf(length);
    const at = this.#free.findLastIndex(
      ({ buffer: { byteLength } }) => byteLength >= size && byteLength <= 2 * size,
    );
    const found = this.#free[at];
    if (found !== undefined) {
      this.#free.splice(at, 1);
      return new Uint8Array(found.buffer, 0, length);
    }
    if (this.#bytes + size > this.#bytesMax) this.#dropUnused();
    if (this.#bytes + size > this.#bytesMax) return undefined;
    this.#bytes += size;
    return new Uint8Array(new SharedArrayBuffer(size), 0, length);
  }

  #dropUnused(): void {
    const [oldest] = this.#free;
    if (oldest === undefined || this.#takes - oldest.since < UNUSED_TAKES) return;
    this.#free.shift();
    this.#bytes -= oldest.buffer.byteLength;
  }

  /** @param bytes that were taken here, and are given back once */
  give({ buffer }: Uint8Array): void {
    if (buffer instanceof SharedArrayBuffer) this.#free.push({ buffer, since: this.#takes });
  }
}

/** At most a quarter more than asked for. */
const sizeOf = (length: number): number =>
  alignUp(length, Math.max(STEP_BYTES_MIN, 2 ** Math.floor(Math.log2(Math.max(1, length))) / 4));
