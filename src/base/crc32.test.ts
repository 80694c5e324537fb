import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32, crc32OfAscii } from './crc32.js';

test('agrees with zlib at any length and alignment, in one piece and in two', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(8), fc.nat(300), (bytes, shift, cut) => {
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      const wanted = zlibCrc32(bytes);
      expect(crc32(moved)).toBe(wanted);
      expect(crc32(moved.subarray(cut), crc32(moved.subarray(0, cut)))).toBe(wanted);
    }),
  );
});

test('characters of ASCII without bytes of them', () => {
  for (const text of ['', 'a', '123456789', '\0\x7f'.repeat(20)])
    expect(crc32OfAscii(text)).toBe(crc32(new TextEncoder().encode(text)));
  expect(crc32OfAscii('wort\x80')).toBeUndefined();
});
