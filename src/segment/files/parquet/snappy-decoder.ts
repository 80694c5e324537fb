// Snappy's raw format back to bytes (`snappy.ts` has the encoder). A kernel does it in a small memory of its own, one for each thread, because a
// third of a start went into it: it runs at full speed from the first page on. What the kernel refuses, and what is too large for that memory,
// goes through the loop below, which says what is wrong.
import { Kernel } from '#base/kernel-module.js';
import { snappyKernelBase64 } from '#segment/gen/snappy-kernel.js';

interface SnappyExports {
  decompress(input: number, inputEnd: number, output: number, outputEnd: number): number;
}

const PAGE_BYTES = 65_536;
const PAGES_MAX = 128;
const kernel = new Kernel<SnappyExports>(snappyKernelBase64);
let memory: WebAssembly.Memory | undefined;

/** @returns whether `output` has what came out; no where the input is wrong, or both are beyond 8 MiB */
export function byKernel(input: Uint8Array, output: Uint8Array): boolean {
  const room = (bytes: number): number => (bytes + 63) & ~31;
  const outputAt = room(input.length);
  const pages = Math.ceil((outputAt + room(output.length)) / PAGE_BYTES);
  if (pages > PAGES_MAX) return false;
  memory ??= new WebAssembly.Memory({ initial: 4, maximum: PAGES_MAX, shared: true });
  const has = memory.buffer.byteLength / PAGE_BYTES;
  if (has < pages) memory.grow(pages - has);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(input);
  const fits = kernel.on(memory).decompress(0, input.length, outputAt, outputAt + output.length) !== 0;
  if (fits) output.set(bytes.subarray(outputAt, outputAt + output.length));
  return fits;
}

const isFar = (length: number): boolean => length > 64;

class Decoder {
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  readonly #from: DataView;
  readonly #to: DataView;

  constructor(input: Uint8Array, output: Uint8Array) {
    this.#input = input;
    this.#output = output;
    this.#from = new DataView(input.buffer, input.byteOffset, input.byteLength);
    this.#to = new DataView(output.buffer, output.byteOffset, output.byteLength);
  }

  run(): void {
    const input = this.#input;
    const end = this.#output.length;
    let at = this.#checkLength();
    let out = 0;
    while (at < input.length) {
      const tag = input[at++] as number;
      const kind = tag & 3;
      if (kind === 0) {
        const extra = Math.max(0, (tag >>> 2) - 59);
        const length = (extra === 0 ? tag >>> 2 : this.#number(at, extra)) + 1;
        at += extra;
        if (length > input.length - at || length > end - out) throw new Error('literal bytes do not fit');
        this.#literal(at, out, length);
        at += length;
        out += length;
        continue;
      }
      const bytes = kind === 3 ? 4 : kind;
      const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
      const distance = this.#number(at, bytes) + (kind === 1 ? (tag >>> 5) * 256 : 0);
      at += bytes;
      if (distance === 0 || distance > out || length > end - out) throw new Error('a copy does not fit');
      this.#copy(distance, out, length);
      out += length;
    }
    if (out !== end) throw new Error(`${out} bytes come out, expected ${end}`);
  }

  /** Checks the length at the start. @returns where it ends */
  #checkLength(): number {
    let [length, scale, at] = [0, 1, 0];
    for (let byte = 128; byte >= 128; scale *= 128) {
      byte = this.#input[at++] ?? -1;
      if (byte < 0 || scale > 2 ** 28) throw new Error('the length of compressed bytes is not readable');
      length += (byte & 127) * scale;
    }
    if (length !== this.#output.length)
      throw new Error(`compressed bytes claim ${length}, expected ${this.#output.length}`);
    return at;
  }

  #number(at: number, bytes: number): number {
    const input = this.#input;
    if (at + bytes > input.length) throw new Error('compressed bytes end early');
    const low = input[at] as number;
    if (bytes === 1) return low;
    const both = low | ((input[at + 1] as number) << 8);
    if (bytes === 2) return both;
    return (
      both + (input[at + 2] as number) * 65536 + (bytes === 4 ? (input[at + 3] as number) * 16777216 : 0)
    );
  }

  /** Words may reach beyond what is copied, up to what is written next. */
  #literal(at: number, out: number, length: number): void {
    const [input, output] = [this.#input, this.#output];
    if (isFar(length)) {
      output.set(input.subarray(at, at + length), out);
      return;
    }
    let i = 0;
    if (at + length + 4 <= input.length && out + length + 4 <= output.length)
      for (; i < length; i += 4) this.#to.setInt32(out + i, this.#from.getInt32(at + i, true), true);
    else for (; i < length; i++) output[out + i] = input[at + i] as number;
  }

  #copy(distance: number, out: number, length: number): void {
    const output = this.#output;
    const from = out - distance;
    if (distance >= 4 && out + length + 4 <= output.length)
      for (let i = 0; i < length; i += 4) this.#to.setInt32(out + i, this.#to.getInt32(from + i, true), true);
    else for (let i = 0; i < length; i++) output[out + i] = output[from + i] as number;
  }
}

/**
 * @param output has as many bytes as come out
 * @throws Error when `input` is not what Snappy makes of so many bytes
 */
export function snappyDecompress(input: Uint8Array, output: Uint8Array): void {
  if (!byKernel(input, output)) new Decoder(input, output).run();
}
