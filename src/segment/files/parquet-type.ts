// How a field's values look in a Parquet file: its physical type, and the annotation by which other tools know what the bytes mean.
import type { SchemaElement } from 'hyparquet';
import { DataType, fixedWidth, isStringType } from '#model/schema/data-type.js';

export type PhysicalType =
  | 'BOOLEAN'
  | 'INT32'
  | 'INT64'
  | 'FLOAT'
  | 'DOUBLE'
  | 'BYTE_ARRAY'
  | 'FIXED_LEN_BYTE_ARRAY';
export interface ParquetField {
  readonly fieldId: bigint;
  readonly name: string;
  readonly dataType: number;
  readonly dim: number;
  /** Rows may be null. */
  readonly isOptional: boolean;
  readonly isCompressed: boolean;
}

export function physicalType(dataType: number): PhysicalType {
  switch (dataType) {
    case DataType.Bool:
      return 'BOOLEAN';
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
    case DataType.Date:
      return 'INT32';
    case DataType.Int64:
    case DataType.Timestamptz:
    case DataType.Time:
      return 'INT64';
    case DataType.Float:
      return 'FLOAT';
    case DataType.Double:
      return 'DOUBLE';
    default:
      return fixedWidth(dataType, 8) === undefined ? 'BYTE_ARRAY' : 'FIXED_LEN_BYTE_ARRAY';
  }
}

/** Bytes of a value in a page; undefined: length-prefixed (BYTE_ARRAY) or a bit (BOOLEAN). */
export function valueBytes(field: Pick<ParquetField, 'dataType' | 'dim'>): number | undefined {
  switch (physicalType(field.dataType)) {
    case 'INT32':
    case 'FLOAT':
      return 4;
    case 'INT64':
    case 'DOUBLE':
      return 8;
    case 'FIXED_LEN_BYTE_ARRAY':
      return fixedWidth(field.dataType, field.dim);
    default:
      return undefined;
  }
}

export function schemaElement(field: ParquetField): SchemaElement {
  const type = physicalType(field.dataType);
  const element: SchemaElement = {
    name: field.name,
    type,
    repetition_type: field.isOptional ? 'OPTIONAL' : 'REQUIRED',
  };
  if (type === 'FIXED_LEN_BYTE_ARRAY') element.type_length = fixedWidth(field.dataType, field.dim) ?? 0;
  if (isStringType(field.dataType)) element.converted_type = 'UTF8';
  else if (field.dataType === DataType.JSON) element.converted_type = 'JSON';
  else if (field.dataType === DataType.Int8) element.converted_type = 'INT_8';
  else if (field.dataType === DataType.Int16) element.converted_type = 'INT_16';
  return element;
}
