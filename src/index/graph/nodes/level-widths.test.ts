import { expect, test } from 'vitest';
import type { IndexMeta } from '#index/block/index-block.js';
import { decodeLevels, encodeLevels, LEVELS_BYTES } from './level-widths.js';

const meta: IndexMeta = {
  indexType: 'HNSW',
  metric: 'L2',
  elementType: 'float32',
  dim: 4,
  rowCount: 3,
  params: {},
};
const blockOf = (bytes: Uint8Array) => ({ meta, sections: new Map([['levels', bytes]]) });
const learned = {
  ks: [10, 100],
  widths: [
    [25, 26, 30, 31, 40, 50, 60, 70, 80, 90],
    [130, 140, 150, 160, 170, 180, 190, 200, 300, 300],
  ],
};

test('what was learned comes back, little-endian, and zeros mean nothing', () => {
  const bytes = encodeLevels(learned);
  expect(bytes.length).toBe(LEVELS_BYTES);
  expect([...bytes.subarray(0, 20)]).toEqual([
    2, 0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0, 100, 0, 0, 0, 25, 0, 0, 0,
  ]);
  expect(decodeLevels(blockOf(bytes))).toEqual(learned);
  expect(decodeLevels(blockOf(new Uint8Array(LEVELS_BYTES)))).toBeUndefined();
  expect(decodeLevels({ meta, sections: new Map() })).toBeUndefined();
});

test.each([
  ['a wrong count', 0, 3],
  ['a wrong number of levels', 1, 9],
  ['hits that do not rise', 3, 10],
  ['no hits', 2, 0],
  ['widths that fall', 5, 24],
  ['a width beyond all pools', 23, 1 << 20],
])('%s is data_corrupt', (_name, word, value) => {
  const bytes = encodeLevels(learned);
  new DataView(bytes.buffer).setUint32(word * 4, value, true);
  expect(() => decodeLevels(blockOf(bytes))).toThrow(/built again/);
});

test('a cut section is data_corrupt', () => {
  for (const length of [1, 7, 12, LEVELS_BYTES - 4])
    expect(() => decodeLevels(blockOf(encodeLevels(learned).subarray(0, length)))).toThrow(/built again/);
});
