// The bytes of an ordered index, as docs/formats/scalar-index.md describes them. Reading trusts nothing: whatever is not an index of this
// form, or was damaged, is refused, and whoever asked goes by the column.
import { alignUp, bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { OrderedIndex, type OrderedIndexParts } from './ordered-index.js';
import { lengthOf, type ValueList } from './value-list.js';

/** "ELSI" in ASCII, as a little-endian number. */
const MAGIC = 0x49534c45;
const VERSION = 1;
const HEADER_BYTES = 32;
const FORMS = ['int64', 'double', 'text'] as const;
const CHECKSUM_AT = 28;

/** Where each part begins, and the length of all. */
function layoutOf(form: (typeof FORMS)[number], valueCount: number, entryCount: number, textBytes: number) {
  const rows = HEADER_BYTES + alignUp((valueCount + 1) * 4, 8);
  const values = rows + alignUp(entryCount * 4, 8);
  const texts = values + alignUp((valueCount + 1) * 4, 8);
  const end = form === 'text' ? texts + alignUp(textBytes, 8) : values + valueCount * 8;
  return { starts: HEADER_BYTES, rows, values, texts, end };
}

export function encodeOrderedIndex({ parts }: OrderedIndex): Uint8Array {
  const { values, starts, rows, rowCount } = parts;
  const textBytes = values.form === 'text' ? values.bytes.length : 0;
  const layout = layoutOf(values.form, lengthOf(values), rows.length, textBytes);
  const bytes = new Uint8Array(layout.end);
  const header = [
    MAGIC,
    VERSION,
    FORMS.indexOf(values.form) + 1,
    rowCount,
    lengthOf(values),
    rows.length,
    textBytes,
  ];
  const view = new DataView(bytes.buffer);
  for (const [at, number] of header.entries()) view.setUint32(at * 4, number, true);
  bytes.set(bytesView(starts), layout.starts);
  bytes.set(bytesView(rows), layout.rows);
  if (values.form === 'text') {
    bytes.set(bytesView(values.offsets), layout.values);
    bytes.set(values.bytes, layout.texts);
  } else bytes.set(bytesView(values.values), layout.values);
  view.setUint32(CHECKSUM_AT, checksumOf(bytes), true);
  return bytes;
}

/** Checksum of all bytes but its own four. */
const checksumOf = (bytes: Uint8Array): number =>
  crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM_AT)));

const damaged = (fact: string): ElanusError =>
  new ElanusError('data_corrupt', `a scalar index ${fact}; it is left out, build it again`);

/** Views of the bytes where their address allows it. @throws data_corrupt */
export function decodeOrderedIndex(from: Uint8Array): OrderedIndex {
  const bytes = from.byteOffset % 8 === 0 ? from : new Uint8Array(from);
  if (bytes.length < HEADER_BYTES)
    throw damaged(`has ${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (at: number): number => view.getUint32(at * 4, true);
  if (number(0) !== MAGIC) throw damaged('does not begin with ELSI');
  if (number(1) !== VERSION) throw damaged(`is of version ${number(1)}, expected ${VERSION}`);
  const form = FORMS[number(2) - 1];
  if (form === undefined) throw damaged(`is of form ${number(2)}, expected 1 to ${FORMS.length}`);
  const [rowCount, valueCount, entryCount, textBytes] = [number(3), number(4), number(5), number(6)];
  const layout = layoutOf(form, valueCount, entryCount, textBytes);
  if (bytes.length !== layout.end) throw damaged(`has ${bytes.length} bytes, expected ${layout.end}`);
  if (number(7) !== checksumOf(bytes)) throw damaged('has another checksum than its bytes');
  const uint32s = (begin: number, count: number): Uint32Array =>
    new Uint32Array(bytes.buffer, bytes.byteOffset + begin, count);
  const parts: OrderedIndexParts = {
    rowCount,
    starts: uint32s(layout.starts, valueCount + 1),
    rows: uint32s(layout.rows, entryCount),
    values: valuesIn(bytes, form, valueCount, textBytes, layout),
  };
  checkParts(parts, textBytes);
  return new OrderedIndex(parts);
}

function valuesIn(
  bytes: Uint8Array,
  form: (typeof FORMS)[number],
  count: number,
  textBytes: number,
  layout: { readonly values: number; readonly texts: number },
): ValueList {
  const begin = bytes.byteOffset + layout.values;
  switch (form) {
    case 'int64':
      return { form, values: new BigInt64Array(bytes.buffer, begin, count) };
    case 'double':
      return { form, values: new Float64Array(bytes.buffer, begin, count) };
    case 'text':
      return {
        form,
        offsets: new Uint32Array(bytes.buffer, begin, count + 1),
        bytes: bytes.subarray(layout.texts, layout.texts + textBytes),
      };
  }
}

/** A checksum finds damage, not a writer that was wrong: a search must not leave its arrays whatever is there. */
function checkParts({ rowCount, starts, rows, values }: OrderedIndexParts, textBytes: number): void {
  checkAscending(starts, rows.length, 'rows');
  if (values.form === 'text') checkAscending(values.offsets, textBytes, 'texts');
  for (let at = 0; at < rows.length; at++)
    if ((rows[at] as number) >= rowCount) throw damaged(`names row ${rows[at]} of ${rowCount}`);
}

function checkAscending(ends: Uint32Array, last: number, what: string): void {
  for (let at = 1; at < ends.length; at++)
    if ((ends[at] as number) < (ends[at - 1] as number))
      throw damaged(`has ${what} that end before they begin`);
  if (ends[0] !== 0 || ends[ends.length - 1] !== last)
    throw damaged(`has ${what} from ${ends[0]} to ${ends[ends.length - 1]}, expected 0 to ${last}`);
}
