// Points in time of an answer as arrays of their parts, where a query or a search asks for these by `time_fields`.
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { findColumn, int64At, isNull } from '#model/columns/column.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { DataType } from '#model/schema/data-type.js';
import { type TimePart, timePartsOf } from '#model/time/time-parts.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { FieldData, ScalarField } from '#proto/milvus/schema.js';

/** How points in time are written. */
export interface TimeForm {
  /** Undefined: UTC. */
  readonly zone: string | undefined;
  /** Empty: as texts. */
  readonly parts: readonly TimePart[];
}

/** The fields, with an array of parts in place of each text of a point in time. @param rows what the fields were made of */
export function withTimeParts(
  fields: FieldData[],
  rows: ColumnBatch,
  { zone = 'UTC', parts }: TimeForm,
): FieldData[] {
  if (parts.length === 0) return fields;
  return fields.map((field) => {
    if (field.type !== DataType.Timestamptz) return field;
    const from = must(findColumn(rows, field.fieldId), `column of field ${field.fieldName}`);
    const data = Array.from({ length: rows.rowCount }, (_, row) => partsOfRow(from, row, zone, parts));
    const value = { data: { $case: 'arrayData', value: { data, elementType: DataType.Int64 } } } as const;
    return { ...field, type: DataType.Array, field: { $case: 'scalars', value } };
  });
}

function partsOfRow(from: Column, row: number, zone: string, parts: readonly TimePart[]): ScalarField {
  const values = isNull(from, row) ? [] : timePartsOf(int64At(from, row), zone, parts);
  return {
    data: { $case: 'longData', value: { data: encodeInt64s(bytesView(BigInt64Array.from(values))) } },
  };
}
