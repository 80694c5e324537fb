// Nulls of a block against one look at each byte, for columns that lie anywhere in memory and bytes that are any but 0.
import { expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { BLOCK_ROWS, isBitSet, maskNulls, newBits } from './rows.js';

it('takes out exactly the rows whose byte is 0', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 200; round++) {
    const shift = nextBelow(random, 5);
    const begin = nextBelow(random, 3) * 32 + (round % 4 === 0 ? nextBelow(random, 32) : 0);
    const count = 1 + nextBelow(random, round % 2 === 0 ? 70 : BLOCK_ROWS);
    const buffer = Uint8Array.from({ length: shift + begin + count }, () =>
      nextBelow(random, 3) === 0 ? 0 : ([1, 1, 2, 128, 255][nextBelow(random, 5)] ?? 1),
    );
    const valid = buffer.subarray(shift);
    const known = newBits().map(() => nextBelow(random, 2 ** 32));
    const before = known.slice();
    maskNulls(valid, { begin, count }, known);
    for (let row = 0; row < count; row++)
      expect(isBitSet(known, row), `row ${row}`).toBe(isBitSet(before, row) && valid[begin + row] !== 0);
  }
});
