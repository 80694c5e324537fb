import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FixedView } from '#expr/evaluate/column-view.js';
import { type Bounds, boundsOf } from '#expr/evaluate/numbers/bounds.js';
import { FieldRange } from '#expr/evaluate/numbers/range-leaves.js';
import { BLOCK_ROWS, isBitSet, newBits } from '#expr/evaluate/rows.js';
import type { Literal } from '#expr/typed.js';
import { answerOf, blockRanges } from './block-ranges.js';

/** How many rows of a block pass, by reading them. */
function passing(view: FixedView, bounds: Bounds, block: number, rowCount: number): number {
  const rows = { begin: block * BLOCK_ROWS, count: Math.min(BLOCK_ROWS, rowCount - block * BLOCK_ROWS) };
  const leaf = new FieldRange(view, bounds);
  const [isTrue, known] = [newBits(), newBits().fill(0xffffffff)];
  leaf.evaluate(rows, newBits().fill(0xffffffff), isTrue);
  leaf.maskKnown(rows, known);
  let count = 0;
  for (let row = 0; row < rows.count; row++) count += Number(isBitSet(isTrue, row) && isBitSet(known, row));
  return count;
}

function expectTruth(view: FixedView, rowCount: number, bounds: Bounds): void {
  const ranges = blockRanges(view, rowCount);
  for (let block = 0; block < ranges.least.length; block++) {
    const count = passing(view, bounds, block, rowCount);
    const answer = answerOf(ranges, block, bounds);
    if (answer === 'none') expect(count).toBe(0);
    if (answer === 'all') expect(count).toBe(Math.min(BLOCK_ROWS, rowCount - block * BLOCK_ROWS));
  }
}

const longs = (values: readonly bigint[], valid = new Uint8Array(0)): FixedView => ({
  kind: 'fixed',
  form: 'int64',
  values: new Int32Array(BigInt64Array.from(values).buffer),
  valid,
});
const ops = fc.constantFrom('==' as const, '<' as const, '<=' as const, '>' as const, '>=' as const);

describe('ranges of blocks', () => {
  const close = fc.oneof(
    fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
    fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 63n) + 3n }),
    fc.constantFrom(0n, 1n, -1n),
  );

  it('promise nothing of ints that rows do not keep', () => {
    const some = fc.array(close, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(some, ops, close, fc.boolean(), (values, op, value, hasNull) => {
        const valid = hasNull ? Uint8Array.from(values, (_, row) => Number(row > 0)) : undefined;
        expectTruth(longs(values, valid), values.length, boundsOf(op, { type: 'int', value }));
      }),
      { numRuns: 2000 },
    );
  });

  it('promise nothing of doubles that rows do not keep', () => {
    const number = fc.constantFrom(0, -0, 1.5, -1.5, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE);
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 4 }), ops, number, (values, op, value) => {
        const literal: Literal = { type: 'double', value };
        const valid = new Uint8Array(0);
        const view: FixedView = { kind: 'fixed', form: 'double', values: Float64Array.from(values), valid };
        expectTruth(view, values.length, boundsOf(op, literal));
      }),
      { numRuns: 2000 },
    );
  });

  it('leave out the blocks of sorted rows but one', () => {
    const rowCount = 10 * BLOCK_ROWS + 5;
    const view = longs(Array.from({ length: rowCount }, (_, row) => BigInt(row)));
    const ranges = blockRanges(view, rowCount);
    const answers = (op: '<' | '==', value: bigint): string[] =>
      Array.from(ranges.least, (_, block) => answerOf(ranges, block, boundsOf(op, { type: 'int', value })));
    const point = answers('==', 5000n);
    expect(point.filter((answer) => answer !== 'none')).toEqual(['some']);
    const below = answers('<', 5000n);
    expect(below).toEqual(['all', 'all', 'some', ...Array<string>(8).fill('none')]);
    expectTruth(view, rowCount, boundsOf('<', { type: 'int', value: 5000n }));
  });
});
