// Repetition and definition levels of columns of lists, as repeated runs alone (docs/formats/insert-log.md, "Levels"). Level 0 of
// repetition begins a row. A row is one vector, a list of elements, or a list of vectors; nothing inside a row is ever null. What is
// decoded comes from a file: every run is checked against what is left of rows and values, so work is linear in rows and bytes.
import { RunReader, RunWriter } from './level-runs.js';

/** How a column's rows are nested. */
export interface LevelShape {
  readonly isOptional: boolean;
  readonly isList: boolean;
  readonly innerLength: number;
}

/** Rows of a page: which are null, and how many entries each has. */
export interface RowShapes {
  readonly rows: number;
  /** A byte a row, 0 for null; undefined: none is. */
  readonly valid: Uint8Array | undefined;
  /** Entries of each row, 0 for null; undefined: one in each that is not null. */
  readonly counts: Uint32Array | undefined;
}

export interface Levels {
  readonly repetition: Uint8Array;
  readonly definition: Uint8Array;
  /** Pairs of levels: values, null rows and empty ones. */
  readonly count: number;
  /** Pairs that have no value. */
  readonly absent: number;
}

const definitionMax = (shape: LevelShape): number =>
  (shape.isOptional ? 1 : 0) + (shape.isList ? 1 : 0) + (shape.innerLength > 0 ? 1 : 0);

export function encodeListLevels(shape: LevelShape, rows: RowShapes): Levels {
  const inner = Math.max(1, shape.innerLength);
  const top = definitionMax(shape);
  const { valid, counts } = rows;
  if (!shape.isList)
    return valid?.includes(0) ? someVectors(valid, inner, top) : wholeVectors(rows.rows, inner, top);
  const within = shape.isList && shape.innerLength > 0 ? 2 : 1;
  const [repetition, definition] = [new RunWriter(), new RunWriter()];
  let values = 0;
  let absent = 0;
  for (let row = 0; row < rows.rows; row++) {
    const entries = valid?.[row] === 0 ? 0 : (counts?.[row] ?? 1);
    repetition.add(0, 1);
    if (entries === 0) {
      absent++;
      definition.add(valid?.[row] === 0 || !shape.isOptional ? 0 : 1, 1);
      continue;
    }
    if (shape.innerLength === 0) repetition.add(1, entries - 1);
    else {
      for (let entry = 0; entry < entries; entry++) {
        if (entry > 0) repetition.add(1, 1);
        repetition.add(within, inner - 1);
      }
    }
    definition.add(top, entries * inner);
    values += entries * inner;
  }
  return {
    repetition: repetition.finish(),
    definition: definition.finish(),
    count: values + absent,
    absent,
  };
}

/** Runs of 1 and of 64 that are split off, for the bytes that the levels become longer by: 2 for each of the first, 3 of the second. */
const SPLITS: readonly (readonly [number, number])[] = [
  ...([
    [0, 0],
    [3, 1],
    [1, 0],
    [0, 1],
  ] as const),
  ...([
    [2, 0],
    [1, 1],
    [3, 0],
    [2, 1],
  ] as const),
];

/**
 * The same levels in more runs, so that what follows them begins at a multiple of 8.
 * @param missing bytes to that place, 0 to 7. Where only one is missing the levels grow by 9.
 */
export function lengthened(levels: Levels, missing: number): Levels {
  const [ones, larger] = SPLITS[missing] ?? [0, 0];
  const reader = new RunReader(levels.definition);
  const all = new RunWriter();
  let isSplit = missing === 0;
  while (!reader.isAtEnd) {
    reader.fill();
    const { value, count } = reader;
    reader.count = 0;
    let rest = count;
    if (!isSplit && count > SPLIT_MIN) {
      isSplit = true;
      for (let i = 0; i < ones; i++, rest--) all.addRun(value, 1);
      for (let i = 0; i < larger; i++, rest -= 64) all.addRun(value, 64);
    }
    all.addRun(value, rest);
  }
  return isSplit ? { ...levels, definition: all.finish() } : levels;
}

/** A run this long keeps the length of its own varint nearly always. */
const SPLIT_MIN = 256;

/** Rows of one vector each, none of them null: the same few bytes again and again. */
function wholeVectors(rows: number, inner: number, top: number): Levels {
  return {
    repetition: inner === 1 ? runs([0, rows]) : repeated(vectorRuns(inner), rows),
    definition: runs([top, rows * inner]),
    count: rows * inner,
    absent: 0,
  };
}

