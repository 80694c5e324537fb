// What a frame has become, as far back as its window goes. Memory grows with what is in it, not with what the frame claims.
import { damaged } from './bits.js';

const BYTES_MIN = 256 * 1024;
/** Fewer bytes are copied one by one in less time than a call takes. */
const LONG = 48;

export class OutputWindow {
  readonly #windowBytes: number;
  #bytes = new Uint8Array(0);
  #end = 0;
  /** Where the block begins, and where it ends at the latest. */
  #begin = 0;
  #limit = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** A block of at most so many bytes begins. */
  begin(bytesMax: number): void {
    const wanted = this.#end + bytesMax;
    if (wanted > this.#bytes.length) this.#makeRoom(bytesMax);
    this.#begin = this.#end;
    this.#limit = this.#end + bytesMax;
  }

  #makeRoom(bytes: number): void {
    // A quarter more than the window, so that it is not moved for every block.
    const most = this.#windowBytes + Math.max(BYTES_MIN, this.#windowBytes >> 2) + bytes;
    const kept = Math.min(this.#end, this.#windowBytes);
    const room = Math.max(BYTES_MIN, Math.min(most, Math.max(this.#bytes.length * 2, this.#end + bytes)));
    const to = room > this.#bytes.length ? new Uint8Array(room) : this.#bytes;
    if (to === this.#bytes) to.copyWithin(0, this.#end - kept, this.#end);
    else to.set(this.#bytes.subarray(this.#end - kept, this.#end));
    this.#bytes = to;
    this.#end = kept;
  }

  /** @returns a copy of what the block became */
  end(): Uint8Array {
    return this.#bytes.slice(this.#begin, this.#end);
  }

  append(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const count = to - from;
    this.#check(count);
    if (count >= LONG) this.#bytes.set(bytes.subarray(from, to), this.#end);
    else for (let at = 0; at < count; at++) this.#bytes[this.#end + at] = bytes[from + at] as number;
    this.#end += count;
  }

  fill(byte: number, count: number): void {
    this.#check(count);
    this.#bytes.fill(byte, this.#end, this.#end + count);
    this.#end += count;
  }

  /** Bytes from so far back, which may be among those that it makes. */
  copy(offset: number, count: number): void {
    this.#check(count);
    const from = this.#end - offset;
    if (offset < 1 || from < 0) throw damaged(`a sequence goes back ${offset} bytes, there are ${this.#end}`);
    if (offset >= count && count >= LONG) this.#bytes.copyWithin(this.#end, from, from + count);
    else for (let at = 0; at < count; at++) this.#bytes[this.#end + at] = this.#bytes[from + at] as number;
    this.#end += count;
  }

  #check(count: number): void {
    if (this.#end + count > this.#limit) throw damaged('a block becomes more bytes than it may');
  }
}
