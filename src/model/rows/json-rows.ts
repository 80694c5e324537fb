// Cuts the bytes of a JSON or JSON-lines file into the bytes of its rows, as they arrive in slices of any size. Only the one row that
// spans two slices is copied. What a row says is not looked at here (see json-members.ts): this finds where it ends.
import { ElanusError } from '#base/errors.js';

export type JsonRowsKind = 'json' | 'jsonl';
/** Longest text of one row: far above what the fields' own limits allow, and what bounds the memory for a file without an end. */
const ROW_TEXT_BYTES_MAX = 32 * 1024 * 1024;

const BOM = [0xef, 0xbb, 0xbf];
const ROWS_KEY = '"rows"';
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
type Wants =
  | 'top'
  | 'key'
  | 'colon'
  | 'list'
  | 'row or ]'
  | 'row'
  | 'comma or ]'
  | 'end of row'
  | '}'
  | 'nothing';

const failed = (text: string): ElanusError => new ElanusError('import_failed', text);

export class JsonRowSplitter {
  readonly #kind: JsonRowsKind;
  readonly #rowBytesMax: number;
  /** Bytes of the file before the current slice. */
  #offset = 0;
  #bomSeen = 0;
  #wants: Wants = 'top';
  #keyAt = 0;
  #isObject = false;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #carry = new Uint8Array(0);
  #carried = 0;

  constructor(kind: JsonRowsKind, rowBytesMax: number = ROW_TEXT_BYTES_MAX) {
    this.#kind = kind;
    this.#rowBytesMax = rowBytesMax;
  }