/** Rows of one vector each, some of them null: run after run of vectors and of nulls. */
function someVectors(valid: Uint8Array, inner: number, top: number): Levels {
  const definition = new RunWriter();
  const pattern = vectorRuns(inner);
  const within = inner === 1 ? new Uint8Array(0) : pattern.subarray(2);
  const repetition = new RunWriter();
  let absent = 0;
  for (let row = 0; row < valid.length; ) {
    const end = runEnd(valid, row);
    const rows = end - row;
    row = end;
    if (valid[row - 1] === 0) {
      absent += rows;
      definition.add(0, rows);
      repetition.add(0, rows);
      continue;
    }
    definition.add(top, rows * inner);
    repetition.add(0, inner === 1 ? rows : 1);
    if (inner === 1) continue;
    repetition.addBytes(within, 1);
    repetition.addBytes(pattern, rows - 1);
  }
  return {
    repetition: repetition.finish(),
    definition: definition.finish(),
    count: (valid.length - absent) * inner + absent,
    absent,
  };
}

/** Where the run of rows ends that are null, or not, as this one. @param valid a byte a row, 0 for null */
function runEnd(valid: Uint8Array, row: number): number {
  const isNull = valid[row] === 0;
  let end = row + 1;
  while (end < valid.length && (valid[end] === 0) === isNull) end++;
  return end;
}

/** Repetition levels of one vector in a row. */
const vectorRuns = (inner: number): Uint8Array => runs([0, 1], [1, inner - 1]);

function runs(...parts: readonly (readonly [value: number, count: number])[]): Uint8Array {
  const writer = new RunWriter();
  for (const [value, count] of parts) writer.add(value, count);
  return writer.finish();
}

function repeated(pattern: Uint8Array, times: number): Uint8Array {
  const bytes = new Uint8Array(pattern.length * times);
  bytes.set(pattern.subarray(0, bytes.length));
  for (let filled = pattern.length; filled < bytes.length; filled *= 2)
    bytes.copyWithin(filled, 0, Math.min(filled, bytes.length - filled));
  return bytes;
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
};

function isRepeated(bytes: Uint8Array, pattern: Uint8Array, times: number): boolean {
  const { length } = pattern;
  if (bytes.length !== length * times) return false;
  for (let i = 0; i < length; i++) {
    const byte = pattern[i];
    for (let at = i; at < bytes.length; at += length) if (bytes[at] !== byte) return false;
  }
  return true;
}

/**
 * @param levels the bytes and counts of a page
 * @param rowCount rows that the page says it has
 * @throws Error when the levels do not make exactly these rows
 */
export function decodeListLevels(shape: LevelShape, levels: Levels, rowCount: number): RowShapes {
  const inner = Math.max(1, shape.innerLength);
  if (!shape.isList && shape.isOptional && levels.absent > 0) {
    const valid = nullsOfVectors(levels, { rowCount, inner, top: definitionMax(shape) });
    if (valid) return { rows: rowCount, valid, counts: undefined };
  }
  if (!shape.isList && levels.absent === 0 && levels.count === rowCount * inner) {
    const ofRow = inner === 1 ? runs([0, rowCount]) : vectorRuns(inner);
    if (isRepeated(levels.repetition, ofRow, inner === 1 ? 1 : rowCount)) {
      const definition = new RunReader(levels.definition);
      definition.take(definitionMax(shape), levels.count);
      if (definition.isAtEnd) return { rows: rowCount, valid: undefined, counts: undefined };
    }
  }
  return new LevelWalk(shape, levels, rowCount).run();
}

/**
 * Which rows of one vector each are null, from the definition levels alone: the repetition levels can then only be those that are written
 * for them. Undefined: they are others, or do not fit.
 */
