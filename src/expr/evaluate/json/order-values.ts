// What JSON texts have at a path, as rows are put in order by it: false before true before numbers before texts. Nothing at the path, a null, a list
// and an object have no order, so they count as null. Rows are read when they are asked for, each once.
import type { JsonOrderValues } from '#model/columns/value-order.js';
import { JsonNumber, readNumber } from './json-number.js';
import { findPath, JsonKind, JsonPlace, jsonStep, unescaped, unescapedLength } from './json-scan.js';

/** The texts of some rows: that of row i is `data[offsets[i], offsets[i + 1])`. */
export interface JsonTexts {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
  /** 0 where a row is null; undefined or empty: none is. */
  readonly valid: Uint8Array | undefined;
}

const BOOL = 1;
const NUMBER = 2;
const TEXT = 3;

/** The order column that belongs to a reader: rows that were not read are null in it. */
export interface JsonOrder {
  readonly column: JsonOrderValues;
  readonly read: (row: number) => void;
}

export function jsonOrder(
  path: readonly string[],
  { data, offsets, valid }: JsonTexts,
  rowCount: number,
): JsonOrder {
  const steps = path.map(jsonStep);
  const place = new JsonPlace();
  const number = new JsonNumber();
  const ranks = new Uint8Array(rowCount);
  const numbers = new Float64Array(rowCount);
  const [begins, ends] = [new Uint32Array(rowCount), new Uint32Array(rowCount)];
  const exact = new Map<number, bigint>();
  const texts = new Map<number, Uint8Array>();
  const hasText = (row: number): boolean =>
    (valid === undefined || valid.length === 0 || valid[row] !== 0) && offsets[row] !== offsets[row + 1];
  const read = (row: number): void => {
    if (!hasText(row)) return;
    findPath(data, offsets[row] as number, offsets[row + 1] as number, steps, place);
    const { kind, begin, end } = place;
    switch (kind) {
      case JsonKind.true:
      case JsonKind.false:
        ranks[row] = BOOL;
        numbers[row] = kind === JsonKind.true ? 1 : 0;
        return;
      case JsonKind.number:
        readNumber(data, begin, end, number);
        ranks[row] = NUMBER;
        numbers[row] = number.value;
        if (number.big !== undefined) exact.set(row, number.big);
        return;
      case JsonKind.escaped:
        ranks[row] = TEXT;
        texts.set(row, unescaped(data, begin, end).slice(0, unescapedLength));
        return;
      case JsonKind.text:
        ranks[row] = TEXT;
        begins[row] = begin;
        ends[row] = end;
        return;
      default:
        return;
    }
  };
  return {
    column: { kind: 'json', ranks, numbers, exact, data, begins, ends, texts },
    read,
  };
}
