// How a field's values look in a Parquet file: a leaf of some physical type, perhaps inside lists, with the annotations by which other
// tools know what the bytes mean. Files of version 1 had every field as one leaf.
import type { SchemaElement } from 'hyparquet';
import { DataType, fixedWidth, isStringType, plainTypes } from '#model/schema/data-type.js';

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
  /** What arrays and arrays of vectors consist of; 0 for other types. */
  readonly elementType: number;
  readonly dim: number;
  /** Rows may be null. */
  readonly isOptional: boolean;
  readonly isCompressed: boolean;
  /** What the footer says of each row group: null count and ends of the values, with `bloom` also which values it certainly has not. */
  readonly statistics?: 'ends' | 'bloom';
}

/** A field as far as its type goes. */
export type FieldType = Pick<ParquetField, 'dataType' | 'elementType' | 'dim'>;

/** What one leaf value is: a type of columns, and the dim of such a column. */
export interface Leaf {
  readonly dataType: number;
  readonly dim: number;
}

/** Where a field's leaf lies. */
export interface ColumnShape {
  readonly leaf: Leaf;
  /** A row is a list of any length. */
  readonly isList: boolean;
  /** Each row, or each entry of its list, is a list of so many leafs; 0: it is one leaf. */
  readonly innerLength: number;
}

const listedElements: ReadonlySet<number> = new Set([...plainTypes, DataType.String, DataType.Text]);

/** The shape of version 2. */
export function shapeOf({ dataType, elementType, dim }: FieldType): ColumnShape {
  if (dataType === DataType.Array && listedElements.has(elementType))
    return { leaf: { dataType: elementType, dim: 0 }, isList: true, innerLength: 0 };
  if (dataType === DataType.ArrayOfVector && fixedWidth(elementType, dim) !== undefined && dim > 0)
    return { ...vectorShape(elementType, dim), isList: true };
  return vectorShape(dataType, dim);
}

/** The shape of version 1: whatever a row is, it is one leaf. */
export const leafShape = ({ dataType, dim }: FieldType): ColumnShape => ({
  leaf: { dataType, dim },
  isList: false,
  innerLength: 0,
});

/** Vectors whose elements other tools know are lists of them; the others are bytes. */
function vectorShape(dataType: number, dim: number): ColumnShape {
  if (dataType === DataType.FloatVector && dim > 0)
    return { leaf: { dataType: DataType.Float, dim: 0 }, isList: false, innerLength: dim };
  // A Float16Vector of dim 1 is one number of two bytes, which is the type that Parquet calls FLOAT16.
  if (dataType === DataType.Float16Vector && dim > 0)
    return { leaf: { dataType, dim: 1 }, isList: false, innerLength: dim };
  return { leaf: { dataType, dim }, isList: false, innerLength: 0 };
}

export const isNested = ({ isList, innerLength }: ColumnShape): boolean => isList || innerLength > 0;

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

/** Bytes of a leaf in a page; undefined: length-prefixed (BYTE_ARRAY) or a bit (BOOLEAN). */
export function leafBytes({ dataType, dim }: Leaf): number | undefined {
  switch (physicalType(dataType)) {
    case 'INT32':
    case 'FLOAT':
      return 4;
    case 'INT64':
    case 'DOUBLE':
      return 8;
    case 'FIXED_LEN_BYTE_ARRAY':
      return fixedWidth(dataType, dim);
    default:
      return undefined;
  }
}

/** Bytes in a page of one row, or of one entry of its list; undefined as for its leaf. */
export function entryBytes({ leaf, innerLength }: ColumnShape): number | undefined {
  const width = leafBytes(leaf);
  return width === undefined ? undefined : width * Math.max(1, innerLength);
}

/** The elements of the file's schema for one column, in depth-first order. */
export function shapeElements(shape: ColumnShape, column: ElementName): SchemaElement[] {
  const depth = (shape.isList ? 1 : 0) + (shape.innerLength > 0 ? 1 : 0);
  const elements: SchemaElement[] = [];
  for (let level = 0; level <= depth; level++) {
    const own = level === 0 ? column : { name: 'element', isOptional: false };
    if (level === depth) elements.push(leafElement(shape.leaf, own));
    else elements.push(...listElements(own));
  }
  return elements;
}

/** The path of the leaf, as column chunks name it. */
export function leafPath(name: string, { isList, innerLength }: ColumnShape): string[] {
  const step = ['list', 'element'];
  return [name, ...(isList ? step : []), ...(innerLength > 0 ? step : [])];
}

interface ElementName {
  readonly name: string;
  readonly isOptional: boolean;
}

const repetition = ({ isOptional }: ElementName): 'OPTIONAL' | 'REQUIRED' =>
  isOptional ? 'OPTIONAL' : 'REQUIRED';

const listElements = (own: ElementName): SchemaElement[] => [
  {
    name: own.name,
    repetition_type: repetition(own),
    num_children: 1,
    converted_type: 'LIST',
    logical_type: { type: 'LIST' },
  },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
];

function leafElement({ dataType, dim }: Leaf, own: ElementName): SchemaElement {
  const type = physicalType(dataType);
  const element: SchemaElement = { name: own.name, type, repetition_type: repetition(own) };
  if (type === 'FIXED_LEN_BYTE_ARRAY') element.type_length = fixedWidth(dataType, dim) ?? 0;
  if (isStringType(dataType)) {
    element.converted_type = 'UTF8';
    element.logical_type = { type: 'STRING' };
  } else if (dataType === DataType.JSON) {
    element.converted_type = 'JSON';
    element.logical_type = { type: 'JSON' };
  } else if (dataType === DataType.Timestamptz) {
    element.converted_type = 'TIMESTAMP_MICROS';
    element.logical_type = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' };
  } else if (dataType === DataType.Float16Vector && dim === 1) element.logical_type = { type: 'FLOAT16' };
  else if (dataType === DataType.Int8) element.converted_type = 'INT_8';
  else if (dataType === DataType.Int16) element.converted_type = 'INT_16';
  return element;
}
