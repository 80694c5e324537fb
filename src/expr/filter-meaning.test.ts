// A filter means what the oracle says that its text means: after parsing, checking and folding, row by row and over columns.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewOf } from '#expr/evaluate/column-view.js';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import { FilterOracle } from '../../test/oracle/filter-oracle.js';
import { evaluate, type Row } from '../../test/oracle/predicate-oracle.js';
import {
  anyFilter,
  caseSchema,
  filterLeaves,
  namedRow,
  oracleSchema,
} from '../../test/support/filter-cases.js';
import { filterText } from '../../test/support/filter-text.js';
import { anyRow, fields } from '../../test/support/row-cases.js';
import { columnOf } from '../../test/support/row-columns.js';
import type { Node } from './ast.js';
import { checkFilter } from './filter.js';
import type { Predicate } from './typed.js';

const oracle = new FilterOracle(oracleSchema);
const rowsOf = fc.array(anyRow, { minLength: 1, maxLength: 20 });

function overColumns(predicate: Predicate, rows: readonly Row[]): boolean[] {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  new FilterEvaluator(predicate, { view: (fieldId) => views.get(fieldId) }).evaluate(0, rows.length, bits);
  return rows.map((_, row) => isBitSet(bits, row));
}

function expectMeaning(node: Node, rows: readonly Row[]): void {
  const text = filterText(node);
  const filter = checkFilter(caseSchema, { text });
  if (filter.kind !== 'predicate') throw new Error(`${text} is ${filter.kind}`);
  const wanted = rows.map((row) => oracle.passes(node, namedRow(row)));
  expect(
    rows.map((row) => evaluate(filter.predicate, row) === true),
    text,
  ).toEqual(wanted);
  expect(overColumns(filter.predicate, rows), text).toEqual(wanted);
}

/** `not` is above leaves only, constants are alone, and nothing holds what is of its own kind. */
function expectNormal(predicate: Predicate, isWhole = true): void {
  if (predicate.kind === 'constant') expect(isWhole).toBe(true);
  if (predicate.kind === 'not')
    expect(['constant', 'and', 'or', 'not']).not.toContain(predicate.operand.kind);
  if (predicate.kind !== 'and' && predicate.kind !== 'or') return;
  expect(predicate.operands.length).toBeGreaterThan(1);
  for (const operand of predicate.operands) {
    expect(operand.kind).not.toBe(predicate.kind);
    expectNormal(operand, false);
  }
}

describe('a filter means what its text says', () => {
  it.each(Object.entries(filterLeaves))('%s', (_kind, leaf) => {
    fc.assert(
      fc.property(leaf, rowsOf, (node, rows) => {
        expectMeaning(node, rows);
        expectMeaning({ kind: 'not', operand: node, begin: 0, end: 0 }, rows);
      }),
      { numRuns: 150 },
    );
  });

  it('joined by and, or, not', () => {
    fc.assert(fc.property(anyFilter, rowsOf, expectMeaning), { numRuns: 600 });
  });

  it('in the form that evaluators expect', () => {
    fc.assert(
      fc.property(anyFilter, (node) => {
        const filter = checkFilter(caseSchema, { text: filterText(node) });
        if (filter.kind === 'predicate') expectNormal(filter.predicate);
      }),
      { numRuns: 1000 },
    );
  });
});
