// Values of pages back to the bytes of a column.
import { copyBytes } from '#base/bytes.js';
import { fixedWidth, isStringType } from '#model/schema/data-type.js';
import type { Page } from './parquet-page.js';
import { type Leaf, leafBytes } from './parquet-type.js';

/** Values of a column of variable width. */
export interface VariableValues {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
}

const isNullRow = ({ valid, rowBegin }: Page, row: number): boolean => valid?.[row - rowBegin] === 0;

/**
 * A page's leafs of fixed width to the rows of `data`; null rows keep their zeros.
 * @param stored bytes of a row in `data`
 * @param width bytes of a row in the page; undefined: a bit
 */
export function decodeFixed(
  page: Page,
  values: Uint8Array,
  data: Uint8Array,
  widths: { readonly stored: number; readonly width: number | undefined },
): void {
  const { stored, width } = widths;
  const end = page.rowBegin + page.rows;
  if (!page.valid) {
    decodeLeafs(values, data.subarray(page.rowBegin * stored, end * stored), page.rows, widths);
    return;
  }
  const present = width === stored ? values : new Uint8Array(page.values * stored);
  if (width !== stored) decodeLeafs(values, present, page.values, widths);
  for (let row = page.rowBegin, i = 0; row < end; row++) {
    if (isNullRow(page, row)) continue;
    copyBytes(present, i * stored, (i + 1) * stored, data, row * stored);
    i++;
  }
}

/** Bits become bytes, 32-bit integers of a narrower type their low bytes, and everything else stays as it is. */
function decodeLeafs(
  values: Uint8Array,
  out: Uint8Array,
  count: number,
  { stored, width }: { readonly stored: number; readonly width: number | undefined },
): void {
  if (width === undefined) {
    if (values.length !== Math.ceil(count / 8))
      throw new Error(`a page of ${count} bits has ${values.length} bytes`);
    for (let i = 0; i < count; i++) out[i] = ((values[i >> 3] as number) >> (i & 7)) & 1;
  } else if (width === stored) out.set(values);
  else {
    for (let i = 0; i < count; i++)
      for (let byte = 0; byte < stored; byte++) out[i * stored + byte] = values[i * width + byte] as number;
  }
}

/** Rows of bytes, each with its length before it. */
export function decodeByteArrays(
  pages: readonly Page[],
  values: readonly Uint8Array[],
  rowCount: number,
): VariableValues {
  const total = pages.reduce((sum, page, i) => sum + (values[i] as Uint8Array).length - page.values * 4, 0);
  const { data, offsets } = variableValues(total, rowCount);
  const out = new DataView(data.buffer);
  let end = 0;
  pages.forEach((page, i) => {
    const texts = new TextReader(values[i] as Uint8Array);
    for (let row = page.rowBegin; row < page.rowBegin + page.rows; row++) {
      if (!isNullRow(page, row)) end += texts.copyNext(out, end);
      offsets[row + 1] = end;
    }
    texts.finish();
  });
  return { data, offsets };
}

/** What rows of lists are made from. */
interface ListPages {
  readonly leaf: Leaf;
  readonly pages: readonly Page[];
  readonly values: readonly Uint8Array[];
  readonly rowCount: number;
  /** Leafs of an entry. */
  readonly innerLength: number;
}

/** Rows of lists, as columns of arrays and of arrays of vectors have them. */
export function decodeLists(from: ListPages): VariableValues {
  return isStringType(from.leaf.dataType) ? decodeTextLists(from) : decodeFixedLists(from);
}

function decodeFixedLists({ leaf, pages, values, rowCount, innerLength }: ListPages): VariableValues {
  const widths = { stored: fixedWidth(leaf.dataType, leaf.dim) ?? 0, width: leafBytes(leaf) };
  const entryBytes = widths.stored * Math.max(1, innerLength);
  const leafs = pages.reduce((sum, page) => sum + page.values, 0);
  const { data, offsets } = variableValues(leafs * widths.stored, rowCount);
  let end = 0;
  pages.forEach((page, i) => {
    const pageEnd = end + page.values * widths.stored;
    decodeLeafs(values[i] as Uint8Array, data.subarray(end, pageEnd), page.values, widths);
    for (let row = 0; row < page.rows; row++) {
      end += (page.counts?.[row] ?? 0) * entryBytes;
      offsets[page.rowBegin + row + 1] = end;
    }
    if (end !== pageEnd) throw new Error('the lists of a page do not have its values');
  });
  return { data, offsets };
}

/** The length before each text becomes an end in the table of its row. */
function decodeTextLists({ pages, values, rowCount }: ListPages): VariableValues {
  const total = pages.reduce(
    (sum, { counts }, i) =>
      sum +
      (values[i] as Uint8Array).length +
      4 * (counts?.reduce((rows, n) => rows + (n > 0 ? 1 : 0), 0) ?? 0),
    0,
  );
  const { data, offsets } = variableValues(total, rowCount);
  const table = new DataView(data.buffer);
  let end = 0;
  pages.forEach((page, i) => {
    const texts = new TextReader(values[i] as Uint8Array);
    for (let row = 0; row < page.rows; row++) {
      const count = page.counts?.[row] ?? 0;
      if (count > 0) {
        const first = end + 4 + count * 4;
        if (first > data.length) throw new Error('a list has more texts than its page');
        table.setUint32(end, count, true);
        let bytes = 0;
        for (let index = 0; index < count; index++) {
          bytes += texts.copyNext(table, first + bytes);
          table.setUint32(end + 4 + index * 4, bytes, true);
        }
        end = first + bytes;
      }
      offsets[page.rowBegin + row + 1] = end;
    }
    texts.finish();
  });
  return { data, offsets };
}

/** Bytes up to which a loop over words is faster than views. */
const FEW_BYTES = 64;

/** Values of a page, each with its length before it, one after the other. */
class TextReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @returns bytes of the value, which is copied to `at`. Up to three bytes behind it are written, too: what follows comes later. */
  copyNext(out: DataView, at: number): number {
    const view = this.#view;
    const from = this.#at + 4;
    if (from > view.byteLength) throw new Error('a value ends after its page');
    const length = view.getUint32(this.#at, true);
    const [end, outEnd] = [from + length, at + length];
    if (end > view.byteLength || outEnd > out.byteLength) throw new Error('a value ends after its page');
    if (length > FEW_BYTES)
      new Uint8Array(out.buffer, out.byteOffset + at, length).set(this.#bytes.subarray(from, end));
    else if (end + 4 <= view.byteLength && outEnd + 4 <= out.byteLength)
      for (let i = 0; i < length; i += 4) out.setInt32(at + i, view.getInt32(from + i, true), true);
    else for (let i = 0; i < length; i++) out.setUint8(at + i, view.getUint8(from + i));
    this.#at = end;
    return length;
  }

  finish(): void {
    if (this.#at !== this.#bytes.length) throw new Error('bytes after the last value of a page');
  }
}

function variableValues(bytes: number, rowCount: number): VariableValues {
  if (bytes < 0 || bytes > 0xffffffff) throw new Error(`values have ${bytes} bytes`);
  return { data: new Uint8Array(bytes), offsets: new Uint32Array(rowCount + 1) };
}
