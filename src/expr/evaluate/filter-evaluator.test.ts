import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Leaf, Predicate } from '#expr/typed.js';
import { evaluate, type Row } from '../../../test/oracle/predicate-oracle.js';
import { KeptPaths } from '../../../test/support/kept-paths.js';
import { anyPredicate, leafFamilies } from '../../../test/support/predicate-cases.js';
import { anyRow, fields } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { type ColumnSource, viewOf } from './column-view.js';
import { FilterEvaluator } from './filter-evaluator.js';
import { BLOCK_ROWS, isBitSet } from './rows.js';

function sourceOf(rows: readonly Row[]): ColumnSource {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  return { view: (fieldId) => views.get(fieldId) };
}

/** The numbers of the rows of [begin, end) that pass. */
function passing(
  predicate: Predicate,
  rows: readonly Row[],
  begin: number,
  end: number,
  source = sourceOf(rows),
): number[] {
  const bits = new Uint32Array(Math.ceil((end - begin) / 32) + 1).fill(0xdeadbeef);
  const count = new FilterEvaluator(predicate, source).evaluate(begin, end, bits);
  const found = Array.from({ length: end - begin }, (_, at) => begin + at).filter((row) =>
    isBitSet(bits, row - begin),
  );
  expect(found.length).toBe(count);
  return found;
}

function expectSame(predicate: Predicate, rows: readonly Row[], begin: number, end: number): void {
  const wanted = rows.flatMap((row, at) =>
    at >= begin && at < end && evaluate(predicate, row) === true ? [at] : [],
  );
  expect(passing(predicate, rows, begin, end)).toEqual(wanted);
  expectSameOfKept(predicate, rows, begin, end, wanted);
}

const readsJson = (predicate: Predicate): boolean =>
  JSON.stringify(predicate, (_, value) => (typeof value === 'bigint' ? String(value) : value)).includes(
    '"kind":"json"',
  );

/** Asks some rows, then as a segment that has grown, then again: once with memory for what is found, once with some. */
function expectSameOfKept(
  predicate: Predicate,
  rows: readonly Row[],
  begin: number,
  end: number,
  wanted: readonly number[],
): void {
  const middle = begin + Math.floor((end - begin) / 2);
  if (!readsJson(predicate)) return;
  for (const kept of [new KeptPaths(), KeptPaths.within(5000 + ((end * 977) % 20_000))]) {
    const early = passing(predicate, rows, middle, end, kept.over(sourceOf(rows.slice(0, end))));
    expect(early).toEqual(wanted.filter((row) => row >= middle));
    const all = kept.over(sourceOf(rows));
    for (let time = 0; time < 2; time++) expect(passing(predicate, rows, begin, end, all)).toEqual(wanted);
  }
}

const negated = (leaf: Leaf): Predicate => ({ kind: 'not', operand: leaf });

describe('a filter over columns', () => {
  for (const [family, leaf] of Object.entries(leafFamilies)) {
    it(`says what row by row evaluation says: ${family}`, () => {
      fc.assert(
        fc.property(leaf, fc.array(anyRow, { minLength: 1, maxLength: 40 }), (one, rows) => {
          expectSame(one, rows, 0, rows.length);
          expectSame(negated(one), rows, 0, rows.length);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('says what row by row evaluation says: and, or, not over all of them', () => {
    fc.assert(
      fc.property(
        anyPredicate,
        fc.array(anyRow, { minLength: 1, maxLength: 70 }),
        fc.nat({ max: 40 }),
        (predicate, rows, begin) => expectSame(predicate, rows, Math.min(begin, rows.length), rows.length),
      ),
      { numRuns: 700 },
    );
  });

  it('says so over several blocks', () => {
    fc.assert(
      fc.property(
        anyPredicate,
        fc.array(anyRow, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: BLOCK_ROWS, max: 3 * BLOCK_ROWS }),
        fc.nat({ max: 100 }),
        (predicate, some, count, begin) => {
          const rows = Array.from(
            { length: count },
            (_, at) => some[(at * 7 + (at >> 4)) % some.length] as Row,
          );
          const answers = new Map(some.map((row) => [row, evaluate(predicate, row)]));
          const wanted = rows.flatMap((row, at) => (at >= begin && answers.get(row) === true ? [at] : []));
          expect(passing(predicate, rows, begin, count)).toEqual(wanted);
          expectSameOfKept(predicate, rows, begin, count, wanted);
        },
      ),
      { numRuns: 8 },
    );
  });
});
