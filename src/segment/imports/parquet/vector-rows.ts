// Rows of a column of dense vectors: lists of numbers of one length. The numbers of a page become the bytes of its vectors at once, and the
// levels are only compared with what they must be.
import type { CellColumn } from '#model/rows/cell-columns.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { atRow, DamagedFile, fileFailed } from '#segment/imports/file-errors.js';
import { elementsPerVector, type NumberArray, vectorBytes } from '#segment/imports/vector-values.js';
import type { DataPage, PageSource } from './page-source.js';
import type { LeafValues, Values } from './page-values.js';

interface Piece {
  /** Vectors of the rows that have one. */
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** A byte a row, 0 for null; undefined: none is. */
  readonly valid: Uint8Array | undefined;
}

export interface VectorColumn {
  readonly key: string;
  readonly field: FieldSchema;
  readonly target: CellColumn;
  readonly source: Pick<PageSource, 'next' | 'dictionary'>;
  readonly values: LeafValues;
  /** The type of the elements, as `f4`. */
  readonly type: string;
  /** The level from which on a row is a list; below it is null. */
  readonly listLevel: number;
  readonly maxDefinition: number;
}

export class VectorRows {
  readonly #of: VectorColumn;
  readonly #length: number;
  /** Numbers of a vector that goes on in the next page. */
  #rest: NumberArray | undefined;
  #piece: Piece | undefined;
  /** What of the page follows the vector that began in the one before. */
  #following: Piece | undefined;
  #taken = 0;
  #takenVectors = 0;

  constructor(of: VectorColumn) {
    this.#of = of;
    this.#length = elementsPerVector(of.field, of.type);
  }

