// Builds the scalar index of a column of all rows, in the order of a segment. It takes a second or two for a million texts: on a worker thread.
import type { ColumnView, VariableView } from '#expr/evaluate/column-view.js';
import { viewOf } from '#expr/evaluate/column-view.js';
import { type Box, boundsOf } from '#model/geometry/bounds.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import type { Column } from '#proto/elanus/data.js';
import { BoxTree } from './box-tree.js';
import { entriesOfArrays, entriesOfPath, entriesOfView } from './column-entries.js';
import type { Entries } from './entries.js';
import { GramLists } from './gram-lists.js';
import { OrderedIndex } from './ordered-index.js';
import { ScalarIndex, type ScalarIndexSpec, type ScalarStructure } from './scalar-index.js';
import { encodeScalarIndexFile } from './scalar-index-file.js';

export interface ScalarBuildInput {
  readonly column: Column;
  /** Type of the elements of an array. */
  readonly elementType: number;
  readonly rowCount: number;
  readonly spec: ScalarIndexSpec;
}

/** The task of a worker thread: the bytes of the file. */
export const scalarBuild = (input: ScalarBuildInput): Uint8Array =>
  encodeScalarIndexFile(buildScalarIndex(input));

function buildScalarIndex({ column, elementType, rowCount, spec }: ScalarBuildInput): ScalarIndex {
  const view = viewOf(column);
  return new ScalarIndex(column.fieldId, spec, structureOf(view, elementType, rowCount, spec));
}

function structureOf(
  view: ColumnView,
  elementType: number,
  rowCount: number,
  spec: ScalarIndexSpec,
): ScalarStructure {
  switch (spec.kind) {
    case 'values':
      return ordered(entriesOfView(view, rowCount), rowCount);
    case 'elements':
      return ordered(entriesOfArrays(variable(view), elementType, rowCount), rowCount);
    case 'path': {
      const { entries, isExact } = entriesOfPath(variable(view), spec.path, spec, rowCount);
      return ordered(entries, rowCount, isExact);
    }
    case 'grams': {
      const taken = { cast: 'text', isList: false } as const;
      const entries =
        spec.path === undefined
          ? entriesOfView(view, rowCount)
          : entriesOfPath(variable(view), spec.path, taken, rowCount).entries;
      if (entries.form !== 'text') throw new TypeError('numbers where texts were expected');
      return { kind: 'grams', lists: GramLists.of(entries, spec.sizes, rowCount) };
    }
    case 'boxes':
      return { kind: 'boxes', tree: BoxTree.of(boxesIn(variable(view)), rowCount) };
  }
}

const ordered = (entries: Entries, rowCount: number, isExact = true): ScalarStructure => ({
  kind: 'ordered',
  index: OrderedIndex.of(entries, rowCount),
  isExact,
});

function variable(view: ColumnView): VariableView {
  if (view.kind === 'fixed') throw new TypeError('numbers where values of variable width were expected');
  return view;
}

function boxesIn({ data, offsets, valid }: VariableView): (row: number) => Box | undefined {
  return (row) => {
    const [begin, end] = [offsets[row] as number, offsets[row + 1] as number];
    if (begin === end || (valid.length > 0 && valid[row] === 0)) return undefined;
    return boundsOf(decodeWkb(data.subarray(begin, end)));
  };
}
