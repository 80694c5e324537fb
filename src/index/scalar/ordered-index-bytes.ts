// The bytes of an ordered index, as docs/formats/scalar-index.md describes them.
import { alignUp } from '#base/bytes.js';
import {
  type BlockKind,
  type Checksum,
  checkAscending,
  checkRows,
  damaged,
  HEADER_BYTES,
  openBlock,
  putPart,
  sealBlock,
  uint32sAt,
} from './block-bytes.js';
import { OrderedIndex, type OrderedIndexParts } from './ordered-index.js';
import { lengthOf, type ValueList } from './value-list.js';

const ORDERED: BlockKind = { letters: 'ELSI', magic: 0x49534c45, version: 1 };
const FORMS = ['int64', 'double', 'text'] as const;
type Form = (typeof FORMS)[number];

/** Where each part begins, and the length of all. */
function layoutOf(form: Form, valueCount: number, entryCount: number, textBytes: number) {
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
  putPart(bytes, starts, layout.starts);
  putPart(bytes, rows, layout.rows);
  if (values.form === 'text') {
    putPart(bytes, values.offsets, layout.values);
    bytes.set(values.bytes, layout.texts);
  } else putPart(bytes, values.values, layout.values);
  const form = FORMS.indexOf(values.form) + 1;
  return sealBlock(bytes, ORDERED, [form, rowCount, lengthOf(values), rows.length, textBytes]);
}

/** The numbers of a header by name. */
function headerOf([
  form = 0,
  rowCount = 0,
  valueCount = 0,
  entryCount = 0,
  textBytes = 0,
]: readonly number[]) {
  const name = FORMS[form - 1];
  if (name === undefined) throw damaged(`is of form ${form}, expected 1 to ${FORMS.length}`);
  return { form: name, rowCount, valueCount, entryCount, textBytes };
}

const layoutBy = (numbers: readonly number[]) => {
  const { form, valueCount, entryCount, textBytes } = headerOf(numbers);
  return layoutOf(form, valueCount, entryCount, textBytes);
};

/** Views of the bytes where their address allows it. @throws data_corrupt */
export function decodeOrderedIndex(from: Uint8Array, checksum?: Checksum): OrderedIndex {
  const { bytes, numbers } = openBlock(from, ORDERED, (header) => layoutBy(header).end, checksum);
  const { form, rowCount, valueCount, entryCount, textBytes } = headerOf(numbers);
  const layout = layoutBy(numbers);
  const parts: OrderedIndexParts = {
    rowCount,
    starts: uint32sAt(bytes, layout.starts, valueCount + 1),
    rows: uint32sAt(bytes, layout.rows, entryCount),
    values: valuesIn(bytes, form, valueCount, textBytes, layout),
  };
  checkAscending(parts.starts, parts.rows.length, 'rows');
  if (parts.values.form === 'text') checkAscending(parts.values.offsets, textBytes, 'texts');
  checkRows(parts.rows, rowCount);
  return new OrderedIndex(parts);
}

function valuesIn(
  bytes: Uint8Array,
  form: Form,
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
        offsets: uint32sAt(bytes, layout.values, count + 1),
        bytes: bytes.subarray(layout.texts, layout.texts + textBytes),
      };
  }
}
