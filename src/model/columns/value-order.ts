// The order of rows by the values of some of their columns: of rows of one segment, and of rows that came from several places. Numbers by
// value, NaN above all others and -0 equal to 0; texts by their bytes; false before true; times by time; nulls where the key says. What JSON has at a
// path may be of several types: false before true before numbers before texts.
import { DataType, isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { OrderKey } from '#proto/elanus/roles.js';

/** The values of a column, as they compare. */
export type PlainOrderValues =
  | { readonly kind: 'number'; readonly values: ArrayLike<number> }
  /** Low word first. */
  | { readonly kind: 'int64'; readonly words: Int32Array }
  | { readonly kind: 'text'; readonly data: Uint8Array; readonly offsets: Uint32Array }
  /** Every row is null. */
  | { readonly kind: 'none' };

/** Values at a path of JSON texts; the arrays have an entry a row. */
export interface JsonOrderValues {
  readonly kind: 'json';
  /** Which type comes first; 0: the row has nothing there that has an order. */
  readonly ranks: Uint8Array;
  readonly numbers: Float64Array;
  /** Whole numbers beyond 2^53, as they are. */
  readonly exact: ReadonlyMap<number, bigint>;
  /** A text is in `data[begins, ends)`, one that was written with escapes in `texts`. */
  readonly data: Uint8Array;
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
  readonly texts: ReadonlyMap<number, Uint8Array>;
}

/** `valid`: 0 where the row is null; undefined or empty: no row is. */
export type PlainOrderColumn = PlainOrderValues & { readonly valid: Uint8Array | undefined };
export type OrderColumn = PlainOrderColumn | JsonOrderValues;

/** Compares row `a` of the columns `x` with row `b` of the columns `y`, each a column per key. */
export type RowOrder = (x: readonly OrderColumn[], a: number, y: readonly OrderColumn[], b: number) => number;

export function rowOrder(keys: readonly Pick<OrderKey, 'descending' | 'nullsFirst'>[]): RowOrder {
  return (x, a, y, b) => {
    for (let at = 0; at < keys.length; at++) {
      const { descending, nullsFirst } = keys[at] as (typeof keys)[number];
      const [left, right] = [x[at] as OrderColumn, y[at] as OrderColumn];
      const [isLeft, isRight] = [hasValue(left, a), hasValue(right, b)];
      if (!isLeft || !isRight) {
        if (isLeft !== isRight) return isLeft === nullsFirst ? 1 : -1;
        continue;
      }
      const order = compareValues(left, a, right, b);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
}

export const hasValue = (of: OrderColumn, row: number): boolean => {
  if (of.kind === 'json') return of.ranks[row] !== 0;
  const { kind, valid } = of;
  return kind !== 'none' && (valid === undefined || valid.length === 0 || valid[row] !== 0);
};

/** Bytes of a text; 0 for what is no text. */
export const textBytesAt = (from: OrderColumn, row: number): number =>
  from.kind === 'text' ? (from.offsets[row + 1] as number) - (from.offsets[row] as number) : 0;

/** Both rows have values, and the columns are of one kind. */
export function compareValues(x: OrderColumn, a: number, y: OrderColumn, b: number): number {
  if (x.kind === 'number' && y.kind === 'number')
    return compareNumbers(x.values[a] as number, y.values[b] as number);
  if (x.kind === 'int64' && y.kind === 'int64') {
    const high = (x.words[a * 2 + 1] as number) - (y.words[b * 2 + 1] as number);
    return high !== 0 ? high : ((x.words[a * 2] as number) >>> 0) - ((y.words[b * 2] as number) >>> 0);
  }
  if (x.kind === 'json' && y.kind === 'json') return compareJson(x, a, y, b);
  return x.kind === 'text' && y.kind === 'text' ? compareTexts(x, a, y, b) : 0;
}

function compareJson(x: JsonOrderValues, a: number, y: JsonOrderValues, b: number): number {
  const ranks = (x.ranks[a] as number) - (y.ranks[b] as number);
  if (ranks !== 0) return ranks;
  const [left, right] = [x.numbers[a] as number, y.numbers[b] as number];
  // The numbers of texts are 0.
  const numbers = compareNumbers(left, right);
  if (numbers !== 0) return numbers;
  const [exact, otherExact] = [x.exact.get(a), y.exact.get(b)];
  if (exact !== undefined || otherExact !== undefined) {
    const [one, other] = [exact ?? BigInt(left), otherExact ?? BigInt(right)];
    return one < other ? -1 : Number(one > other);
  }
  const [text, otherText] = [x.texts.get(a), y.texts.get(b)];
  return compareBytes(
    text ?? x.data,
    text === undefined ? (x.begins[a] as number) : 0,
    text === undefined ? (x.ends[a] as number) : text.length,
    otherText ?? y.data,
    otherText === undefined ? (y.begins[b] as number) : 0,
    otherText === undefined ? (y.ends[b] as number) : otherText.length,
  );
}

function compareNumbers(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return a === b ? 0 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

type Texts = Extract<PlainOrderValues, { readonly kind: 'text' }>;

function compareTexts(x: Texts, a: number, y: Texts, b: number): number {
  const [begin, end] = [x.offsets[a] as number, x.offsets[a + 1] as number];
  const [from, to] = [y.offsets[b] as number, y.offsets[b + 1] as number];
  return compareBytes(x.data, begin, end, y.data, from, to);
}

function compareBytes(
  x: Uint8Array,
  begin: number,
  end: number,
  y: Uint8Array,
  from: number,
  to: number,
): number {
  const length = Math.min(end - begin, to - from);
  for (let i = 0; i < length; i++) {
    const difference = (x[begin + i] as number) - (y[from + i] as number);
    if (difference !== 0) return difference;
  }
  return end - begin - (to - from);
}

/** Order of a column of a batch, whose bytes may begin anywhere. Undefined: the batch has no such column, so the rows are null. */
export function orderColumn(from: Column | undefined): PlainOrderColumn {
  if (from === undefined) return { kind: 'none', valid: undefined };
  const { dataType, valid } = from;
  if (isStringType(dataType))
    return { kind: 'text', data: from.data, offsets: new Uint32Array(aligned(from.offsets)), valid };
  const data = aligned(from.data);
  switch (dataType) {
    case DataType.Bool:
      return { kind: 'number', values: new Uint8Array(data), valid };
    case DataType.Int8:
      return { kind: 'number', values: new Int8Array(data), valid };
    case DataType.Int16:
      return { kind: 'number', values: new Int16Array(data), valid };
    case DataType.Int32:
      return { kind: 'number', values: new Int32Array(data), valid };
    case DataType.Float:
      return { kind: 'number', values: new Float32Array(data), valid };
    case DataType.Double:
      return { kind: 'number', values: new Float64Array(data), valid };
    default:
      return { kind: 'int64', words: new Int32Array(data), valid };
  }
}

/** The texts of a column of a batch. */
export const textsOfColumn = ({
  data,
  offsets,
  valid,
}: Column): { data: Uint8Array; offsets: Uint32Array; valid: Uint8Array | undefined } => ({
  data,
  offsets: new Uint32Array(aligned(offsets)),
  valid,
});

const aligned = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
