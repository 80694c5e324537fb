// The index types of scalar fields: which field each may be built on, in the words of Milvus when it may not, and which one is chosen for
// a client that leaves it to the server. Data only; `scalar-index-params.ts` reads requests.
import { DataType, isStringType } from '#model/schema/data-type.js';

export const scalarIndexTypeNames = [
  'INVERTED',
  'BITMAP',
  'STL_SORT',
  'TRIE',
  'NGRAM',
  'RTREE',
  'FMINDEX',
] as const;
export type ScalarIndexType = (typeof scalarIndexTypeNames)[number];

export const isScalarIndexType = (name: string): name is ScalarIndexType =>
  scalarIndexTypeNames.some((one) => one === name);

const ints: readonly number[] = [DataType.Int8, DataType.Int16, DataType.Int32, DataType.Int64];
const isInt = (type: number): boolean => ints.includes(type);
const isFloat = (type: number): boolean => type === DataType.Float || type === DataType.Double;
const isPlain = (type: number): boolean =>
  type === DataType.Bool || isInt(type) || isFloat(type) || isStringType(type);
const isCoarse = (type: number): boolean => type === DataType.Bool || isInt(type) || isStringType(type);

export interface IndexedType {
  readonly dataType: number;
  /** Type of the elements of an Array field. */
  readonly elementType: number;
}

interface ScalarTypeSpec {
  readonly fits: (field: IndexedType) => boolean;
  /** @param type of the field, as clients name it */
  readonly refusal: (type: string) => string;
}

export const scalarIndexSpecs: Readonly<Record<ScalarIndexType, ScalarTypeSpec>> = {
  INVERTED: {
    fits: ({ dataType, elementType }) =>
      isPlain(dataType) ||
      dataType === DataType.JSON ||
      (dataType === DataType.Array && isPlain(elementType)),
    refusal: (type) => `INVERTED are not supported on ${type} field`,
  },
  BITMAP: {
    fits: ({ dataType, elementType }) =>
      isCoarse(dataType) || (dataType === DataType.Array && isCoarse(elementType)),
    refusal: () => 'bitmap index are only supported on bool, int, string and array field',
  },
  STL_SORT: {
    fits: ({ dataType }) =>
      isInt(dataType) || isFloat(dataType) || isStringType(dataType) || dataType === DataType.Timestamptz,
    refusal: () => 'STL_SORT are only supported on numeric, varchar or timestamptz field',
  },
  TRIE: {
    fits: ({ dataType }) => isStringType(dataType),
    refusal: () => 'TRIE are only supported on varchar field',
  },
  NGRAM: {
    fits: ({ dataType }) => isStringType(dataType) || dataType === DataType.JSON,
    refusal: () => 'NGRAM index can only be created on VARCHAR or JSON field',
  },
  RTREE: {
    fits: ({ dataType }) => dataType === DataType.Geometry,
    refusal: () => 'RTREE index can only be built on geometry field',
  },
  FMINDEX: {
    fits: ({ dataType }) => dataType === DataType.VarChar,
    refusal: () => 'FMINDEX index can only be created on VARCHAR field',
  },
};

/** What AUTOINDEX is; undefined: such a field has no index. */
export function chosenScalarType({ dataType }: IndexedType): ScalarIndexType | undefined {
  switch (dataType) {
    case DataType.Bool:
      return 'BITMAP';
    case DataType.Timestamptz:
      return 'STL_SORT';
    case DataType.Geometry:
      return 'RTREE';
    case DataType.Array:
    case DataType.JSON:
      return 'INVERTED';
    default:
      return isPlain(dataType) ? 'INVERTED' : undefined;
  }
}
