// A filter of many parts is planned and run in pieces: between any two of them others get their turn.
import { expect, it, vi } from 'vitest';
import { type ColumnSource, viewOf } from '#expr/evaluate/column-view.js';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import * as regex from '#expr/regex.js';
import type { Leaf, Predicate } from '#expr/typed.js';
import { Pace } from '#platform/pace.js';
import { int64, text } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { indexesOf } from '../../../test/support/scalar-indexes.js';
import { type FilterFacts, planFilter } from './filter-plan.js';
import { lookedUp } from './looked-up.js';
import { runPlan } from './run-plan.js';
import { bestSource } from './segment-facts.js';

const PARTS = 200;
const rows = Array.from(
  { length: 400 },
  (_, row) =>
    new Map<bigint, unknown>([
      [int64.fieldId, BigInt(row)],
      [text.fieldId, `t${row % 3}`],
    ]),
);
const equal = (value: bigint): Leaf => ({
  kind: 'compare',
  operand: { kind: 'field', type: 'int', field: int64 },
  op: '==',
  value: { type: 'int', value },
});
const many: Predicate = {
  kind: 'or',
  operands: Array.from({ length: PARTS }, (_, at) => equal(BigInt(at * 2))),
};

/** The most leaves that were asked about between two rests, where a rest is due after each. */
async function longestPiece(predicate: Predicate): Promise<{ longest: number; passing: number }> {
  const views = new Map([int64, text].map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const columns: ColumnSource = { view: (fieldId) => views.get(fieldId) };
  const indexes = indexesOf(rows);
  let [piece, longest, rests] = [0, 0, 0];
  const work = (): void => {
    piece++;
    longest = Math.max(longest, piece);
  };
  let ms = 0;
  const monotonic = (): number => {
    ms += 100;
    return ms;
  };
  // Each look at the clock finds that a slice is over.
  const clock = { now: () => 0, monotonic };
  const timers = {
    yield: async () => {
      piece = 0;
      rests++;
    },
  };
  const pace = new Pace({ clock, timers } as never, { signal: new AbortController().signal });
  const facts: FilterFacts = {
    rowCount: rows.length,
    sourceOf: (leaf) => {
      work();
      const source = bestSource(indexes, leaf);
      if (source === undefined) return undefined;
      const { answer } = source;
      const addTo = (bits: Uint32Array): void => {
        work();
        answer.addTo(bits);
      };
      return { ...source, answer: { rowsMax: answer.rowsMax, isExact: answer.isExact, addTo } };
    },
    blocksOf: () => undefined,
    groupsOf: () => undefined,
    scanNanos: () => 1e9,
  };
  const plan = planFilter(predicate, await lookedUp(predicate, facts, pace));
  const { passing } = await runPlan({ plan, columns, rowCount: rows.length, kept: undefined, pace });
  expect(rests).toBeGreaterThan(PARTS);
  return { longest, passing };
}

it('asks about one part, and names the rows of one part, between two rests', async () => {
  expect(await longestPiece(many)).toEqual({ longest: 1, passing: PARTS });
});

it('makes one leaf ready between two rests', async () => {
  const made = vi.spyOn(regex, 'compileRegex');
  let [piece, longest] = [0, 0];
  const pace = {
    isDue: true,
    rest: async () => {
      longest = Math.max(longest, made.mock.calls.length - piece);
      piece = made.mock.calls.length;
    },
  };
  const patterns: Predicate = {
    kind: 'or',
    operands: Array.from(
      { length: 20 },
      (_, at): Leaf => ({
        kind: 'regex',
        operand: { kind: 'field', type: 'text', field: text },
        source: `x${at}[ab]+.*`,
      }),
    ),
  };
  const view = viewOf(columnOf(text, rows));
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  const evaluator = await FilterEvaluator.inPieces(patterns, { view: () => view }, pace);
  expect(evaluator.evaluate(0, rows.length, bits)).toBe(0);
  expect([longest, made.mock.calls.length]).toEqual([1, 20]);
  made.mockRestore();
});

it('asks nobody twice', async () => {
  const asked: Leaf[] = [];
  const facts: FilterFacts = {
    rowCount: 400,
    sourceOf: (leaf) => {
      asked.push(leaf);
      return undefined;
    },
    blocksOf: () => undefined,
    groupsOf: () => undefined,
    scanNanos: () => 1,
  };
  const nested: Predicate = { kind: 'and', operands: [many, { kind: 'not', operand: equal(7n) }] };
  const pace = { isDue: false, rest: async () => {} };
  planFilter(nested, await lookedUp(nested, facts, pace));
  expect(asked.length).toBe(PARTS + 1);
  expect(new Set(asked).size).toBe(PARTS + 1);
});
