// An array of vectors of a segment's struct array: the vectors of all rows, one after the other, are kept as the vectors of a plain field
// are, in shared memory, and beside them is noted where each row's end. So whatever searches vectors searches these, by their numbers.
import { assert } from '#base/assert.js';
import { bytesForBits, bytesView } from '#base/bytes.js';
import { column, isNull, uint32At } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldStore } from './field-store.js';
import { hasBitAt, setBit } from './row-versions.js';
import { VectorColumn } from './vector-column.js';

export class VectorLists implements FieldStore {
  readonly kind = 'lists';
  readonly missingBytes = 0;
  readonly fieldId: bigint;
  /** The vectors of all rows. */
  readonly elements: VectorColumn;
  rowCount = 0;
  /** The number of the vector behind the last of each row. */
  #ends = new Uint32Array(64);
  /** Bit set: the row is null. */
  #nulls: Uint8Array | undefined;
  /** Bit set: the row is null or has no vectors. */
  #empty: Uint8Array | undefined;

  constructor(workers: Workers, fieldId: bigint, elementType: number, dim: number) {
    this.fieldId = fieldId;
    this.elements = new VectorColumn(workers, fieldId, elementType, dim, 0);
  }

  get bytes(): number {
    return (
      this.elements.bytes + this.#ends.byteLength + (this.#nulls?.length ?? 0) + (this.#empty?.length ?? 0)
    );
  }

  get indexBytes(): number {
    return this.elements.indexBytes;
  }

  /** Rows that no search of the field can find. */
  get nullBits(): Uint8Array | undefined {
    return this.#empty;
  }

  get #width(): number {
    return this.elements.store.vectorBytes;
  }

  /** The number of the row's first vector; of row `rowCount`, of all vectors. */
  firstOf(row: number): number {
    return row === 0 ? 0 : (this.#ends[row - 1] as number);
  }

  endOf(row: number): number {
    return this.#ends[row] as number;
  }

  /** The row that a vector is in. */
  rowOf(element: number): number {
    let [low, high] = [0, this.rowCount - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) > element) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** First vector and end of each of the rows. */
  spansOf(rows: Uint32Array): Uint32Array {
    const spans = new Uint32Array(rows.length * 2);
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at] as number;
      spans[at * 2] = this.firstOf(row);
      spans[at * 2 + 1] = this.endOf(row);
    }
    return spans;
  }

  /** Whether rows are whole vectors was checked with the batch. */
  check(): void {}

  reserve(rows: number, bytes: number): void {
    this.elements.reserve(Math.ceil(bytes / this.#width));
    const total = this.rowCount + rows;
    if (total <= this.#ends.length) return;
    const grown = new Uint32Array(Math.max(total, this.#ends.length * 2));
    grown.set(this.#ends);
    this.#ends = grown;
  }

  append(from: Column, rows: number): void {
    this.reserve(rows, from.data.length);
    const first = this.elements.rowCount;
    const count = from.data.length / this.#width;
    assert(Number.isInteger(count), `${from.data.length} bytes are no whole vectors of ${this.#width} bytes`);
    if (count > 0) this.elements.append(column(this.fieldId, this.elements.dataType, from.data), count);
    for (let row = 0; row < rows; row++) {
      const end = uint32At(from.offsets, row + 1);
      this.#endRow(first + end / this.#width, isNull(from, row), end === uint32At(from.offsets, row));
    }
  }

  appendMissing(rows: number): void {
    this.reserve(rows, 0);
    for (let row = 0; row < rows; row++) this.#endRow(this.elements.rowCount, true, true);
  }

  #endRow(end: number, isNullRow: boolean, isEmpty: boolean): void {
    const row = this.rowCount++;
    this.#ends[row] = end;
    if (isNullRow) this.#nulls = withBit(this.#nulls, row);
    if (isEmpty) this.#empty = withBit(this.#empty, row);
  }

  gather(rows: Uint32Array): Column {
    const offsets = new Uint32Array(rows.length + 1);
    let total = 0;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at] as number;
      total += this.endOf(row) - this.firstOf(row);
      offsets[at + 1] = total * this.#width;
    }
    const elements = new Uint32Array(total);
    let next = 0;
    for (const row of rows) {
      const end = this.endOf(row);
      for (let element = this.firstOf(row); element < end; element++) elements[next++] = element;
    }
    const nulls = this.#nulls;
    const valid = nulls && Uint8Array.from(rows, (row) => (isSet(nulls, row) ? 0 : 1));
    return column(
      this.fieldId,
      DataType.ArrayOfVector,
      this.elements.store.copyRows(elements),
      bytesView(offsets),
      valid?.includes(0) === true ? valid : undefined,
    );
  }

  dropIndexes(): void {
    this.elements.dropIndexes();
  }

  release(): void {
    this.elements.release();
  }
}

const isSet = (bits: Uint8Array, row: number): boolean => row >> 3 < bits.length && hasBitAt(bits, row);

function withBit(bits: Uint8Array | undefined, row: number): Uint8Array {
  const bytes = bytesForBits(row + 1);
  const all =
    bits !== undefined && bits.length >= bytes
      ? bits
      : new Uint8Array(Math.max(bytes, (bits?.length ?? 0) * 2));
  if (bits !== undefined && all !== bits) all.set(bits);
  setBit(all, row);
  return all;
}
