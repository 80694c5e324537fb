import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColumnSource, viewOf } from '#expr/evaluate/column-view.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import type { Leaf, Predicate } from '#expr/typed.js';
import { blockRanges } from '#index/scalar/statistics/block-ranges.js';
import { Pace } from '#platform/pace.js';
import { evaluate, type Row } from '../../../test/oracle/predicate-oracle.js';
import { anyPredicate, leafFamilies } from '../../../test/support/predicate-cases.js';
import { anyRow, fields, int64, text } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { indexesOf, type NamedScalarIndex } from '../../../test/support/scalar-indexes.js';
import { type Candidates, type FilterFacts, planFilter } from './filter-plan.js';
import { runPlan } from './run-plan.js';
import { scanNanos } from './scan-cost.js';
import { bestSource, blocksWithin } from './segment-facts.js';

function sourceOf(rows: readonly Row[]): ColumnSource {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  return { view: (fieldId) => views.get(fieldId) };
}

function factsOf(
  columns: ColumnSource,
  rowCount: number,
  indexes: readonly NamedScalarIndex[],
  nanos: FilterFacts['scanNanos'],
): FilterFacts {
  return {
    rowCount,
    sourceOf: (leaf) => bestSource(indexes, leaf),
    blocksOf: (leaf) =>
      blocksWithin(leaf, (fieldId) => {
        const view = columns.view(fieldId);
        return view?.kind === 'fixed' ? blockRanges(view, rowCount) : undefined;
      }),
    groupsOf: () => undefined,
    scanNanos: nanos,
  };
}

const clock = { now: () => 0, monotonic: () => 0 };
const neverAborted = new AbortController().signal;
const pace = (): Pace =>
  new Pace({ clock, timers: { yield: async () => {} } } as never, { signal: neverAborted });

/** Indexes are used wherever they know an answer. */
const dearScan = (): number => 1e9;

async function expectSame(
  predicate: Predicate,
  rows: readonly Row[],
  indexes: readonly NamedScalarIndex[],
  nanos: FilterFacts['scanNanos'],
  columns = sourceOf(rows),
): Promise<Candidates | undefined> {
  const rowCount = rows.length;
  const plan = planFilter(predicate, factsOf(columns, rowCount, indexes, nanos));
  const result = await runPlan({ plan, columns, rowCount, kept: undefined, pace: pace() });
  const passing = rows.flatMap((_, row) => (isBitSet(result.bits, row) ? [row] : []));
  const wanted = rows.flatMap((row, at) => (evaluate(predicate, row) === true ? [at] : []));
  expect(passing).toEqual(wanted);
  expect(result.passing).toBe(wanted.length);
  return plan.candidates;
}

const negated = (operand: Leaf): Predicate => ({ kind: 'not', operand });
const someRows = fc.array(anyRow, { minLength: 1, maxLength: 40 });

describe('the plan of a filter', () => {
  for (const [family, leaf] of Object.entries(leafFamilies)) {
    it(`says with every index what row by row evaluation says: ${family}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(leaf, { minLength: 4, maxLength: 8 }), someRows, async (leaves, rows) => {
          const indexes = indexesOf(rows);
          const columns = sourceOf(rows);
          for (const one of leaves) {
            // All of them, and each that knows the leaf by itself: else the one that names the fewest rows would hide the others.
            const knowing = indexes.filter(({ index }) => index.answer(one) !== undefined);
            for (const some of [indexes, ...knowing.map((index) => [index])]) {
              await expectSame(one, rows, some, dearScan, columns);
              await expectSame(negated(one), rows, some, dearScan, columns);
            }
          }
        }),
        { numRuns: 25 },
      );
    });
  }

  it('says so of and, or and not over all of them, whatever a scan costs', async () => {
    let used = 0;
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPredicate, { minLength: 6, maxLength: 12 }),
        someRows,
        async (some, rows) => {
          const indexes = indexesOf(rows);
          const columns = sourceOf(rows);
          for (const predicate of some) {
            used += Number((await expectSame(predicate, rows, indexes, dearScan, columns)) !== undefined);
            asked++;
            await expectSame(predicate, rows, indexes, scanNanos, columns);
            await expectSame(predicate, rows, [], scanNanos, columns);
          }
        },
      ),
      { numRuns: 40 },
    );
    // A test that never meets an index would prove nothing.
    expect(used / asked).toBeGreaterThan(0.15);
  });

  it('looks a long list up in an index only where reading the column takes longer', () => {
    const listed = (count: number): Leaf => ({
      kind: 'in',
      operand: { kind: 'field', type: 'int', field: int64 },
      values: {
        ...{ bools: [], doubles: new Float64Array(0), texts: [], lists: [] },
        ints: BigInt64Array.from({ length: count }, (_, at) => BigInt(at)),
      },
    });
    let asked = 0;
    const planOf = (leaf: Leaf, rowCount: number): Candidates | undefined => {
      const none = { rowsMax: 10, isExact: true, addTo: () => {} };
      const sourceOf = () => {
        asked++;
        return { name: 'STL_SORT', answer: none };
      };
      const facts = { rowCount, sourceOf, blocksOf: () => undefined, groupsOf: () => undefined, scanNanos };
      return planFilter(leaf, facts).candidates;
    };
    expect(planOf(listed(10_000), 100_000)).toBeUndefined();
    // What is not worth it is not even looked up.
    expect(asked).toBe(0);
    expect(planOf(listed(10_000), 1_000_000)?.kind).toBe('source');
    expect(planOf(listed(10), 10_000)?.kind).toBe('source');
  });

  it('leaves out blocks, and asks only survivors of the rest', async () => {
    const rows = Array.from(
      { length: 10_000 },
      (_, at): Row =>
        new Map<bigint, unknown>([
          [int64.fieldId, BigInt(at)],
          [text.fieldId, `t${at % 7}`],
        ]),
    );
    const columns = sourceOf(rows);
    const predicate: Predicate = {
      kind: 'and',
      operands: [
        {
          kind: 'compare',
          operand: { kind: 'field', type: 'int', field: int64 },
          op: '>=',
          value: { type: 'int', value: 9990n },
        },
        { kind: 'regex', operand: { kind: 'field', type: 'text', field: text }, source: 't3' },
      ],
    };
    const plan = planFilter(predicate, factsOf(columns, rows.length, [], scanNanos));
    expect(plan.candidates?.kind).toBe('blocks');
    const run = { plan, columns, rowCount: rows.length, kept: undefined, pace: pace() };
    const result = await runPlan(run);
    expect(result.passing).toBe(2);
    expect(result.scanned).toBe(10_000 - 8192);
  });
});
