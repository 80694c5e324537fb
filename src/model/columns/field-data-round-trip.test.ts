// Rows go in, out and in again without a loss, and damaged requests are refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { InsertRequest } from '#proto/milvus/milvus.js';
import { DataType, FieldData } from '#proto/milvus/schema.js';
import {
  floats,
  ints,
  jsons,
  longs,
  schemaOf,
  texts,
  two,
  vectors,
} from '../../../test/support/field-data.js';
import { keyColumn } from './auto-ids.js';
import { findColumn, isNull, stringAt } from './column.js';
import { batchFromFields } from './field-data-in.js';
import { columnFromIds, countFieldData, fieldsFromBatch, idsFromColumn } from './field-data-out.js';

describe('round trip in, out and in again', () => {
  const schema = schemaOf(
    [
      { name: 'b', dataType: DataType.Bool },
      { name: 'i16', dataType: DataType.Int16, nullable: true },
      {
        name: 's',
        dataType: DataType.VarChar,
        nullable: true,
        typeParams: [{ key: 'max_length', value: '1000' }],
      },
      { name: 'j', dataType: DataType.JSON, nullable: true },
      { name: 'f', dataType: DataType.Float },
    ],
    { enableDynamicField: true },
  );
  const row = fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    vec: fc.tuple(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ noNaN: true, noDefaultInfinity: true }),
    ),
    b: fc.boolean(),
    i16: fc.option(fc.integer({ min: -32768, max: 32767 })),
    s: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 })),
    j: fc.option(fc.json()),
    f: fc.float({ noNaN: true, noDefaultInfinity: true }),
  });
  it('keeps every value', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
        const valid = (key: 'i16' | 's' | 'j') => ({ validData: rows.map((one) => one[key] !== null) });
        const sent = [
          longs(
            'id',
            rows.map((one) => one.id),
          ),
          vectors(rows.flatMap((one) => one.vec)),
          FieldData.create({
            type: DataType.Bool,
            fieldName: 'b',
            field: {
              $case: 'scalars',
              value: {
                data: { $case: 'boolData', value: { data: Uint8Array.from(rows, (one) => Number(one.b)) } },
              },
            },
          }),
          ints(
            'i16',
            DataType.Int16,
            rows.flatMap((one) => one.i16 ?? []),
            valid('i16'),
          ),
          texts(
            's',
            rows.flatMap((one) => one.s ?? []),
            valid('s'),
          ),
          jsons(
            'j',
            rows.map((one) => one.j ?? ''),
            valid('j'),
          ),
          floats(
            'f',
            rows.map((one) => one.f),
          ),
        ];
        const batch = batchFromFields(schema, sent, rows.length);
        const out = fieldsFromBatch(
          schema,
          batch,
          schema.fields.map((field) => field.fieldID),
        );
        const text = findColumn(batch, 104n);
        expect(text && rows.map((_, at) => (isNull(text, at) ? null : stringAt(text, at)))).toEqual(
          rows.map((one) => one.s),
        );
        expect(out.at(-1)?.isDynamic).toBe(true);
        expect(out.map((field) => field.validData.length)).toEqual([
          0,
          0,
          0,
          rows.length,
          rows.length,
          rows.length,
          0,
          0,
        ]);
        const wire = InsertRequest.decode(
          InsertRequest.encode(InsertRequest.create({ fieldsData: out })).finish(),
        );
        expect(batchFromFields(schema, wire.fieldsData, rows.length)).toEqual(batch);
        const key = keyColumn(schema, batch);
        expect(columnFromIds(idsFromColumn(key), 100n)).toEqual(key);
      }),
    );
  });
  it('answers count(*) and text ids', () => {
    expect(countFieldData(300n)).toEqual(longs('count(*)', [300n]));
    const ids = columnFromIds({ idField: { $case: 'strId', value: { data: ['a', 'é'] } } }, 1n);
    expect(idsFromColumn(ids).idField).toEqual({ $case: 'strId', value: { data: ['a', 'é'] } });
    expect(columnFromIds(undefined, 1n).data).toHaveLength(0);
  });
});

describe('fuzz', () => {
  it('damaged requests are refused, never crash', () => {
    const schema = schemaOf(
      [
        {
          name: 's',
          dataType: DataType.VarChar,
          nullable: true,
          typeParams: [{ key: 'max_length', value: '9' }],
        },
      ],
      {
        enableDynamicField: true,
      },
    );
    const good = InsertRequest.encode(
      InsertRequest.create({
        fieldsData: [...two, texts('s', ['a', 'b']), jsons('$meta', ['{}', '{"k":1}'])],
      }),
    ).finish();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = good.slice();
          for (const [at, value] of changes) bytes[at] = value;
          let request: InsertRequest;
          try {
            request = InsertRequest.decode(bytes);
          } catch {
            return;
          }
          try {
            expect(batchFromFields(schema, request.fieldsData, 2).rowCount).toBe(2);
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