function nullsOfVectors(
  levels: Levels,
  { rowCount, inner, top }: { readonly rowCount: number; readonly inner: number; readonly top: number },
): Uint8Array | undefined {
  if (rowCount > levels.count) return undefined;
  const valid = new Uint8Array(rowCount);
  const definition = new RunReader(levels.definition);
  let row = 0;
  while (!definition.isAtEnd) {
    const [value, count] = definition.takeEqual();
    const rows = value === top ? count / inner : count;
    if (!Number.isInteger(rows) || row + rows > rowCount || (value !== 0 && value !== top)) return undefined;
    if (value === top) valid.fill(1, row, row + rows);
    row += rows;
  }
  if (row !== rowCount) return undefined;
  const written = someVectors(valid, inner, top);
  const isSame =
    written.count === levels.count &&
    written.absent === levels.absent &&
    isEqual(written.repetition, levels.repetition);
  return isSame ? valid : undefined;
}

/** One walk over the runs of both kinds of levels. */
class LevelWalk {
  readonly #shape: LevelShape;
  readonly #levels: Levels;
  readonly #definition: RunReader;
  readonly #counts: Uint32Array;
  #valid: Uint8Array | undefined;
  #row = -1;
  /** Leafs of the entry that is open; 0: none is. */
  #inEntry = 0;
  #values = 0;
  #absent = 0;

  constructor(shape: LevelShape, levels: Levels, rowCount: number) {
    if (rowCount > levels.count) throw new Error(`${levels.count} levels for ${rowCount} rows`);
    this.#shape = shape;
    this.#levels = levels;
    this.#definition = new RunReader(levels.definition);
    this.#counts = new Uint32Array(rowCount);
  }

  run(): RowShapes {
    const { isList, innerLength } = this.#shape;
    const repetition = new RunReader(this.#levels.repetition);
    const starts = isList ? 1 : -1;
    while (!repetition.isAtEnd) {
      repetition.fill();
      const { value, count } = repetition;
      repetition.count = 0;
      if (value === 0) this.#beginRows(count);
      else if (value === starts) this.#beginEntries(count);
      else if (innerLength > 0 && value === (isList ? 2 : 1)) this.#addLeafs(count);
      else throw new Error(`repetition level ${value}`);
    }
    this.#closeEntry();
    const rows = this.#counts.length;
    if (this.#row !== rows - 1 || !this.#definition.isAtEnd)
      throw new Error(`levels do not make ${rows} rows`);
    if (this.#absent !== this.#levels.absent || this.#values + this.#absent !== this.#levels.count)
      throw new Error(`${this.#absent} rows without values, expected ${this.#levels.absent}`);
    return { rows, valid: this.#valid, counts: isList ? this.#counts : undefined };
  }

  #beginRows(count: number): void {
    if (count > this.#counts.length - this.#row - 1) throw new Error('levels make too many rows');
    const top = definitionMax(this.#shape);
    const emptyLevel = this.#shape.isOptional ? 1 : 0;
    for (let i = 0; i < count; i++) {
      this.#closeEntry();
      this.#row++;
      this.#definition.fill();
      const level = this.#definition.value;
      this.#definition.take(level, 1);
      if (level === top) this.#openEntries(1);
      else if (level === 0 && this.#shape.isOptional) {
        this.#valid ??= new Uint8Array(this.#counts.length).fill(1);
        this.#valid[this.#row] = 0;
        this.#absent++;
      } else if (this.#shape.isList && level === emptyLevel) this.#absent++;
      else throw new Error(`definition level ${level}`);
    }
  }

  #beginEntries(count: number): void {
    if (this.#counts[this.#row] === undefined || this.#counts[this.#row] === 0)
      throw new Error('an entry outside of a row');
    if (count > 1 && this.#shape.innerLength > 1) throw new Error('an entry ends early');
    this.#closeEntry();
    this.#definition.take(definitionMax(this.#shape), count);
    this.#openEntries(count);
  }

  #addLeafs(count: number): void {
    if (this.#inEntry === 0 || this.#inEntry + count > this.#shape.innerLength)
      throw new Error(`an entry has more than ${this.#shape.innerLength} values`);
    this.#definition.take(definitionMax(this.#shape), count);
    this.#inEntry += count;
    this.#values += count;
  }

  #openEntries(count: number): void {
    this.#counts[this.#row] = (this.#counts[this.#row] ?? 0) + count;
    this.#values += count;
    this.#inEntry = 1;
  }

  #closeEntry(): void {
    if (this.#inEntry > 0 && this.#inEntry < this.#shape.innerLength)
      throw new Error(`an entry has ${this.#inEntry} values, expected ${this.#shape.innerLength}`);
    this.#inEntry = 0;
  }
}
