// CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), slicing by four. Same result as zlib.crc32.
const tables = Array.from({ length: 4 }, () => new Int32Array(256));
const table = (slice: number): Int32Array => tables[slice] as Int32Array;
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  table(0)[n] = c;
}
for (let n = 0; n < 256; n++) {
  for (let s = 1; s < 4; s++) {
    const previous = table(s - 1)[n] as number;
    table(s)[n] = (table(0)[previous & 255] as number) ^ (previous >>> 8);
  }
}
/** @param seed the CRC of the bytes before these, 0 at the start. @returns uint32. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  const [t0, t1, t2, t3] = [table(0), table(1), table(2), table(3)];
  let c = ~seed;
  let i = 0;
  for (const end = bytes.length - 3; i < end; i += 4) {
    c ^= (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
    c = (t3[c & 255] as number) ^ (t2[(c >>> 8) & 255] as number) ^ (t1[(c >>> 16) & 255] as number) ^ (t0[c >>> 24] as number);
  }
  for (; i < bytes.length; i++) c = (t0[(c ^ (bytes[i] as number)) & 255] as number) ^ (c >>> 8);
  return ~c >>> 0;
}
