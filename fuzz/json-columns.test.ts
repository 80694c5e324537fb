// Rows of JSON to columns by two ways that must not differ: values as programs write them, which quick readers take from their bytes, and the
// same values written so that none of them is quick. Damaged rows end in a typed error, and none is taken that is no JSON.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { findColumn } from '#model/columns/column.js';
import { jsonBytesOf, jsonBytesOfText } from '#model/json/json-bytes.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { DataType } from '#model/schema/data-type.js';
import { ColumnBatch } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { damaged, SEED } from './invariant.js';

const params = (key: string, value: number) => ({ typeParams: [{ key, value: String(value) }] });
const schema = CollectionSchema.fromPartial({
  name: 'c',
  enableDynamicField: true,
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'i8', dataType: DataType.Int8, nullable: true },
    { fieldID: 102n, name: 'i16', dataType: DataType.Int16, nullable: true },
    { fieldID: 103n, name: 'i32', dataType: DataType.Int32, nullable: true },
    { fieldID: 104n, name: 'd', dataType: DataType.Double, nullable: true },
    { fieldID: 105n, name: 'text', dataType: DataType.VarChar, nullable: true, ...params('max_length', 20) },
    { fieldID: 106n, name: 'v', dataType: DataType.FloatVector, ...params('dim', 3) },
    { fieldID: 107n, name: '$meta', dataType: DataType.JSON, isDynamic: true },
  ],
});

const float = fc.double({ noNaN: true, min: -1e30, max: 1e30 });
const row = fc.record(
  {
    id: fc.integer(),
    i8: fc.integer({ min: -130, max: 130 }),
    i16: fc.integer({ min: -33_000, max: 33_000 }),
    i32: fc.oneof(fc.integer(), fc.constantFrom(2 ** 31, -(2 ** 31))),
    d: float,
    text: fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme', maxLength: 8 })),
    v: fc.array(float, { minLength: 2, maxLength: 4 }),
    more: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['id', 'v'] },
);

/** Every character of a text as its escape. */
const escaped = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;

/** The same row with nothing in it that a quick reader takes, but for its vector, which has spaces and exponents. */
function slowly(one: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(one).map(([key, value]) => {
    if (key === 'more') return `"more" : ${JSON.stringify(value)}`;
    const text = Array.isArray(value)
      ? `[ ${value.map((number: number) => `${number.toExponential()} `).join(', ')}]`
      : typeof value === 'string'
        ? escaped(value)
        : JSON.stringify(value);
    return `${escaped(key)} : ${text}`;
  });
  return ` { ${members.join(' ,\n')} } `;
}

/** Bytes of the columns, or the text of the error. */
function columnsOf(rows: readonly string[]): string {
  const columns = new JsonColumns(schema);
  try {
    for (const text of rows) columns.addWhole(jsonBytesOfText(text));
  } catch (error) {
    if (!(error instanceof ElanusError)) throw error;
    return error.key;
  }
  return Buffer.from(ColumnBatch.encode(columns.finish()).finish()).toString('hex');
}

describe('rows of JSON', () => {
  it('are the same columns, however they are written', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), (rows) => {
        const quick = columnsOf(rows.map((one) => JSON.stringify(one)));
        expect(quick).toBe(columnsOf(rows.map(slowly)));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('have the integers that they say', () => {
    const sizes = [
      [100n, 'id', 8],
      [101n, 'i8', 1],
      [102n, 'i16', 2],
      [103n, 'i32', 4],
    ] as const;
    const integers = fc.tuple(
      fc.integer({ min: -(2 ** 53), max: 2 ** 53 }),
      fc.integer({ min: -128, max: 127 }),
      fc.integer({ min: -32_768, max: 32_767 }),
      fc.integer(),
    );
    fc.assert(
      fc.property(integers, (values) => {
        const members = sizes.map(([, name], at) => `"${name}":${values[at]}`);
        const columns = new JsonColumns(schema);
        columns.addWhole(jsonBytesOfText(`{${members.join(',')},"v":[1,2,3]}`));
        const batch = columns.finish();
        const found = sizes.map(([fieldId, , size]) => {
          const bytes = Buffer.from(findColumn(batch, fieldId)?.data ?? []);
          return size === 8 ? Number(bytes.readBigInt64LE()) : bytes.readIntLE(0, size);
        });
        expect(found).toEqual(values);
      }),
      { seed: SEED },
    );
  });

  it('that are damaged end in a typed error, or are JSON all the same', () => {
    const damage = fc.record({
      flips: fc.array(
        fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
        { maxLength: 3 },
      ),
      keep: fc.double({ min: 0.5, max: 1, noNaN: true }),
      more: fc.uint8Array({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(row, damage, (one, how) => {
        const bytes = new Uint8Array(damaged(new TextEncoder().encode(JSON.stringify(one)), how));
        const columns = new JsonColumns(schema);
        try {
          columns.addWhole(jsonBytesOf(bytes));
        } catch (error) {
          expect(error instanceof ElanusError || error instanceof TypeError, String(error)).toBe(true);
          return;
        }
        expect(() => JSON.parse(new TextDecoder().decode(bytes))).not.toThrow();
      }),
      { seed: SEED, numRuns: 5000 },
    );
  });
});
