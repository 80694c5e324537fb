// A scalar index of one field of a sealed segment, whatever it is made of: asked for the rows of a leaf of a filter. What it indexes is its
// spec, which stands in its file: so a file says by itself what it can answer.
import type { Leaf, Operand } from '#expr/typed.js';
import { answerByBoxes } from './box-answers.js';
import type { BoxTree } from './box-tree.js';
import type { JsonCast } from './column-entries.js';
import { answerByGrams } from './gram-answers.js';
import type { GramLists } from './gram-lists.js';
import type { LeafAnswer } from './leaf-answer.js';
import type { OrderedIndex } from './ordered-index.js';
import { answerByValues } from './value-answers.js';

export type ScalarIndexSpec =
  /** Values of a scalar field: INVERTED, BITMAP, STL_SORT and TRIE are one structure here. */
  | { readonly kind: 'values' }
  /** Elements of an array field. */
  | { readonly kind: 'elements' }
  /** Values of one type at a JSON path, or elements of that type of the arrays there. */
  | {
      readonly kind: 'path';
      readonly path: readonly string[];
      readonly cast: JsonCast;
      readonly isList: boolean;
    }
  /** What is at the paths below one, of every type, as far as texts have them in common. */
  | { readonly kind: 'paths'; readonly path: readonly string[] }
  /** Runs of bytes of a text field, or of the texts at a JSON path. */
  | {
      readonly kind: 'grams';
      readonly sizes: readonly number[];
      readonly path: readonly string[] | undefined;
    }
  /** Bounds of geometries. */
  | { readonly kind: 'boxes' };

export type ScalarStructure =
  | { readonly kind: 'ordered'; readonly index: OrderedIndex; readonly isExact: boolean }
  | { readonly kind: 'grams'; readonly lists: GramLists }
  | { readonly kind: 'boxes'; readonly tree: BoxTree }
  /** One index for each path and type. */
  | { readonly kind: 'paths'; readonly rowCount: number; readonly indexes: readonly ScalarIndex[] };

export class ScalarIndex {
  readonly fieldId: bigint;
  readonly spec: ScalarIndexSpec;
  readonly structure: ScalarStructure;

  constructor(fieldId: bigint, spec: ScalarIndexSpec, structure: ScalarStructure) {
    this.fieldId = fieldId;
    this.spec = spec;
    this.structure = structure;
  }

  /** Rows of the column that it was built over. */
  get rowCount(): number {
    const { structure } = this;
    if (structure.kind === 'ordered') return structure.index.parts.rowCount;
    if (structure.kind === 'paths') return structure.rowCount;
    return structure.kind === 'grams' ? structure.lists.parts.rowCount : structure.tree.parts.rowCount;
  }

  /**
   * Rows for which the leaf is true, as far as the index knows; undefined: it does not know. Of `!=` the answer is that of `==`, and whoever
   * asks turns it round. Rows that are null are never in it.
   */
  answer(leaf: Leaf): LeafAnswer | undefined {
    const { structure } = this;
    if (structure.kind === 'paths') return firstAnswer(structure.indexes, leaf);
    if (!this.#isAsked(leaf)) return undefined;
    switch (structure.kind) {
      case 'ordered':
        return answerByValues(
          { ...structure, only: this.spec.kind === 'path' ? this.spec.cast : undefined },
          leaf,
        );
      case 'grams':
        return answerByGrams(structure.lists, leaf);
      case 'boxes':
        return answerByBoxes(structure.tree, leaf);
    }
  }

  #isAsked(leaf: Leaf): boolean {
    switch (leaf.kind) {
      case 'compare':
      case 'range':
      case 'in':
      case 'like':
      case 'regex':
        return this.#isOperand(leaf.operand, false);
      case 'contains':
        return this.#isOperand(leaf.operand, true);
      case 'spatial':
      case 'near':
        return this.spec.kind === 'boxes' && leaf.field.fieldId === this.fieldId;
      default:
        return false;
    }
  }

  /** @param isList the elements of an array are asked */
  #isOperand(operand: Operand, isList: boolean): boolean {
    const { spec } = this;
    if (operand.kind !== 'field' && operand.kind !== 'json') return false;
    if (operand.field.fieldId !== this.fieldId) return false;
    switch (spec.kind) {
      case 'values':
        return operand.kind === 'field' && !isList;
      case 'elements':
        return operand.kind === 'field' && isList;
      case 'path':
        return operand.kind === 'json' && isList === spec.isList && isSamePath(operand.path, spec.path);
      case 'grams':
        if (isList) return false;
        return operand.kind === 'json'
          ? spec.path !== undefined && isSamePath(operand.path, spec.path)
          : spec.path === undefined;
      case 'paths':
      case 'boxes':
        return false;
    }
  }
}

/** A leaf asks for values of one type: where a path has several, one index at most knows them. */
function firstAnswer(indexes: readonly ScalarIndex[], leaf: Leaf): LeafAnswer | undefined {
  for (const index of indexes) {
    const answer = index.answer(leaf);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

const isSamePath = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((step, at) => step === other[at]);
