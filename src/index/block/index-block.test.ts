import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 as zlibCrc32 } from '#platform/node/node-platform.js';
import { type Crc32, decodeIndexBlock, encodeIndexBlock, type IndexMeta } from './index-block.js';

const meta: IndexMeta = {
  indexType: 'HNSW',
  metric: 'L2',
  elementType: 'float32',
  dim: 4,
  rowCount: 3,
  params: { M: 16, entry: 0 },
};

const block = encodeIndexBlock(
  meta,
  new Map([
    ['links', Uint8Array.from({ length: 100 }, (_, i) => i)],
    ['codes', new Uint8Array(0)],
    ['levels', Uint8Array.of(1, 2, 3)],
  ]),
);

test('sections come back as they were, aligned', () => {
  const decoded = decodeIndexBlock(block);
  expect(decoded.meta).toEqual(meta);
  expect([...decoded.sections.keys()]).toEqual(['links', 'codes', 'levels']);
  expect(decoded.sections.get('links')).toEqual(Uint8Array.from({ length: 100 }, (_, i) => i));
  expect(decoded.sections.get('levels')).toEqual(Uint8Array.of(1, 2, 3));
  for (const bytes of decoded.sections.values()) expect(bytes.byteOffset % 64).toBe(0);
});

test('the sums of the runtime are those of ours', () => {
  const { meta, sections } = decodeIndexBlock(block);
  const asked: number[] = [];
  const sumOf: Crc32 = (bytes, seed) => {
    asked.push(bytes.length);
    return zlibCrc32(bytes, seed);
  };
  expect(encodeIndexBlock(meta, sections, sumOf)).toEqual(block);
  expect(asked).toEqual([128, 0, 64]);
});

test('every flipped bit is found, in padding too', () => {
  for (let at = 0; at < block.length; at++) {
    const changed = block.slice();
    changed[at] = (changed[at] as number) ^ (1 << (at & 7));
    expect(() => decodeIndexBlock(changed, 'f'), `byte ${at}`).toThrow(/^f: .*built again/);
  }
});

test('cut or lengthened files are found', () => {
  for (let length = 0; length < block.length; length++)
    expect(() => decodeIndexBlock(block.subarray(0, length))).toThrow(/built again/);
  const longer = new Uint8Array(block.length + 64);
  longer.set(block);
  expect(() => decodeIndexBlock(longer)).toThrow(/built again/);
});

test('random bytes after a right magic never do worse than data_corrupt', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const file = new Uint8Array(bytes.length + 4);
      file.set(block.subarray(0, 4));
      file.set(bytes, 4);
      expect(() => decodeIndexBlock(file)).toThrow(/built again/);
    }),
  );
});
