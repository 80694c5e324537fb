// Our zstd beside zlib's: what zlib packs comes out as it went in, however it comes in, and of damaged bytes nothing is ever taken for something else.
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { unzstdBlock, unzstdStream } from './unzstd.js';

const { constants, zstdCompressSync, zstdDecompressSync } = zlib;
const BYTES_MAX = 4_000_000;

/** Bytes of different kinds: all the same, at random, few letters, lines of JSON, copies of what was before. */
const kinds: readonly ((count: number, random: Random) => Uint8Array)[] = [
  (count) => new Uint8Array(count).fill(7),
  (count, random) => Uint8Array.from({ length: count }, () => nextBelow(random, 256)),
  (count, random) => Uint8Array.from({ length: count }, () => 97 + Math.floor(nextFloat(random) ** 3 * 20)),
  (count, random) => {
    const lines: string[] = [];
    for (let bytes = 0; bytes < count; bytes += 30)
      lines.push(`{"id":${nextBelow(random, 1e6)},"name":"word${nextBelow(random, 50)}"}`);
    return new TextEncoder().encode(lines.join('\n'));
  },
  (count, random) => {
    const bytes = Uint8Array.from({ length: count }, () => nextBelow(random, 256));
    for (let copies = 0; copies < count / 50; copies++) {
      const from = nextBelow(random, count);
      bytes.copyWithin(nextBelow(random, count), from, from + nextBelow(random, 2000));
    }
    return bytes;
  },
];

function packedOf(raw: Uint8Array, random: Random): Uint8Array {
  const options: Record<number, number> = {
    [constants.ZSTD_c_compressionLevel]: 1 + nextBelow(random, 19),
    [constants.ZSTD_c_checksumFlag]: nextBelow(random, 2),
    [constants.ZSTD_c_contentSizeFlag]: nextBelow(random, 2),
  };
  if (nextBelow(random, 3) === 0) options[constants.ZSTD_c_windowLog] = 10 + nextBelow(random, 8);
  return zstdCompressSync(raw, { params: options });
}

async function* slices(bytes: Uint8Array, random: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + nextBelow(random, nextBelow(random, 2) === 0 ? 8 : 40_000);
    yield bytes.subarray(at, end);
    at = end;
  }
}

async function streamed(bytes: Uint8Array, random = seededRandom(1)): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of unzstdStream(slices(bytes, random))) {
    expect(part.length).toBeLessThanOrEqual(128 * 1024);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

describe('beside zlib', () => {
  test.each([1, 2, 3])('seed %i: what was packed comes out', async (seed) => {
    const random = seededRandom(seed);
    for (const kind of kinds)
      for (const most of [1, 300, 30_000, 300_000]) {
        const raw = kind(nextBelow(random, most), random);
        const packed = packedOf(raw, random);
        expect((await streamed(packed, random)).equals(raw)).toBe(true);
        expect(Buffer.from(unzstdBlock(packed, Math.max(1, raw.length))).equals(raw)).toBe(true);
      }
  });

  test('damaged bytes fail, or become what zlib makes of them', () => {
    const random = seededRandom(4);
    let [refused, same] = [0, 0];
    for (let round = 0; round < 300; round++) {
      const raw = (kinds[round % kinds.length] as (typeof kinds)[0])(nextBelow(random, 4000), random);
      const packed = Uint8Array.from(packedOf(raw, random));
      for (let flips = nextBelow(random, 4); flips > 0; flips--)
        packed[nextBelow(random, packed.length)] = nextBelow(random, 256);
      const given =
        nextBelow(random, 4) === 0 ? packed.subarray(0, nextBelow(random, packed.length)) : packed;
      let made: Uint8Array;
      try {
        made = unzstdBlock(given, BYTES_MAX);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(String(error)).toContain('zstd: ');
        refused++;
        continue;
      }
      same++;
      expect(zstdDecompressSync(given, { maxOutputLength: BYTES_MAX }).equals(made)).toBe(true);
    }
    expect(refused).toBeGreaterThan(100);
    expect(same).toBeGreaterThan(50);
  });
});

describe('frames', () => {
  const text = Buffer.from('many small words, many small words, many more');
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const frame = zstdCompressSync(text, { params });
  const skipped = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

  test('follow each other, and those of others are passed over', async () => {
    const all = Buffer.concat([skipped, frame, skipped, frame]);
    expect((await streamed(all)).equals(Buffer.concat([text, text]))).toBe(true);
  });

  test.each([
    ['nothing at all', Buffer.alloc(0), 'ends early'],
    ['a frame that is cut', frame.subarray(0, frame.length - 1), 'ends early'],
    ['a sum that is wrong', Buffer.from(frame).fill(0, frame.length - 4), 'another checksum'],
    ['no frame behind one', Buffer.concat([frame, Buffer.from('more')]), 'a frame begins with'],
    [
      'a window of a GiB',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3]),
      'needs a window of 1073741824 bytes',
    ],
    ['a dictionary', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 0, 9]), 'needs the dictionary 9'],
  ])('%s fails', async (_, bytes, reason) => {
    expect(() => unzstdBlock(bytes, 1000)).toThrow(reason);
    await expect(streamed(bytes)).rejects.toThrow(reason);
  });

  test('no more is made than is asked for', () => {
    const bomb = zstdCompressSync(new Uint8Array(8 << 20));
    expect(() => unzstdBlock(bomb, 1 << 20)).toThrow('more than 1048576 bytes');
    expect(() => unzstdBlock(frame, text.length - 1)).toThrow(`more than ${text.length - 1} bytes`);
  });

  test('a reader that stops lets go of what it reads', async () => {
    let isOver = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield frame;
        yield frame;
      } finally {
        isOver = true;
      }
    }
    for await (const part of unzstdStream(source())) if (part.length > 0) break;
    expect(isOver).toBe(true);
  });
});
