// What is said of row groups comes from the bytes of a file that was written with the rows, as a loaded segment has it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColumnSource, viewOf } from '#expr/evaluate/column-view.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import type { FieldRef, Leaf, Literal, Predicate } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { Pace } from '#platform/pace.js';
import { ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import type { ParquetField } from '#segment/files/parquet/parquet-type.js';
import { ParquetFile } from '#segment/files/parquet/parquet-writer.js';
import { evaluate, type Row } from '../../../test/oracle/predicate-oracle.js';
import { anyPredicate, leafFamilies } from '../../../test/support/predicate-cases.js';
import { anyRow, double, fields, float, int64, text } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { planFilter } from './filter-plan.js';
import { runPlan } from './run-plan.js';
import { SegmentStatistics } from './segment-statistics.js';

/** Lists have no statistics; one of them is enough to see that. */
const written = fields.filter(({ name, dataType }) => dataType !== DataType.Array || name === 'texts');
/** The statistics know nothing of the others but as parts of whole filters. */
const families = [
  'compare numbers',
  'range of numbers',
  'in numbers',
  'bools',
  'texts',
  'like and regex',
  'is null',
] as const;

const fieldOfFile = ({ fieldId, name, dataType, elementType }: FieldRef): ParquetField => ({
  ...{ fieldId, name, dataType, elementType, dim: 0 },
  ...{ isOptional: true, isCompressed: true },
  statistics: fieldId === int64.fieldId || fieldId === text.fieldId ? 'bloom' : 'ends',
});

/** Row groups of so many rows, the last one perhaps shorter. */
function groupsOf(rows: readonly Row[], groupRows: number) {
  const members = written.map(fieldOfFile);
  const file = new ParquetFile(members, {}, 1 << 16);
  for (let begin = 0; begin < rows.length; begin += groupRows) {
    const some = rows.slice(begin, begin + groupRows);
    file.addRows(
      written.map((field) => columnOf(field, some)),
      some.length,
    );
  }
  const reader = new ParquetFileReader(file.finish(), 'test');
  const byField = members.map((field) => ({ id: field.fieldId, chunks: reader.statistics(field) }));
  return reader.groupRows.map((count, group) => {
    const known = byField.flatMap(({ id, chunks }) => {
      const chunk = chunks[group];
      return chunk === undefined ? [] : [[id, chunk] as const];
    });
    return { rows: count, columns: new Map(known) };
  });
}

const statisticsOf = (rows: readonly Row[], groupRows: number) =>
  new SegmentStatistics(groupsOf(rows, groupRows));

const clock = { now: () => 0, monotonic: () => 0 };
const neverAborted = new AbortController().signal;
const pace = (): Pace =>
  new Pace({ clock, timers: { yield: async () => {} } } as never, { signal: neverAborted });

/** @returns what the plan says it went by, and which rows passed */
async function run(predicate: Predicate, rows: readonly Row[], groupRows: number) {
  const statistics = statisticsOf(rows, groupRows);
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const columns: ColumnSource = { view: (fieldId) => views.get(fieldId) };
  const plan = planFilter(predicate, {
    rowCount: rows.length,
    sourceOf: () => undefined,
    blocksOf: () => undefined,
    groupsOf: (leaf) => statistics.groupsOf(leaf),
    scanNanos: () => 1e9,
  });
  const result = await runPlan({ plan, columns, rowCount: rows.length, kept: undefined, pace: pace() });
  const { candidates } = plan;
  return {
    by: candidates?.kind === 'skipped' ? candidates.by : (candidates?.kind ?? 'scan'),
    passing: rows.flatMap((_, row) => (isBitSet(result.bits, row) ? [row] : [])),
    scanned: result.scanned,
  };
}

async function expectNoneLost(predicate: Predicate, rows: readonly Row[], groupRows: number): Promise<void> {
  const { passing } = await run(predicate, rows, groupRows);
  expect(passing).toEqual(rows.flatMap((row, at) => (evaluate(predicate, row) === true ? [at] : [])));
}

const someRows = fc.array(anyRow, { minLength: 1, maxLength: 12 });
const size = fc.integer({ min: 1, max: 5 });
const compare = (field: FieldRef, op: '==' | '<' | '>' | '!=', value: Literal): Leaf => ({
  ...{ kind: 'compare', op, value },
  operand: {
    kind: 'field',
    type: value.type === 'list' ? 'list' : value.type,
    field,
  },
});
const int = (value: bigint): Literal => ({ type: 'int', value });
const rowsOf = (field: FieldRef, values: readonly unknown[]): Row[] =>
  values.map((value) => new Map([[field.fieldId, value]]));
const textOf = (value: string): Literal => ({ type: 'text', value });

describe('statistics of row groups', () => {
  for (const family of families)
    it(`lose no row of a leaf: ${family}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          leafFamilies[family] as fc.Arbitrary<Leaf>,
          someRows,
          size,
          fc.boolean(),
          async (one, rows, groupRows, isNot) => {
            await expectNoneLost(isNot ? { kind: 'not', operand: one } : one, rows, groupRows);
          },
        ),
        { numRuns: 200 },
      );
    });

  it('lose no row of a whole filter', async () => {
    await fc.assert(
      fc.asyncProperty(anyPredicate, someRows, size, async (predicate, rows, groupRows) => {
        await expectNoneLost(predicate, rows, groupRows);
      }),
      { numRuns: 400 },
    );
  });

  it('skip what cannot pass, and say why', async () => {
    const ints = rowsOf(int64, [2n ** 53n + 1n, 2n ** 53n + 3n, 2n ** 53n + 5n, null]);
    const by = async (leaf: Predicate, rows = ints) => (await run(leaf, rows, 2)).by;
    expect(await by(compare(int64, '==', int(2n ** 53n)))).toBe('min/max');
    expect(await by(compare(int64, '==', int(2n ** 53n + 2n)))).toBe('bloom and min/max');
    expect(await by(compare(int64, '==', int(2n ** 53n + 4n)))).toBe('min/max');
    expect(await by(compare(int64, '==', int(2n ** 53n + 5n)))).toBe('blocks');
    expect(await by(compare(int64, '>', int(2n ** 53n + 4n)))).toBe('blocks');
    expect(await by(compare(int64, '>', int(2n ** 53n + 5n)))).toBe('min/max');
    expect(await by({ kind: 'is-null', field: int64, negated: false })).toBe('blocks');
    expect(await by({ kind: 'is-null', field: int64, negated: false }, ints.slice(0, 3))).toBe('null counts');
    const nulls = rowsOf(int64, [null, null]);
    expect(await by(compare(int64, '!=', int(7n)), nulls)).toBe('null counts');
    const [low, high] = [compare(int64, '<', int(0n)), compare(int64, '>', int(2n ** 60n))];
    expect(await by({ kind: 'or', operands: [low, high] })).toBe('min/max');
    expect(await by({ kind: 'and', operands: [compare(int64, '!=', int(7n)), low] })).toBe('min/max');
    const { scanned } = await run(compare(int64, '==', int(2n ** 53n + 5n)), ints, 2);
    expect(scanned).toBe(2);
  });

  it('know nothing where there is a NaN, and zeros on both sides', () => {
    const chunkOf = (field: FieldRef, values: readonly unknown[]) =>
      groupsOf(rowsOf(field, values), values.length)[0]?.columns.get(field.fieldId);
    expect(chunkOf(double, [1, Number.NaN])).toMatchObject({ nulls: 0, least: undefined, most: undefined });
    expect(chunkOf(float, [null, 0.5, -Infinity])).toMatchObject({ nulls: 1, least: -Infinity, most: 0.5 });
    expect(chunkOf(double, [0])).toMatchObject({ least: -0, most: 0 });
    expect(chunkOf(double, [-0])).toMatchObject({ least: -0, most: 0 });
  });

  it('cut long texts outwards', async () => {
    const long = [`${'a'.repeat(63)}éé`, 'a'.repeat(200), '\u{10ffff}'.repeat(40), ''];
    for (const one of long)
      for (const other of long) {
        const rows = rowsOf(text, [one, other]);
        for (const op of ['==', '<', '>'] as const)
          for (const value of [...long, `${one}x`, one.slice(0, 30)])
            await expectNoneLost(compare(text, op, textOf(value)), rows, 1);
        const prefix = { kind: 'prefix', text: one.slice(0, 70) } as const;
        const operand = { kind: 'field', type: 'text', field: text } as const;
        await expectNoneLost({ kind: 'like', operand, pattern: prefix }, rows, 1);
      }
    const chunk = groupsOf(rowsOf(text, [long[1]]), 1)[0]?.columns.get(text.fieldId);
    expect(chunk).toMatchObject({
      least: new TextEncoder().encode('a'.repeat(64)),
      most: new TextEncoder().encode(`${'a'.repeat(63)}b`),
    });
  });
});
