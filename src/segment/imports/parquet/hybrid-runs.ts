// Levels and places in a dictionary as Parquet packs them: runs of one value, and groups of eight values of some bits each. What is decoded
// comes from a file: a run counts only as far as there is room for it.
import { DamagedFile } from '#segment/imports/file-errors.js';

/** Bits that hold the levels up to the highest. */
export const levelBits = (highest: number): number => 32 - Math.clz32(highest);

/** Whether so many values are one run of `value`: mostly so of levels where nothing is null. */
export function isOneRun(bytes: Uint8Array, count: number, value: number): boolean {
  let header = 0;
  let scale = 1;
  let at = 0;
  for (let byte = 128; byte >= 128; scale *= 128) {
    if (at >= bytes.length || scale > 2 ** 42) return false;
    byte = bytes[at++] as number;
    header += (byte & 127) * scale;
  }
  return header % 2 === 0 && header / 2 >= count && bytes[at] === value;
}

/** Fills `out`. @throws Error when the runs end before it is full */
export function decodeHybrid(bytes: Uint8Array, bits: number, out: Uint8Array | Uint32Array): void {
  if (bits < 0 || bits > 32) throw new DamagedFile(`values of ${bits} bits`);
  const width = Math.ceil(bits / 8);
  let at = 0;
  let filled = 0;
  while (filled < out.length) {
    let header = 0;
    let scale = 1;
    for (let byte = 128; byte >= 128; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 42) throw new DamagedFile('runs end early');
      byte = bytes[at++] as number;
      header += (byte & 127) * scale;
    }
    const length = Math.floor(header / 2);
    if (length === 0) throw new DamagedFile('a run of no values');
    if (header % 2 === 0) {
      if (at + width > bytes.length) throw new DamagedFile('runs end early');
      let value = 0;
      for (let byte = 0; byte < width; byte++) value += (bytes[at++] as number) * 2 ** (8 * byte);
      const end = Math.min(out.length, filled + length);
      out.fill(value, filled, end);
      filled = end;
    } else {
      const values = Math.min(length * 8, out.length - filled);
      const groupBytes = length * bits;
      // The last group may be cut short behind the values that there are.
      if (at + Math.ceil((values * bits) / 8) > bytes.length) throw new DamagedFile('runs end early');
      if (bits === 1 && out instanceof Uint8Array)
        unpackBits(bytes, at, out.subarray(filled, filled + values));
      else unpack(bytes, at, bits, out.subarray(filled, filled + values));
      at = Math.min(bytes.length, at + groupBytes);
      filled += values;
    }
  }
}

function unpackBits(bytes: Uint8Array, begin: number, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = ((bytes[begin + (i >> 3)] as number) >> (i & 7)) & 1;
}

function unpack(bytes: Uint8Array, begin: number, bits: number, out: Uint8Array | Uint32Array): void {
  let at = begin;
  let held = 0;
  let heldBits = 0;
  const mask = 2 ** bits;
  for (let i = 0; i < out.length; i++) {
    // A double holds the 39 bits that there are at most.
    while (heldBits < bits) {
      held += (bytes[at++] ?? 0) * 2 ** heldBits;
      heldBits += 8;
    }
    out[i] = held % mask;
    held = Math.floor(held / mask);
    heldBits -= bits;
  }
}