  /** Rows that end in this slice; each is a view that lives until the next is asked for. @throws import_failed */
  *push(slice: Uint8Array): Generator<Uint8Array, void, undefined> {
    if (this.#kind === 'jsonl') yield* this.#lines(slice);
    else yield* this.#objects(slice);
    this.#offset += slice.length;
  }

  /** After the last slice. @throws import_failed when the file ends too early */
  *finish(): Generator<Uint8Array, void, undefined> {
    if (this.#wants === 'top') throw failed('the file is empty, expected rows: write it again');
    if (this.#kind === 'jsonl') {
      const line = trim(this.#carry.subarray(0, this.#carried));
      this.#carried = 0;
      if (line.length > 0) yield line;
    } else if (this.#wants !== 'nothing') {
      const where =
        this.#wants === 'end of row' ? 'inside a row' : `where ${describe(this.#wants)} was expected`;
      throw failed(
        `the text ends after ${this.#offset} bytes ${where}: the file is cut off or empty; write it again`,
      );
    }
  }

  *#lines(slice: Uint8Array): Generator<Uint8Array, void, undefined> {
    let begin = this.#bomBytes(slice);
    for (;;) {
      // Blank lines are passed here, a step per byte: as lines of their own, millions of them would hold everybody else up.
      if (this.#carried === 0) while (begin < slice.length && isSpace(slice[begin] as number)) begin++;
      if (begin < slice.length) this.#wants = 'nothing';
      const end = slice.indexOf(0x0a, begin);
      if (end < 0) break;
      const line = trim(this.#whole(slice.subarray(begin, end)));
      if (line.length > 0) yield line;
      this.#carried = 0;
      begin = end + 1;
    }
    this.#keep(slice.subarray(begin));
  }

  *#objects(slice: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = this.#bomBytes(slice);
    let begin = at;
    while (at < slice.length) {
      if (this.#wants === 'end of row') {
        at = this.#scanRow(slice, at);
        if (this.#depth > 0) break;
        yield this.#whole(slice.subarray(begin, at));
        this.#carried = 0;
        this.#wants = 'comma or ]';
        continue;
      }
      const byte = slice[at] as number;
      if (this.#wants === 'row' || this.#wants === 'row or ]') {
        if (byte === 0x7b) {
          begin = at++;
          this.#depth = 1;
          this.#wants = 'end of row';
          continue;
        }
      }
      this.#step(byte, this.#offset + at);
      at++;
    }
    if (this.#wants === 'end of row') this.#keep(slice.subarray(begin));
  }

  /** One byte outside of rows. */
  #step(byte: number, position: number): void {
    const isBetween = this.#keyAt === 0 || this.#keyAt === ROWS_KEY.length;
    if (isSpace(byte) && isBetween) return;
    switch (this.#wants) {
      case 'top':
        if (byte === 0x5b) this.#wants = 'row or ]';
        else if (byte === 0x7b) {
          this.#wants = 'key';
          this.#isObject = true;
        } else break;
        return;
      case 'key':
        if (byte !== ROWS_KEY.charCodeAt(this.#keyAt)) break;
        if (++this.#keyAt === ROWS_KEY.length) this.#wants = 'colon';
        return;
      case 'colon':
        if (byte !== 0x3a) break;
        this.#wants = 'list';
        return;
      case 'list':
        if (byte !== 0x5b) break;
        this.#wants = 'row or ]';
        return;
      case 'row or ]':
      case 'comma or ]':
        if (byte === 0x5d) this.#wants = this.#isObject ? '}' : 'nothing';
        else if (byte === 0x2c && this.#wants === 'comma or ]') this.#wants = 'row';
        else break;
        return;
      case '}':
        if (byte !== 0x7d) break;
        this.#wants = 'nothing';
        return;
      default:
    }
    const found =
      byte >= 0x20 && byte < 0x7f
        ? JSON.stringify(String.fromCharCode(byte))
        : `byte 0x${byte.toString(16).padStart(2, '0')}`;
    throw failed(
      `byte ${position} is ${found}, expected ${describe(this.#wants)}: write {"rows": [{...}, ...]} or a list of objects, or name a file of one object per line .jsonl`,
    );
  }

  /** @returns the position after the row, or the end of the slice. */
  #scanRow(slice: Uint8Array, from: number): number {
    const { length } = slice;
    let at = from;
    let depth = this.#depth;
    let isInString = this.#isInString;
    if (this.#isEscaped && at < length) {
      this.#isEscaped = false;
      at++;
    }
    while (at < length && depth > 0) {
      const byte = slice[at++] as number;
      if (isInString) {
        if (byte === 0x22) isInString = false;
        else if (byte === 0x5c) {
          if (at < length) at++;
          else this.#isEscaped = true;
        }
      } else if (byte === 0x22) isInString = true;
      else if (byte === 0x7b || byte === 0x5b) depth++;
      else if (byte === 0x7d || byte === 0x5d) depth--;
    }
    this.#depth = depth;
    this.#isInString = isInString;
    return at;
  }

  /** Bytes of the byte order mark in this slice; the mark may be split over the first slices. */
  #bomBytes(slice: Uint8Array): number {
    let at = 0;
    while (this.#bomSeen < BOM.length && at < slice.length) {
      if (slice[at] === BOM[this.#bomSeen]) {
        this.#bomSeen++;
        at++;
      } else if (this.#bomSeen === 0) this.#bomSeen = BOM.length;
      else
        throw failed(
          'the text begins with a part of a byte order mark, expected all of it or none: write the file in UTF-8',
        );
    }
    return at;
  }

  #whole(part: Uint8Array): Uint8Array {
    this.#check(part.length);
    if (this.#carried === 0) return part;
    this.#keep(part);
    return this.#carry.subarray(0, this.#carried);
  }

  #keep(part: Uint8Array): void {
    this.#check(part.length);
    const needed = this.#carried + part.length;
    if (needed > this.#carry.length) {
      const grown = new Uint8Array(
        Math.max(needed, Math.min(this.#carry.length * 2, this.#rowBytesMax), 4096),
      );
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    this.#carry.set(part, this.#carried);
    this.#carried = needed;
  }

  #check(more: number): void {
    if (this.#carried + more <= this.#rowBytesMax) return;
    throw failed(
      `the row has more than ${this.#rowBytesMax} bytes of text, expected at most so many: check that strings and brackets are closed`,
    );
  }
}

function trim(line: Uint8Array): Uint8Array {
  let [begin, end] = [0, line.length];
  while (begin < end && isSpace(line[begin] as number)) begin++;
  while (end > begin && isSpace(line[end - 1] as number)) end--;
  return line.subarray(begin, end);
}

function describe(wants: Wants): string {
  switch (wants) {
    case 'top':
      return '"[" or "{"';
    case 'key':
      return 'the key "rows"';
    case 'colon':
      return '":"';
    case 'list':
      return '"[", the list of rows';
    case 'row':
      return '"{", a row';
    case 'row or ]':
      return '"{", a row, or "]"';
    case 'comma or ]':
      return '"," or "]"';
    case '}':
      return '"}"';
    default:
      return 'the end of the file';
  }
}
