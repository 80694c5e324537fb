// What is at one path of one JSON field, for a block of rows. Leaves that ask about the same path share a locator, and a row is looked
// through once, whoever asks first. With a path column rows stay looked through from filter to filter.
import type { VariableView } from '#expr/evaluate/column-view.js';
import {
  BLOCK_ROWS,
  lowestBit,
  maskNulls,
  newBits,
  type RowBits,
  type Rows,
  wordsOf,
} from '#expr/evaluate/rows.js';
import { findPath, JsonPlace, type JsonStep, jsonStep } from './json-scan.js';
import type { JsonRows, PathChunk, PathColumn } from './path-column.js';

export class JsonLocator {
  readonly bytes: Uint8Array;
  /** Places of the rows of the block, fields as in `JsonPlace`. */
  readonly kinds = new Uint8Array(BLOCK_ROWS);
  readonly begins = new Uint32Array(BLOCK_ROWS);
  readonly ends = new Uint32Array(BLOCK_ROWS);
  /** Where the path's values are kept, if they are. */
  readonly column: PathColumn | undefined;
  readonly #view: VariableView;
  readonly #path: readonly JsonStep[];
  readonly #place = new JsonPlace();
  /** Rows of the block that were looked through. */
  readonly #done = newBits();
  #block = -1;

  constructor(view: VariableView, path: readonly string[], column?: PathColumn) {
    this.bytes = view.data;
    this.column = column;
    this.#view = view;
    this.#path = path.map(jsonStep);
  }

  get json(): JsonRows {
    return this.#view;
  }

  /** A mean row that is not in a column is read half through, at less than a nanosecond a byte. */
  get cost(): number {
    const rows = Math.max(1, this.#view.offsets.length - 1);
    const unread = 1 - Math.min(1, (this.column?.doneCount ?? 0) / rows);
    return 2 + unread * (18 + this.bytes.length / rows / 2);
  }

  /** The rows in the path's column; undefined: `load` them. */
  chunk(rows: Rows, alive: RowBits): PathChunk | undefined {
    return this.column?.chunk(rows, alive, this.#view);
  }

  load(rows: Rows, alive: RowBits): void {
    if (rows.begin !== this.#block) {
      this.#block = rows.begin;
      this.#done.fill(0);
    }
    const { offsets } = this.#view;
    const place = this.#place;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      const done = this.#done[word] as number;
      for (let left = (alive[word] as number) & ~done; left !== 0; left &= left - 1) {
        const at = word * 32 + lowestBit(left);
        const row = rows.begin + at;
        findPath(this.bytes, offsets[row] as number, offsets[row + 1] as number, this.#path, place);
        this.kinds[at] = place.kind;
        this.begins[at] = place.begin;
        this.ends[at] = place.end;
      }
      this.#done[word] = done | (alive[word] as number);
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}
