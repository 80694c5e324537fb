// What a segment knows of the leaves of a filter: the facts of a plan.
import type { ColumnSource } from '#expr/evaluate/column-view.js';
import { BLOCK_ROWS } from '#expr/evaluate/rows.js';
import type { FieldRef, Leaf, Operand } from '#expr/typed.js';
import { type LeafAnswer, listAnswer } from '#index/scalar/leaf-answer.js';
import { type BlockRanges, mayHold } from '#index/scalar/statistics/block-ranges.js';
import { SET_MAX } from '#index/scalar/value-answers.js';
import type { Key } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { SegmentWords, WordsLeaf } from '#segment/words/segment-words.js';
import type { BlockSource, FilterFacts, Source } from './filter-plan.js';
import { numbersOf } from './leaf-numbers.js';
import { type RowRange, rangesSource } from './rows-in-ranges.js';
import { scanNanos } from './scan-cost.js';
import type { LoadedScalarIndex, SealedParts } from './sealed-parts.js';

/** What of a segment its facts come from. */
interface FactsSource {
  readonly schema: CollectionSchema;
  readonly sealed: SealedParts | undefined;
  readonly words: Pick<SegmentWords, 'answer'>;
  /** All rows of the keys, older and deleted ones too. */
  rowsOf(keys: Iterable<Key>): Iterable<number>;
}

type NamedIndex = Pick<LoadedScalarIndex, 'index' | 'indexType'>;

export function factsOf(data: FactsSource, rowCount: number, columns: ColumnSource): FilterFacts {
  return {
    rowCount,
    sourceOf: (leaf) =>
      leaf.kind === 'words'
        ? wordsSource(data, rowCount, columns, leaf)
        : (keySource(data, rowCount, leaf) ?? indexSource(data, rowCount, leaf)),
    blocksOf: (leaf) => blockSource(data, rowCount, columns, leaf),
    groupsOf: (leaf) => sealedOf(data, rowCount)?.statistics?.groupsOf(leaf),
    scanNanos: (predicate) =>
      scanNanos(predicate, ({ field, path }) => columns.keptShare?.(field.fieldId, path) ?? 0),
  };
}

/** Exact, in growing segments too. */
function wordsSource(
  { words }: FactsSource,
  rowCount: number,
  columns: ColumnSource,
  leaf: WordsLeaf,
): Source | undefined {
  const answer = words.answer(leaf, rowCount, columns);
  return answer && { name: 'words of texts', answer };
}

/** The rows of primary keys, older rows of a key too: the table of keys is there for every segment. */
function keySource(data: FactsSource, rowCount: number, leaf: Leaf): Source | undefined {
  const fieldId = primaryField(data.schema).fieldID;
  const keys = keysOf(leaf, fieldId);
  if (keys === undefined) return undefined;
  const answer: LeafAnswer = {
    rowsMax: Math.min(rowCount, keys.length),
    isExact: true,
    addTo(bits) {
      const rows = [...data.rowsOf(keys)].filter((row) => row < rowCount);
      listAnswer(rows, true).addTo(bits);
    },
  };
  return { name: 'primary key', answer };
}

function keysOf(leaf: Leaf, fieldId: bigint): Key[] | undefined {
  if ((leaf.kind !== 'compare' && leaf.kind !== 'in') || !isField(leaf.operand, fieldId)) return undefined;
  if (leaf.kind === 'in') {
    const { ints, texts } = leaf.values;
    if ('numbers' in texts || ints.length + texts.length > SET_MAX) return undefined;
    return [...ints, ...texts];
  }
  if (leaf.op !== '==' && leaf.op !== '!=') return undefined;
  const { value } = leaf;
  return value.type === 'int' || value.type === 'text' ? [value.value] : undefined;
}

const isField = (operand: Operand, fieldId: bigint): boolean =>
  operand.kind === 'field' && operand.field.fieldId === fieldId;

function indexSource(data: FactsSource, rowCount: number, leaf: Leaf): Source | undefined {
  const sealed = sealedOf(data, rowCount);
  return sealed && bestSource(sealed.indexes, leaf);
}

/** Chooses, among the indexes that know the leaf, the one that names the fewest rows; among equal ones that which needs no second look. */
export function bestSource(indexes: Iterable<NamedIndex>, leaf: Leaf): Source | undefined {
  let best: Source | undefined;
  for (const { index, indexType } of indexes) {
    const answer = index.answer(leaf);
    if (answer === undefined) continue;
    const isBetter =
      best === undefined ||
      answer.rowsMax < best.answer.rowsMax ||
      (answer.rowsMax === best.answer.rowsMax && answer.isExact && !best.answer.isExact);
    if (isBetter) best = { name: indexType, answer };
  }
  return best;
}

/** What is known of rows that are complete. */
const sealedOf = ({ sealed }: FactsSource, rowCount: number): SealedParts | undefined =>
  sealed?.rowCount === rowCount ? sealed : undefined;

function blockSource(
  data: FactsSource,
  rowCount: number,
  columns: ColumnSource,
  leaf: Leaf,
): BlockSource | undefined {
  const sealed = sealedOf(data, rowCount);
  if (sealed === undefined) return undefined;
  return blocksWithin(leaf, (fieldId) => {
    const view = columns.view(fieldId);
    return view && sealed.rangesOf(fieldId, view);
  });
}

const fieldOf = (leaf: Leaf): FieldRef | undefined =>
  'operand' in leaf && leaf.operand.kind === 'field' && leaf.operand.type !== 'list'
    ? leaf.operand.field
    : undefined;

/** The blocks that may have rows for which a leaf over one field of numbers is true. */
export function blocksWithin(
  leaf: Leaf,
  rangesOf: (fieldId: bigint) => BlockRanges | undefined,
): BlockSource | undefined {
  const field = fieldOf(leaf);
  const bounds = field && numbersOf(leaf);
  const ranges = bounds && rangesOf(field.fieldId);
  if (bounds === undefined || ranges === undefined) return undefined;
  const { rowCount } = ranges;
  const blocks: RowRange[] = [];
  for (let block = 0; block < ranges.least.length; block++) {
    if (!mayHold(ranges, block, bounds)) continue;
    const begin = block * BLOCK_ROWS;
    blocks.push({ begin, count: Math.min(BLOCK_ROWS, rowCount - begin) });
  }
  return rangesSource(blocks, 'ranges of blocks');
}
