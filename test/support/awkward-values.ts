// Values that random cases seldom bring together, and how a test asks for the rows of such values that pass a predicate.
import { expect } from 'vitest';
import { viewOf } from '#expr/evaluate/column-view.js';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import type { ComparisonOp, FieldRef, Leaf, Literal, Operand, Predicate } from '#expr/typed.js';
import { evaluate, type Row } from '../oracle/predicate-oracle.js';
import { KeptPaths } from './kept-paths.js';
import { columnOf } from './row-columns.js';

/** All comparisons. */
export const OPS: readonly ComparisonOp[] = ['==', '!=', '<', '<=', '>', '>='];
/** Around every power of two that something may be rounded or cut at. */
export const INTS = [0, 1, 31, 32, 52, 53, 54, 62, 63]
  .map((power) => 2n ** BigInt(power))
  .flatMap((value) => [value - 1n, value, value + 1n, -value - 1n, -value, 1n - value])
  .filter((value) => value >= -(2n ** 63n) && value < 2n ** 63n);
export const DOUBLES = [
  0,
  -0,
  0.5,
  Number.NaN,
  Infinity,
  -Infinity,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  ...INTS.map(Number),
];

/** The rows that the evaluator lets pass. */
export function found(predicate: Predicate, fields: readonly FieldRef[], rows: readonly Row[]): number[] {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  const source = { view: (fieldId: bigint) => views.get(fieldId) };
  new FilterEvaluator(predicate, source).evaluate(0, rows.length, bits);
  // What was found at JSON paths says the same when it is found and when it is kept.
  const kept = new KeptPaths().over(source);
  for (let time = 0; time < 2; time++) {
    const again = new Uint32Array(bits.length);
    new FilterEvaluator(predicate, kept).evaluate(0, rows.length, again);
    expect(again).toEqual(bits);
  }
  return rows.flatMap((_, row) => (isBitSet(bits, row) ? [row] : []));
}

/** The evaluator lets the same rows pass as the oracle. */
export function expectSame(predicate: Predicate, fields: readonly FieldRef[], rows: readonly Row[]): void {
  const wanted = rows.flatMap((row, at) => (evaluate(predicate, row) === true ? [at] : []));
  expect(found(predicate, fields, rows)).toEqual(wanted);
}

export const rowsOf = (field: FieldRef, values: readonly unknown[]): Row[] =>
  values.map((value) => new Map([[field.fieldId, value]]));
export const field = (of: FieldRef, type: Operand['type']): Operand => ({
  kind: 'field',
  type: type as 'int',
  field: of,
});

export function compare(
  operand: Operand,
  op: ComparisonOp,
  value: Literal,
): Leaf & { readonly kind: 'compare' } {
  return { kind: 'compare', operand, op, value };
}
