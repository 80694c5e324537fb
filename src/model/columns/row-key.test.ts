// Key hashes against values of other implementations, and the order of keys against the order of their bytes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataType } from '#model/schema/data-type.js';
import { columnFromInt64, columnFromStrings, type Key } from './column.js';
import { compareKeys, hashKey, shardOfKey, shardOfRow } from './row-key.js';

const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
describe('keys', () => {
  it('hash as murmur3-32 and CRC-32 do elsewhere', () => {
    // mmh3 and zlib of Python.
    const known: [Key, number][] = [
      [0n, 1669671676],
      [1n, 1392991556],
      [-1n, 1651860712],
      [434528411n, 1808092676],
      [9223372036854775807n, 40977599],
      [-9223372036854775808n, 1366273829],
      ['', 0],
      ['milvus', 725768567],
      ['é'.repeat(50), 2656795874],
      ['a'.repeat(150), 2943384164],
    ];
    for (const [key, hash] of known) expect(hashKey(key), String(key).slice(0, 9)).toBe(hash);
    expect(hashKey(`${'é'.repeat(50)}x`)).toBe(hashKey('é'.repeat(50)));
  });
  it('go to the same shard from a column as alone', () => {
    fc.assert(
      fc.property(int64, fc.string(), fc.integer({ min: 1, max: 16 }), (number, text, shards) => {
        expect(shardOfRow(columnFromInt64(1n, [0n, number]), 1, shards)).toBe(shardOfKey(number, shards));
        expect(shardOfRow(columnFromStrings(1n, DataType.VarChar, ['', text]), 1, shards)).toBe(
          shardOfKey(text, shards),
        );
      }),
    );
  });
  it('have the order of numbers, or of UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 });
    fc.assert(
      fc.property(
        text,
        text,
        (a, b) => Math.sign(compareKeys(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ),
    );
    fc.assert(fc.property(int64, int64, (a, b) => compareKeys(a, b) === (a < b ? -1 : a > b ? 1 : 0)));
  });
});
