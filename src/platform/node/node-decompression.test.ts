// All that a packed file has comes out, however it was packed: writers append frames, and some begin with one that is for others.
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { nodeDecompression } from './node-decompression.js';

const { zstdCompressSync, constants } = zlib;
const first = zstdCompressSync('first line\n', { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const second = zstdCompressSync(Buffer.alloc(600_000, 'second line\n'));
const plain = Buffer.concat([Buffer.from('first line\n'), Buffer.alloc(600_000, 'second line\n')]);
const foreign = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);

async function* slices(bytes: Uint8Array, each: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += each) yield bytes.subarray(at, at + each);
}

async function streamed(bytes: Uint8Array, each: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of nodeDecompression.stream('zstd', slices(bytes, each))) parts.push(part);
  return Buffer.concat(parts);
}

describe('zstd of several frames', () => {
  const packed = Buffer.concat([foreign, first, foreign, second, foreign]);

  test.each([1, 7, first.length, 1_000_000])('a stream in slices of %i bytes', async (each) => {
    expect((await streamed(packed, each)).equals(plain)).toBe(true);
  });

  test('large pieces of frames that can hardly be packed', async () => {
    const raw = Buffer.from(Uint32Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 0x9e3779b1)).buffer);
    const frame = zstdCompressSync(raw);
    expect((await streamed(Buffer.concat([frame, frame]), 100_000)).equals(Buffer.concat([raw, raw]))).toBe(
      true,
    );
  });

  test('a block', () => {
    expect(Buffer.from(nodeDecompression.block('zstd', packed, plain.length)).equals(plain)).toBe(true);
  });

  test.each([
    ['what is no frame behind one', Buffer.concat([first, Buffer.from('more bytes')]), 'a frame begins with'],
    ['a second one that is cut', Buffer.concat([first, second.subarray(0, second.length - 3)]), 'ends early'],
    [
      'a second one that is damaged',
      Buffer.concat([second, Buffer.from(first).fill(0, first.length - 4)]),
      'checksum',
    ],
    ['nothing', Buffer.alloc(0), 'ends early'],
  ])('%s fails', async (_, bytes, reason) => {
    await expect(streamed(bytes, 1000)).rejects.toThrow(reason);
  });
});
