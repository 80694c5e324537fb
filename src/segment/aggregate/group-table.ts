// Numbers of groups: rows with equal values of some columns get the same number, in the order in which the groups are met.
import { ANSWER_BYTES_MAX, answerTooLarge } from '#model/answer-bounds.js';
import { type PlainOrderColumn, textBytesAt } from '#model/columns/value-order.js';
import { GROUPS_MAX, tooManyGroups } from './aggregation.js';

const decoder = new TextDecoder('latin1');

type Value = number | bigint | string | null;

export class GroupTable {
  /** By group: the row that it was met with. */
  readonly firstRows: number[] = [];
  readonly #columns: readonly PlainOrderColumn[];
  readonly #groups = new Map<Value, number>();
  /** The texts of all groups, in bytes. */
  #textBytes = 0;

  /** @param columns none: every row is in group 0 */
  constructor(columns: readonly PlainOrderColumn[]) {
    this.#columns = columns;
  }

  /** @throws parameter_too_large, invalid_parameter beyond the bytes of an answer */
  groupOf(row: number): number {
    const key = this.#keyOf(row);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = this.firstRows.length;
    if (group >= GROUPS_MAX) throw tooManyGroups();
    for (const column of this.#columns) this.#textBytes += textBytesAt(column, row);
    if (this.#textBytes > ANSWER_BYTES_MAX) throw answerTooLarge('query');
    this.#groups.set(key, group);
    this.firstRows.push(row);
    return group;
  }

  #keyOf(row: number): Value {
    const [first, second] = this.#columns;
    if (first === undefined) return null;
    if (second === undefined) return valueAt(first, row);
    let key = '';
    for (const column of this.#columns) {
      const value = valueAt(column, row);
      // Lengths stand before the values, so that no two lists of values make the same key.
      const text = value === null ? '' : String(value);
      key += value === null ? 'n' : `${text.length} ${text}`;
    }
    return key;
  }
}

/** Texts come as bytes, a character each: equal bytes are equal texts. */
function valueAt(column: PlainOrderColumn, row: number): Value {
  const { valid } = column;
  if (valid !== undefined && valid.length > 0 && valid[row] === 0) return null;
  switch (column.kind) {
    case 'none':
      return null;
    case 'number':
      return column.values[row] as number;
    case 'int64':
      return (
        (BigInt(column.words[row * 2 + 1] as number) << 32n) | BigInt((column.words[row * 2] as number) >>> 0)
      );
    case 'text':
      return decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1]));
  }
}
