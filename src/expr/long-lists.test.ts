// Lists long enough to be packed, or to bring their tables along, say what short ones say.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnFromInt64, columnFromStrings } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { plainSchema as schema } from '../../test/support/filter-schema.js';
import { type ColumnSource, viewOf } from './evaluate/column-view.js';
import { FilterEvaluator } from './evaluate/filter-evaluator.js';
import { isBitSet } from './evaluate/rows.js';
import { checkFilter } from './filter.js';
import { handFilter, takeFilter } from './handed-filter.js';
import { parseFilter } from './parse/parser.js';
import { packTexts, TextSet, unpackedTexts } from './text-set.js';
import { type PredicateFilter, TEXTS_MAX } from './typed.js';

const utf8 = new TextEncoder();

function predicateOf(text: string): PredicateFilter {
  const filter = checkFilter(schema, { text });
  if (filter.kind !== 'predicate') throw new Error(`${text.slice(0, 40)} is ${filter.kind}`);
  return filter;
}

function rowsOf({ predicate }: PredicateFilter, source: ColumnSource, count: number): number[] {
  const bits = new Uint32Array(Math.ceil(count / 32));
  new FilterEvaluator(predicate, source).evaluate(0, count, bits);
  return Array.from({ length: count }, (_, row) => row).filter((row) => isBitSet(bits, row));
}

const fieldNamed = (name: string): bigint => {
  const field = schema.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field.fieldID;
};

describe('integers of a list', () => {
  const INT64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const edges = fc.constantFrom(
    ...[0n, 10n ** 15n, 10n ** 18n, 2n ** 53n, 2n ** 62n, 2n ** 63n].flatMap((edge) =>
      [-1n, 0n, 1n].flatMap((by) => [edge + by, -(edge + by)]),
    ),
  );

  it('are read as BigInt reads them', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(INT64, edges), { minLength: 1 }), (values) => {
        const inside = values.filter((value) => value === BigInt.asIntN(64, value));
        fc.pre(inside.length > 0);
        const node = parseFilter(`i64 in [${inside.join(', ')}]`);
        expect(node).toMatchObject({ list: { kind: 'ints', values: BigInt64Array.from(inside) } });
      }),
      { numRuns: 2000 },
    );
    expect(() => checkFilter(schema, { text: `i64 in [1, ${2n ** 63n}]` })).toThrow(/int64 overflow/);
  });

  it.each([
    ['i8', '[-128, 127]'],
    ['i64', '[-129, -128, 127, 128]'],
    ['d', '[-129, -128, 127, 128]'],
  ])('become values of field %s', (name, wanted) => {
    const { predicate } = predicateOf(`${name} in [128, 127, -128, -129, 127]`);
    const values = predicate.kind === 'in' ? predicate.values : undefined;
    const all = [...(values?.ints ?? []), ...(values?.doubles ?? [])];
    expect(`[${all.join(', ')}]`).toBe(wanted);
  });
});

describe('many texts', () => {
  const count = TEXTS_MAX + 1000;
  const texts = Array.from({ length: count * 2 }, (_, at) => (at % 7 === 0 ? `wörter ${at}` : `k${at}`));
  const half = texts.filter((_, at) => at % 2 === 0);
  const source: ColumnSource = {
    view: (fieldId) =>
      fieldId === fieldNamed('s')
        ? viewOf(columnFromStrings(fieldId, DataType.VarChar, texts))
        : viewOf(
            columnFromStrings(
              fieldId,
              DataType.JSON,
              texts.map((text) => JSON.stringify([text, 'a'])),
            ),
          ),
  };
  const list = (values: readonly string[]): string => `[${values.map((value) => `"${value}"`).join(',')}]`;
  const even = texts.flatMap((_, at) => (at % 2 === 0 ? [at] : []));

  it('are a table without repetitions', () => {
    const packed = packTexts([...half, ...half, '']);
    expect(packed.length).toBe(half.length + 1);
    expect([...unpackedTexts(packed)]).toEqual([...half, '']);
    const set = new TextSet(packed);
    for (const [at, text] of texts.entries()) {
      const bytes = utf8.encode(`x${text}x`);
      expect(set.indexOf(bytes, 1, bytes.length - 1)).toBe(at % 2 === 0 ? at / 2 : -1);
    }
  });

  it('pass the rows that they are', () => {
    const long = predicateOf(`s in ${list([...half, ...half])}`);
    expect(long.predicate).toMatchObject({ kind: 'in', values: { texts: { length: half.length } } });
    expect(rowsOf(long, source, texts.length)).toEqual(even);
    expect(rowsOf(predicateOf(`s not in ${list(half)}`), source, texts.length)).toHaveLength(count);
  });

  it('pass the rows that have one of them, or all', () => {
    const any = predicateOf(`json_contains_any(j, ${list(half)})`);
    expect(rowsOf(any, source, texts.length)).toEqual(even);
    const two = predicateOf(`json_contains_all(j, ["a", ${'"k2",'.repeat(TEXTS_MAX + 1)}])`);
    expect(rowsOf(two, source, texts.length)).toEqual([2]);
  });

  it('join other lists, and are short again where most are repeated', () => {
    const joined = predicateOf(`s == "k1" or s in ${list(half)} or s == "k3"`);
    expect(joined.predicate).toMatchObject({ kind: 'in', values: { texts: { length: half.length + 2 } } });
    expect(rowsOf(joined, source, texts.length)).toEqual([...even, 1, 3].sort((a, b) => a - b));
    const few = predicateOf(`s in ${list([...Array.from(half, () => 'b'), 'a'])}`);
    expect(few.predicate).toMatchObject({ kind: 'in', values: { texts: ['a', 'b'] } });
  });
});

describe('a filter that is handed to another thread', () => {
  const numbers = Array.from({ length: 30_000 }, (_, at) => BigInt(at) ** 3n);
  const source: ColumnSource = {
    view: (fieldId) => viewOf(columnFromInt64(fieldId, BigInt64Array.from(numbers))),
  };

  it('brings the tables of its sets along, in shared memory', () => {
    const chosen = numbers.filter((_, at) => at % 3 === 0);
    const filter = predicateOf(`i64 > 0 and (i64 in [${chosen.join(',')}] or i64 == 1)`);
    const handed = structuredClone(handFilter(filter));
    expect(handed.tables).toHaveLength(1);
    expect(handed.tables[0]?.words.buffer).toBeInstanceOf(SharedArrayBuffer);
    const taken = takeFilter(handed);
    if (taken.kind !== 'predicate') throw new Error(taken.kind);
    const rows = rowsOf(taken, source, numbers.length);
    expect(rows).toEqual(rowsOf(filter, source, numbers.length));
    expect(rows).toHaveLength(10_000);
  });

  it('takes the table that came instead of making one', () => {
    const filter = predicateOf(`i64 in [${numbers.join(',')}]`);
    const [table] = handFilter(filter).tables;
    if (table === undefined || filter.predicate.kind !== 'in') throw new Error('no table');
    const values = filter.predicate.values.ints.slice();
    const empty = { ...table, values, numbers: new Int32Array(table.numbers.length) };
    takeFilter({ filter, tables: [empty] });
    const other: PredicateFilter = {
      ...filter,
      predicate: { ...filter.predicate, values: { ...filter.predicate.values, ints: values } },
    };
    expect(rowsOf(other, source, numbers.length)).toEqual([]);
  });
});
