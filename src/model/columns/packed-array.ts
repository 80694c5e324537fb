// Packed repeated scalars of the public messages: varints of Bool, Int and Long arrays, to and from flat little-endian values.
// An own loop, because a generic decoder makes one object per element; float and double need none, their wire form is already flat.
import { ElanusError } from '#base/errors.js';

const damaged = (what: string): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `${what}: the packed values are damaged; send one packed array per column`,
  );

/** Number of varints: each ends in the only byte below 0x80. */
export function countVarints(packed: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < packed.length; at++) if ((packed[at] as number) < 0x80) count++;
  return count;
}

/** int64 values as 8 bytes each, little-endian. `what` names the column in errors. */
export function decodeInt64s(packed: Uint8Array, what: string): Uint8Array {
  const words = new Int32Array(countVarints(packed) * 2);
  let at = 0;
  for (let to = 0; to < words.length; to += 2) {
    let low = 0;
    let high = 0;
    let shift = 0;
    for (;;) {
      const byte = packed[at++];
      if (byte === undefined || shift > 63) throw damaged(what);
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      shift += 7;
      if (byte < 0x80) break;
    }
    words[to] = low;
    words[to + 1] = high;
  }
  if (at !== packed.length) throw damaged(what);
  return new Uint8Array(words.buffer);
}

/** int32 values; like protobuf itself, wider varints are cut to their low 32 bits. */
export function decodeInt32s(packed: Uint8Array, what: string): Int32Array {
  const values = new Int32Array(countVarints(packed));
  let at = 0;
  for (let to = 0; to < values.length; to++) {
    let value = 0;
    let shift = 0;
    for (;;) {
      const byte = packed[at++];
      if (byte === undefined || shift > 63) throw damaged(what);
      if (shift < 32) value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) break;
    }
    values[to] = value;
  }
  if (at !== packed.length) throw damaged(what);
  return values;
}

/** bool values, one byte each, 0 or 1. */
export function decodeBools(packed: Uint8Array, what: string): Uint8Array {
  const values = new Uint8Array(countVarints(packed));
  let at = 0;
  for (let to = 0; to < values.length; to++) {
    let isTrue = false;
    let length = 0;
    for (;;) {
      const byte = packed[at++];
      if (byte === undefined || ++length > 10) throw damaged(what);
      if ((byte & 0x7f) !== 0) isTrue = true;
      if (byte < 0x80) break;
    }
    values[to] = isTrue ? 1 : 0;
  }
  if (at !== packed.length) throw damaged(what);
  return values;
}

/** Bytes that so many varints of int64 take at most. */
export const varintBytesMax = (values: number): number => values * 10;

/** 8 bytes little-endian each, to varints. @param out where they go, of `varintBytesMax`, all zero */
export function encodeInt64s(
  data: Uint8Array,
  out: Uint8Array = new Uint8Array(varintBytesMax(data.length / 8)),
): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let to = 0;
  for (let at = 0; at < data.length; at += 8) {
    let low = view.getUint32(at, true);
    let high = view.getUint32(at + 4, true);
    while (high !== 0) {
      out[to++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low >= 0x80) {
      out[to++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    out[to++] = low;
  }
  return out.subarray(0, to);
}

/** Signed 32-bit values to varints of the sign-extended 64 bits, as protobuf's int32 wants it. */
export function encodeInt32s(values: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(values.length * 10);
  let to = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    let low = value >>> 0;
    if (value < 0) {
      for (let byte = 0; byte < 4; byte++, low >>>= 7) out[to++] = (low & 0x7f) | 0x80;
      out[to++] = (low & 0x0f) | 0xf0; // the last 4 bits of the value, then ones up to bit 63
      for (let byte = 0; byte < 4; byte++) out[to++] = 0xff;
      out[to++] = 1;
      continue;
    }
    while (low >= 0x80) {
      out[to++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    out[to++] = low;
  }
  return out.subarray(0, to);
}