  /** Puts the next rows into their column. @param firstRow the number of the first, for errors, from 1 */
  async take(rows: number, firstRow: number): Promise<void> {
    for (let done = 0; done < rows; ) {
      if (this.#piece === undefined || this.#taken === this.#piece.rows)
        await this.#nextPiece(firstRow + done);
      const piece = this.#piece;
      if (piece === undefined)
        throw new DamagedFile(`column ${this.#of.field.name} ends after fewer rows than the file has`);
      const some = Math.min(rows - done, piece.rows - this.#taken);
      if (some > 0) this.#add(piece, some, firstRow + done);
      done += some;
    }
  }

  /** After the last row: nothing may be left. @param row the number of the last one */
  async finish(row: number): Promise<void> {
    while (this.#piece === undefined || this.#taken === this.#piece.rows) {
      await this.#nextPiece(row + 1);
      if (this.#piece === undefined) return;
    }
    throw new DamagedFile(`column ${this.#of.field.name} has more rows than the file`);
  }

  #add({ bytes, valid, rows }: Piece, some: number, firstRow: number): void {
    const { key, target } = this.#of;
    const first = firstRow - this.#taken;
    const width = rows === 0 ? 0 : bytes.length / Math.max(1, valid === undefined ? rows : countOf(valid));
    for (let end = this.#taken + some; this.#taken < end; ) {
      if (valid?.[this.#taken] === 0) {
        atRow(key, first + this.#taken, () => target.add(null));
        this.#taken++;
        continue;
      }
      let next = valid === undefined ? end : this.#taken;
      while (next < end && valid?.[next] === 1) next++;
      const begin = this.#takenVectors;
      this.#takenVectors += next - this.#taken;
      const vectors = bytes.subarray(begin * width, this.#takenVectors * width);
      atRow(key, first + this.#taken, () => target.addRows(vectors));
      this.#taken = next;
    }
  }

  async #nextPiece(row: number): Promise<void> {
    const { source, values, field, type } = this.#of;
    this.#piece = this.#following;
    this.#following = undefined;
    this.#taken = 0;
    this.#takenVectors = 0;
    if (this.#piece !== undefined) return;
    const page = await source.next();
    if (page === undefined) {
      if (this.#rest !== undefined) throw this.#wrongLength(row, this.#rest.length);
      return;
    }
    const found = numbersOf(values.of(source, page));
    const rest = this.#rest;
    this.#rest = undefined;
    const carried = rest?.length ?? 0;
    const bytesOf = (numbers: NumberArray, begin: number, end: number): Uint8Array =>
      atRow(this.#of.key, row, () => vectorBytes(field, numbers.subarray(begin, end), type));
    if (page.values < page.entries) {
      const { rows, vectors, valid } = this.#withNulls(page, carried, row);
      const numbers = joined(rest, found);
      const whole = vectors * this.#length;
      if (whole < numbers.length) this.#rest = numbers.slice(whole);
      this.#piece = { bytes: bytesOf(numbers, 0, whole), rows, valid };
      return;
    }
    const rows = this.#whole(page, carried, row);
    // Only the vector that began in the page before is put together; the others stay where they are.
    const head = carried === 0 ? 0 : Math.min(found.length, this.#length - carried);
    const whole = head + (rows - (carried === 0 ? 0 : 1)) * this.#length;
    const first = carried === 0 ? undefined : joined(rest, found.subarray(0, head));
    if (rows === 0) {
      this.#rest = first ?? found.slice();
      this.#piece = { bytes: new Uint8Array(0), rows: 0, valid: undefined };
      return;
    }
    if (whole < found.length) this.#rest = found.slice(whole);
    const others = {
      bytes: bytesOf(found, head, whole),
      rows: rows - (first === undefined ? 0 : 1),
      valid: undefined,
    };
    if (first === undefined) this.#piece = others;
    else {
      this.#piece = { bytes: bytesOf(first, 0, first.length), rows: 1, valid: undefined };
      this.#following = others;
    }
  }

  /** A page in which every entry is a number. @returns the vectors that end in it */
  #whole({ repetition, entries }: DataPage, carried: number, row: number): number {
    const length = this.#length;
    if (repetition === undefined) throw new DamagedFile('a list has no levels');
    // Where the next list has to begin, and where it does: looked for at once, not value by value.
    let wanted = carried === 0 ? 0 : length - carried;
    for (let next = repetition.indexOf(0); ; next = repetition.indexOf(0, next + 1)) {
      const found = next < 0 ? entries : next;
      // A list that goes on is the one before; one that begins too early cuts the one that is open.
      if (found < entries ? found !== wanted : wanted < entries)
        throw this.#wrongLength(
          row + Math.floor((Math.min(found, wanted) + carried) / length) - (found > wanted ? 1 : 0),
        );
      if (next < 0) break;
      wanted += length;
    }
    return Math.floor((carried + entries) / length);
  }

  #withNulls({ repetition, definition, entries }: DataPage, carried: number, row: number) {
    const { listLevel, maxDefinition, field } = this.#of;
    const valid: number[] = [];
    let inRow = carried;
    let vectors = 0;
    for (let at = 0; at < entries; at++) {
      const begins = repetition?.[at] === 0;
      const level = definition?.[at] as number;
      if (begins && inRow > 0) throw this.#wrongLength(row + valid.length, inRow);
      if (level < listLevel) {
        valid.push(0);
        continue;
      }
      if (level < maxDefinition)
        throw fileFailed(
          this.#of.key,
          `row ${row + valid.length}: field ${JSON.stringify(field.name)}: ${level === listLevel ? 'has an empty list' : 'has an element that is null'}, expected ${this.#length} numbers`,
        );
      if (!begins && inRow === 0) throw this.#wrongLength(row + valid.length - 1);
      if (++inRow < this.#length) continue;
      inRow = 0;
      vectors++;
      valid.push(1);
    }
    return { rows: valid.length, vectors, valid: Uint8Array.from(valid) };
  }

  #wrongLength(row: number, length?: number): Error {
    return fileFailed(
      this.#of.key,
      `row ${row}: field ${JSON.stringify(this.#of.field.name)}: the list has ${length === undefined ? 'another length' : `${length} values`}, expected ${this.#length}; correct the file`,
    );
  }
}

const countOf = (valid: Uint8Array): number => valid.reduce((sum, flag) => sum + flag, 0);

function numbersOf(values: Values): NumberArray {
  if (values instanceof Float32Array || values instanceof Float64Array) return values;
  if (values instanceof Int32Array || values instanceof BigInt64Array || values instanceof Uint32Array)
    return values;
  if (values instanceof Uint8Array || values instanceof BigUint64Array) return values;
  // Values of a dictionary, or of a narrower type.
  return Float64Array.from(values, Number);
}

function joined(rest: NumberArray | undefined, numbers: NumberArray): NumberArray {
  if (rest === undefined || rest.length === 0) return numbers;
  if (numbers instanceof Float32Array && rest instanceof Float32Array) {
    const both = new Float32Array(rest.length + numbers.length);
    both.set(rest);
    both.set(numbers, rest.length);
    return both;
  }
  return Float64Array.from([...rest, ...numbers], Number);
}
