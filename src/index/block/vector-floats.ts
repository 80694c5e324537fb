// Dense vectors of any float kind, or of int8, as float32: what graphs and lists are built from and walked with. And back.

import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { bfloat16Bits, float16Bits } from '#model/columns/half-float.js';
import { type ElementType, vectorBytes } from './element-type.js';
import type { ExactVectors } from './vector-index.js';

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
function halfToFloat(half: number): number {
  // Exponent and fraction moved up, then one multiplication re-biases; exact, subnormals too.
  word[0] = (half & 0x7fff) << 13;
  const magnitude = (float[0] as number) * 2 ** 112;
  return half & 0x8000 ? -magnitude : magnitude;
}

/** @param bytes of out.length elements, little-endian, at any alignment */
export function writeFloats(type: ElementType | string, bytes: Uint8Array, out: Float32Array): void {
  if (type === 'float32') {
    bytesView(out).set(bytes);
  } else if (type === 'int8') {
    for (let i = 0; i < out.length; i++) out[i] = ((bytes[i] as number) << 24) >> 24;
  } else {
    for (let i = 0; i < out.length; i++) {
      const half = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
      if (type === 'float16') out[i] = halfToFloat(half);
      else {
        word[0] = half << 16;
        out[i] = float[0] as number;
      }
    }
  }
}

/** @param bytes of `dim` elements */
export function floatsOf(type: ElementType, dim: number, bytes: Uint8Array): Float32Array {
  const floats = new Float32Array(dim);
  writeFloats(type, bytes, floats);
  return floats;
}

/** The largest value that an element of each kind can have. */
const largest = {
  float32: (2 - 2 ** -23) * 2 ** 127,
  float16: 65_504,
  bfloat16: (2 - 2 ** -7) * 2 ** 127,
  int8: 127,
} as const;

/** Bytes of the vector of a kind that is nearest to these values. */
export function nearestVector(type: keyof typeof largest, values: Float64Array): Uint8Array {
  const most = largest[type];
  const least = type === 'int8' ? -128 : -most;
  const within = values.map((value) => Math.max(least, Math.min(most, value)));
  if (type === 'float32') return bytesView(Float32Array.from(within));
  if (type === 'int8') return bytesView(Int8Array.from(within, (value) => Math.round(value)));
  return bytesView(Uint16Array.from(within, type === 'float16' ? float16Bits : bfloat16Bits));
}

export interface VectorFloatsInput {
  readonly place: ExactVectors;
  readonly rowBegin: number;
  readonly rowEnd: number;
}

/** A task: rows as float32, one after the other. */
export function vectorFloats(
  { place, rowBegin, rowEnd }: VectorFloatsInput,
  context: { readonly memories: readonly WebAssembly.Memory[] },
): Float32Array {
  const { buffer } = must(context.memories[0], 'memory of the vectors');
  const { dim, elementType = 'float32' } = place;
  const rowBytes = vectorBytes(elementType, dim);
  const out = new Float32Array((rowEnd - rowBegin) * dim);
  for (let row = rowBegin; row < rowEnd; row++) {
    const bytes = new Uint8Array(buffer, addressOfRow(place, row, rowBytes), rowBytes);
    writeFloats(elementType, bytes, out.subarray((row - rowBegin) * dim, (row - rowBegin + 1) * dim));
  }
  return out;
}

export const addressOfRow = (
  { vectorsOffset, blocks }: ExactVectors,
  row: number,
  rowBytes: number,
): number =>
  blocks === undefined
    ? vectorsOffset + row * rowBytes
    : vectorsOffset + Math.floor(row / blocks.rows) * blocks.bytes + (row % blocks.rows) * rowBytes;
