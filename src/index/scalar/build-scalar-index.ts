// Builds the scalar index of a column of all rows, in the order of a segment. It takes a second or two for a million texts: on a worker thread.
import type { ColumnView, VariableView } from '#expr/evaluate/column-view.js';
import { viewOf } from '#expr/evaluate/column-view.js';
import { type Box, boundsOf } from '#model/geometry/bounds.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { commonPaths } from '#model/json/common-paths.js';
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
  const { fieldId } = column;
  if (spec.kind === 'paths')
    return new ScalarIndex(fieldId, spec, pathsBelow(fieldId, variable(view), spec.path, rowCount));
  return new ScalarIndex(fieldId, spec, structureOf(view, elementType, rowCount, spec));
}

function structureOf(
  view: ColumnView,
  elementType: number,
  rowCount: number,
  spec: Exclude<ScalarIndexSpec, { kind: 'paths' }>,
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

/** Rows whose texts say which paths there are. */
const SAMPLED_ROWS = 2048;
/** Each is looked for in every text. */
const PATHS_MAX = 64;
/** Smaller indexes are built whatever the texts take. */
const FREE_BYTES = 1 << 20;

/** The paths that texts most often have, as many as take no more bytes than the texts. */
function pathsBelow(
  fieldId: bigint,
  view: VariableView,
  prefix: readonly string[],
  rowCount: number,
): ScalarStructure {
  const most = Math.max(FREE_BYTES, view.data.length);
  const indexes: ScalarIndex[] = [];
  let bytes = 0;
  for (const { path, type: cast, isList } of commonPaths(sampled(view, rowCount), prefix, PATHS_MAX)) {
    const { entries, isExact } = entriesOfPath(view, path, { cast, isList }, rowCount);
    bytes += entries.rows.length * BYTES_PER_ENTRY;
    if (bytes > most) break;
    const structure = ordered(entries, rowCount, isExact);
    indexes.push(new ScalarIndex(fieldId, { kind: 'path', path, cast, isList }, structure));
  }
  return { kind: 'paths', rowCount, indexes };
}

/** A row number, and a value of which several rows have one. */
const BYTES_PER_ENTRY = 8;

function* sampled({ data, offsets, valid }: VariableView, rowCount: number): Generator<string> {
  const step = Math.max(1, Math.floor(rowCount / SAMPLED_ROWS));
  const decoder = new TextDecoder();
  for (let row = 0; row < rowCount; row += step)
    if (valid.length === 0 || valid[row] !== 0)
      yield decoder.decode(data.subarray(offsets[row] as number, offsets[row + 1] as number));
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
