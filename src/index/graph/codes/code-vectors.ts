// Codes back to vectors in their frame: what a code says of the vector that it was made from. The opposite of graph-codes.ts.

import { writeFloats } from '#index/block/vector-floats.js';
import type { CodeForm } from './graph-codes.js';

const elementOf = { FP16: 'float16', BF16: 'bfloat16', FP32: 'float32' } as const;

/** @param at of the code in `bytes`. @param out one value a dim */
export function decodeCode(
  form: CodeForm,
  step: number,
  bytes: Uint8Array,
  at: number,
  out: Float32Array,
): void {
  if (form === 'SQ8') decode8(step, bytes, at, out);
  else if (form === 'SQ4') decode4(step, bytes, at, out);
  else if (form === 'SQ6') decode6(step, bytes, at, out);
  else writeFloats(elementOf[form], bytes.subarray(at, at + out.length * (form === 'FP32' ? 4 : 2)), out);
}

function decode8(step: number, bytes: Uint8Array, at: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = (((bytes[at + i] as number) << 24) >> 24) * step;
}

/** 32 dims in 16 bytes: of each 32 the first 16 in the low nibbles. */
function decode4(step: number, bytes: Uint8Array, at: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) {
    const byte = bytes[at + ((i >> 5) << 4) + (i & 15)] as number;
    out[i] = (((byte >> (((i >> 4) & 1) << 2)) & 15) - 7.5) * step;
  }
}

/** 64 dims in 48 bytes: 32 of low nibbles as with 4 bits, then 16 with the two high bits of the dims of each quarter. */
function decode6(step: number, bytes: Uint8Array, at: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) {
    const block = at + (i >> 6) * 48;
    const part = (i >> 4) & 3;
    const lane = i & 15;
    const low = ((bytes[block + ((part >> 1) << 4) + lane] as number) >> ((part & 1) << 2)) & 15;
    const high = ((bytes[block + 32 + lane] as number) >> (part << 1)) & 3;
    out[i] = (high * 16 + low - 31.5) * step;
  }
}
