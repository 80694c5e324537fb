// The bytes of a file that are not written yet. They can be taken part by part, so that a file is written while it is made; two buffers take turns,
// since one is being written while the next is filled.
import { ByteWriter } from 'hyparquet-writer';

export class PartWriter extends ByteWriter {
  #other: ArrayBuffer | undefined;

  /** What was written since the last time. Its memory is used again for the part after the next. */
  take(): Uint8Array {
    const part = new Uint8Array(this.buffer, 0, this.index);
    const { byteLength } = this.buffer;
    const next = this.#other?.byteLength === byteLength ? this.#other : new ArrayBuffer(byteLength);
    this.#other = this.buffer;
    this.buffer = next;
    this.view = new DataView(next);
    this.index = 0;
    return part;
  }
}
