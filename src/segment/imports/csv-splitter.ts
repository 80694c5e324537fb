// Cuts the bytes of a CSV file into the cells of its rows, as they arrive in slices of any size (RFC 4180: cells in double quotes may have
// separators, line ends and doubled quotes in them). Rows are handed out as views; only the row that spans slices is copied: while it does
// not end, slices wait until they are as long as what was looked through before, so that the time is linear in the length of a row.
import { ElanusError } from '#base/errors.js';

/** Longest text of one row, as for JSON: what bounds the memory for a file without line ends. */
const ROW_BYTES_MAX = 32 * 1024 * 1024;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

/** A view; an empty cell in quotes is not an empty line. */
export interface CsvCell {
  readonly bytes: Uint8Array;
  readonly isQuoted: boolean;
}

const failed = (text: string): ElanusError => new ElanusError('import_failed', text);

export class CsvSplitter {
  readonly #separator: number;
  /** A row that did not end, looked through already; behind it slices that were not. */
  #rest = new Uint8Array(0);
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isAtBegin = true;

  /** @param separator one byte of ASCII, no quote and no line end */
  constructor(separator: string) {
    this.#separator = separator.charCodeAt(0);
  }

  /** Rows that end in this slice. @throws import_failed */
  *push(slice: Uint8Array): Generator<readonly CsvCell[], void, undefined> {
    if (this.#waitingBytes + slice.length < this.#rest.length) {
      this.#waiting.push(slice.slice());
      this.#waitingBytes += slice.length;
      this.#checkLength();
      return;
    }
    yield* this.#rows(this.#joined(slice));
  }

  *#rows(given: Uint8Array): Generator<readonly CsvCell[], void, undefined> {
    let bytes = given;
    if (this.#isAtBegin && bytes.length >= BOM.length) {
      this.#isAtBegin = false;
      if (BOM.every((byte, at) => bytes[at] === byte)) bytes = bytes.subarray(BOM.length);
    }
    let begin = 0;
    for (;;) {
      const row = this.#row(bytes, begin, false);
      if (row === undefined) break;
      begin = row.end;
      if (row.cells.length > 0) yield row.cells;
    }
    this.#rest = bytes.slice(begin);
    this.#checkLength();
  }

  #checkLength(): void {
    if (this.#rest.length + this.#waitingBytes > ROW_BYTES_MAX)
      throw failed(
        `a row has more than ${ROW_BYTES_MAX} bytes, expected a line end or a closing quote before`,
      );
  }

  /** The row after the last line end. @throws import_failed when a quote is open */
  *finish(): Generator<readonly CsvCell[], void, undefined> {
    if (this.#waitingBytes > 0) yield* this.#rows(this.#joined(new Uint8Array(0)));
    const row = this.#rest.length === 0 ? undefined : this.#row(this.#rest, 0, true);
    this.#rest = new Uint8Array(0);
    if (row !== undefined && row.cells.length > 0) yield row.cells;
  }

  #joined(slice: Uint8Array): Uint8Array {
    if (this.#rest.length === 0) return slice;
    const joined = new Uint8Array(this.#rest.length + this.#waitingBytes + slice.length);
    let at = 0;
    for (const part of [this.#rest, ...this.#waiting, slice]) {
      joined.set(part, at);
      at += part.length;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    return joined;
  }

  /** Undefined: the row does not end in these bytes. An empty line is a row without cells. */
  #row(
    bytes: Uint8Array,
    begin: number,
    isLast: boolean,
  ): { readonly cells: CsvCell[]; readonly end: number } | undefined {
    const cells: CsvCell[] = [];
    let at = begin;
    if (at >= bytes.length) return undefined;
    for (;;) {
      const cell = bytes[at] === QUOTE ? this.#quoted(bytes, at, isLast) : this.#plain(bytes, at);
      if (cell === undefined) return undefined;
      at = cell.end;
      const next = bytes[at];
      if (next === undefined && !isLast) return undefined;
      const isLineEnd = next === undefined || next === LF || next === CR;
      const isEmptyLine = isLineEnd && cells.length === 0 && !cell.isQuoted && cell.bytes.length === 0;
      if (!isEmptyLine) cells.push(cell);
      if (!isLineEnd) at++;
      else {
        // A carriage return at the end of a slice may have its line feed in the next one.
        if (next === CR && at + 1 >= bytes.length && !isLast) return undefined;
        return { cells, end: at + (next === undefined ? 0 : next === CR && bytes[at + 1] === LF ? 2 : 1) };
      }
    }
  }

  #plain(bytes: Uint8Array, begin: number): CsvCell & { readonly end: number } {
    let end = begin;
    for (; end < bytes.length; end++) {
      const byte = bytes[end];
      if (byte === this.#separator || byte === LF || byte === CR) break;
    }
    return { bytes: bytes.subarray(begin, end), isQuoted: false, end };
  }

  #quoted(
    bytes: Uint8Array,
    open: number,
    isLast: boolean,
  ): (CsvCell & { readonly end: number }) | undefined {
    let hasDoubled = false;
    let at = open + 1;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote < 0 || (quote + 1 >= bytes.length && !isLast)) {
        if (isLast) throw failed('a cell begins with a quote that does not end, expected a closing one');
        return undefined;
      }
      if (bytes[quote + 1] === QUOTE) {
        hasDoubled = true;
        at = quote + 2;
        continue;
      }
      const next = bytes[quote + 1];
      if (next !== undefined && next !== this.#separator && next !== LF && next !== CR)
        throw failed('a cell has text after its closing quote, expected a separator or the end of the line');
      const inner = bytes.subarray(open + 1, quote);
      return { bytes: hasDoubled ? single(inner) : inner, isQuoted: true, end: quote + 1 };
    }
  }
}

/** Doubled quotes as the one they stand for. */
function single(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    out[length++] = bytes[at] as number;
    if (bytes[at] === QUOTE) at++;
  }
  return out.subarray(0, length);
}
