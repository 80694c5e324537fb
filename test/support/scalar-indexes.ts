// Scalar indexes of every kind over the rows of `row-cases.ts`, each through the bytes of its file.
import type { FieldRef } from '#expr/typed.js';
import { scalarBuild } from '#index/scalar/build-scalar-index.js';
import type { ScalarIndex, ScalarIndexSpec } from '#index/scalar/scalar-index.js';
import { decodeScalarIndexFile } from '#index/scalar/scalar-index-file.js';
import { DataType } from '#model/schema/data-type.js';
import type { Row } from '../oracle/predicate-oracle.js';
import { fields } from './row-cases.js';
import { columnOf } from './row-columns.js';

const jsonPaths = [['a'], ['b'], ['b', '0'], [], ['x"y']];
/** Whole documents, and what is below a key. */
const wholes: readonly ScalarIndexSpec[] = [
  { kind: 'paths', path: [] },
  { kind: 'paths', path: ['b'] },
];
const casts = ['bool', 'double', 'text'] as const;

function specsOf(field: FieldRef): ScalarIndexSpec[] {
  switch (field.dataType) {
    case DataType.Array:
      return [{ kind: 'elements' }];
    case DataType.VarChar:
      return [
        { kind: 'values' },
        ...[[1, 2], [2, 3], [3]].map((sizes) => ({ kind: 'grams', sizes, path: undefined }) as const),
      ];
    case DataType.JSON:
      return wholes.concat(
        jsonPaths.flatMap((path): ScalarIndexSpec[] => [
          ...casts.flatMap((cast): ScalarIndexSpec[] => [
            { kind: 'path', path, cast, isList: false },
            { kind: 'path', path, cast, isList: true },
          ]),
          { kind: 'grams', sizes: [2], path },
        ]),
      );
    case DataType.Geometry:
      return [{ kind: 'boxes' }];
    default:
      return [{ kind: 'values' }];
  }
}

export interface NamedScalarIndex {
  readonly index: ScalarIndex;
  readonly indexType: string;
}

function indexOf(field: FieldRef, spec: ScalarIndexSpec, rows: readonly Row[]): ScalarIndex {
  const column = columnOf(field, rows);
  const input = { column, elementType: field.elementType, rowCount: rows.length, spec };
  return decodeScalarIndexFile(scalarBuild(input));
}

export const indexesOf = (rows: readonly Row[], of: readonly FieldRef[] = fields): NamedScalarIndex[] =>
  of.flatMap((field) =>
    specsOf(field).map((spec) => ({ index: indexOf(field, spec, rows), indexType: spec.kind })),
  );
