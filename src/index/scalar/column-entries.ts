// The values of a column, of the elements of an array column, or of one JSON path, as entries of an index.
import { arrayRows, FixedArrays, type TextArrays } from '#expr/evaluate/arrays/array-rows.js';
import type { ColumnView, FixedView, VariableView } from '#expr/evaluate/column-view.js';
import { JsonNumber, readNumber } from '#expr/evaluate/json/json-number.js';
import {
  findPath,
  firstElement,
  JsonKind,
  JsonPlace,
  jsonStep,
  nextElement,
  readPlace,
  unescaped,
  unescapedLength,
} from '#expr/evaluate/json/json-scan.js';
import { DoubleList, type Entries, type NumberEntries, TextList } from './entries.js';

/** What values at a JSON path are taken; others are as if they were missing. */
export type JsonCast = 'bool' | 'double' | 'text';

/** @param view of numbers, bools, times or texts */
export function entriesOfView(view: ColumnView, rowCount: number): Entries {
  if (view.kind === 'fixed') return numbersOf(view, presentRows(view.valid, rowCount));
  const rows = presentRows(view.valid, rowCount);
  const begins = Uint32Array.from(rows, (row) => view.offsets[row] as number);
  const ends = Uint32Array.from(rows, (row) => view.offsets[row + 1] as number);
  return { form: 'text', rows, data: view.data, begins, ends };
}

function presentRows(valid: Uint8Array, rowCount: number): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (isPresent(valid, row)) rows[count++] = row;
  return rows.slice(0, count);
}

const isPresent = (valid: Uint8Array, row: number): boolean => valid.length === 0 || valid[row] !== 0;

/** @param places of the values in the view @param rows that they stand in; the places themselves when left out */
function numbersOf(view: FixedView, places: Uint32Array, rows = places): NumberEntries {
  switch (view.form) {
    case 'float':
    case 'double': {
      const all = Float64Array.from(places, (place) => (view.values[place] as number) + 0);
      return withoutNaN(all, rows);
    }
    case 'int64': {
      const words = new Uint32Array(places.length * 2);
      for (let at = 0; at < places.length; at++) {
        const place = places[at] as number;
        words[at * 2] = view.values[place * 2] as number;
        words[at * 2 + 1] = view.values[place * 2 + 1] as number;
      }
      return { form: 'int64', rows, numbers: new BigInt64Array(words.buffer) };
    }
    default: {
      const numbers = BigInt64Array.from(places, (place) => BigInt(view.values[place] as number));
      return { form: 'int64', rows, numbers };
    }
  }
}

function withoutNaN(numbers: Float64Array, rows: Uint32Array): NumberEntries {
  if (!numbers.some(Number.isNaN)) return { form: 'double', rows, numbers };
  return {
    form: 'double',
    rows: rows.filter((_, at) => !Number.isNaN(numbers[at])),
    numbers: numbers.filter((number) => !Number.isNaN(number)),
  };
}

/** One entry for every element of every row that is not null. */
export function entriesOfArrays(view: VariableView, elementType: number, rowCount: number): Entries {
  const arrays = arrayRows(view, elementType);
  return arrays instanceof FixedArrays
    ? fixedElements(arrays, view.valid, rowCount)
    : textElements(arrays, view.valid, rowCount);
}

function fixedElements(arrays: FixedArrays, valid: Uint8Array, rowCount: number): NumberEntries {
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (isPresent(valid, row)) count += arrays.lengthOf(row);
  const [places, rows] = [new Uint32Array(count), new Uint32Array(count)];
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isPresent(valid, row)) continue;
    const [first, length] = [arrays.firstOf(row), arrays.lengthOf(row)];
    for (let index = 0; index < length; index++, at++) {
      places[at] = first + index;
      rows[at] = row;
    }
  }
  return numbersOf(arrays.elements, places, rows);
}

function textElements(arrays: TextArrays, valid: Uint8Array, rowCount: number): Entries {
  const texts = new TextList(arrays.bytes);
  for (let row = 0; row < rowCount; row++) {
    if (!isPresent(valid, row)) continue;
    const length = arrays.lengthOf(row);
    for (let index = 0; index < length; index++)
      texts.add(row, arrays.beginOf(row, index), arrays.beginOf(row, index + 1));
  }
  return texts.entries;
}

export interface PathEntries {
  readonly entries: Entries;
  /** No number was rounded to be a double: what the index says of a comparison is so. */
  readonly isExact: boolean;
}

/** Values of a type at a path, or the elements of that type of the arrays there. */
export function entriesOfPath(
  view: VariableView,
  path: readonly string[],
  { cast, isList }: { readonly cast: JsonCast; readonly isList: boolean },
  rowCount: number,
): PathEntries {
  const steps = path.map(jsonStep);
  const values = new PathValues(view.data, cast);
  const place = new JsonPlace();
  for (let row = 0; row < rowCount; row++) {
    if (!isPresent(view.valid, row)) continue;
    const [begin, end] = [view.offsets[row] as number, view.offsets[row + 1] as number];
    findPath(view.data, begin, end, steps, place);
    if (!isList) values.add(row, place);
    else if (place.kind === JsonKind.array) addElements(values, view.data, row, place);
  }
  return values.taken;
}

function addElements(values: PathValues, data: Uint8Array, row: number, list: JsonPlace): void {
  const { begin, end } = list;
  const place = new JsonPlace();
  for (let at = firstElement(data, begin, end); at >= 0; at = nextElement(data, at, end)) {
    readPlace(data, at, end, place);
    values.add(row, place);
  }
}

class PathValues {
  readonly #data: Uint8Array;
  readonly #cast: JsonCast;
  readonly #doubles = new DoubleList();
  readonly #texts: TextList;
  readonly #number = new JsonNumber();
  #isExact = true;

  constructor(data: Uint8Array, cast: JsonCast) {
    this.#data = data;
    this.#cast = cast;
    this.#texts = new TextList(data);
  }

  add(row: number, { kind, begin, end }: JsonPlace): void {
    switch (this.#cast) {
      case 'bool':
        if (kind === JsonKind.true || kind === JsonKind.false)
          this.#doubles.add(row, Number(kind === JsonKind.true));
        return;
      case 'double':
        if (kind === JsonKind.number) this.#addNumber(row, begin, end);
        return;
      case 'text':
        if (kind === JsonKind.text) this.#texts.add(row, begin, end);
        else if (kind === JsonKind.escaped)
          this.#texts.addMade(row, unescaped(this.#data, begin, end).subarray(0, unescapedLength));
        return;
    }
  }

  #addNumber(row: number, begin: number, end: number): void {
    readNumber(this.#data, begin, end, this.#number);
    if (this.#number.big !== undefined) this.#isExact = false;
    this.#doubles.add(row, this.#number.value);
  }

  get taken(): PathEntries {
    const entries = this.#cast === 'text' ? this.#texts.entries : this.#doubles.entries;
    return { entries, isExact: this.#isExact };
  }
}
