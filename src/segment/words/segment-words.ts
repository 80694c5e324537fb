// The words of the fields of one segment that filters ask for words of, made of the rows in memory by the filters themselves: they need no file,
// no record and no replay (docs/adr/0058-words-of-filters.md).
import type { ColumnSource } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/typed.js';
import type { Pace } from '#platform/pace.js';
import type { Workers } from '#platform/workers.js';
import type { KeptByFilters, KeptTotal } from '#segment/kept/kept-total.js';
import { FieldWords } from './field-words.js';
import { WordsAnswer } from './words-answer.js';

export type WordsLeaf = Leaf & { readonly kind: 'words' };

/** Rows of which a leaf would have to make words, if its words were not here. */
export interface AskedRows {
  readonly leaves: readonly WordsLeaf[];
  /** Rows that are asked. */
  readonly analyzed: number;
  readonly rowCount: number;
  readonly columns: ColumnSource;
}

export class SegmentWords implements KeptByFilters {
  readonly #workers: Workers;
  readonly #fields = new Map<string, FieldWords>();
  #total: KeptTotal | undefined;
  #isClosed = false;

  constructor(workers: Workers) {
    this.#workers = workers;
  }

  countIn(total: KeptTotal): void {
    this.#total = total;
  }

  get bytes(): number {
    let bytes = 0;
    for (const field of this.#fields.values()) bytes += field.bytes;
    return bytes;
  }

  /** What is known of a leaf, if the words of all rows are here. */
  answer(leaf: WordsLeaf, rowCount: number, columns: ColumnSource): WordsAnswer | undefined {
    const field = this.#fields.get(keyOf(leaf));
    const view = columns.view(leaf.operand.field.fieldId);
    if (field === undefined || view?.kind !== 'variable' || field.rowCount < rowCount) return undefined;
    return new WordsAnswer({ words: leaf.words, runs: field.runs, view, rowCount });
  }

  /**
   * Makes the words of fields where that costs no more than what filters ask for.
   * @returns whether something is known that was not before
   * @throws cancelled, deadline_exceeded
   */
  async ask({ leaves, analyzed, rowCount, columns }: AskedRows, pace: Pace): Promise<boolean> {
    let isMore = false;
    for (const leaf of leaves) {
      const view = columns.view(leaf.operand.field.fieldId);
      if (this.#isClosed || view?.kind !== 'variable') continue;
      const field = this.#field(leaf);
      if (field.rowCount >= rowCount || !field.isWorthwhile(analyzed, rowCount)) continue;
      await field.extend({ view, rowCount }, pace);
      isMore ||= field.rowCount >= rowCount;
    }
    return isMore;
  }

  #field(leaf: WordsLeaf): FieldWords {
    const key = keyOf(leaf);
    const known = this.#fields.get(key);
    if (known !== undefined) return known;
    const made = new FieldWords(leaf.analyzer, this.#workers, {
      hasRoom: (bytes) => !this.#isClosed && this.#total?.hasRoom(bytes) !== false,
      changed: (bytes) => this.#total?.add(this, bytes),
    });
    this.#fields.set(key, made);
    return made;
  }

  drop(): void {
    for (const field of this.#fields.values()) field.drop();
  }

  /** The segment goes: nothing is kept any more. */
  close(): void {
    this.#isClosed = true;
    this.drop();
  }
}

const keyOf = ({ operand, analyzer }: WordsLeaf): string => `${operand.field.fieldId} ${analyzer}`;
