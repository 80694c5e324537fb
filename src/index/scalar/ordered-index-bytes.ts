// The bytes of an ordered index, as docs/formats/scalar-index.md describes them. Version 1 lists the rows of each value; version 2, written
// where that takes less, has them in containers.
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
import { PackedRows } from './packed-rows.js';
import { lengthOf, type ValueList } from './value-list.js';

const [LISTED_VERSION, PACKED_VERSION] = [1, 2] as const;
const kindOf = (version: number): BlockKind => ({ letters: 'ELSI', magic: 0x49534c45, version });
const ORDERED: BlockKind = { ...kindOf(PACKED_VERSION), olderVersion: LISTED_VERSION };
const FORMS = ['int64', 'double', 'text'] as const;
type Form = (typeof FORMS)[number];

/** How many there are of what. */
interface Counts {
  readonly form: Form;
  readonly rowCount: number;
  readonly values: number;
  readonly entries: number;
  readonly textBytes: number;
  /** Undefined: rows are listed. */
  readonly packed: { readonly containers: number; readonly words: number } | undefined;
}

/** Where each part begins, and the length of all. */
interface Layout {
  readonly starts: number;
  /** The rows of version 1. */
  readonly rows: number;
  /** Version 2 has this part and the next four instead. */
  readonly firsts: number;
  readonly heads: number;
  readonly places: number;
  readonly forms: number;
  readonly words: number;
  readonly values: number;
  readonly texts: number;
  readonly end: number;
}

function layoutOf({ form, values, entries, textBytes, packed }: Counts): Layout {
  let at = HEADER_BYTES + (packed === undefined ? 0 : 8);
  const take = (bytes: number): number => {
    const begin = at;
    at += alignUp(bytes, 8);
    return begin;
  };
  const byValue = (values + 1) * 4;
  const { containers, words } = packed ?? { containers: -1, words: 0 };
  return {
    starts: take(byValue),
    rows: take(packed === undefined ? entries * 4 : 0),
    firsts: take(packed === undefined ? 0 : byValue),
    heads: take(Math.max(0, containers) * 4),
    places: take((containers + 1) * 4),
    forms: take(Math.max(0, containers)),
    words: take(words * 4),
    values: take(form === 'text' ? byValue : values * 8),
    texts: take(form === 'text' ? textBytes : 0),
    end: at,
  };
}

function countsOf({ values, starts, rows, rowCount }: OrderedIndexParts): Counts {
  return {
    form: values.form,
    rowCount,
    values: lengthOf(values),
    entries: starts[starts.length - 1] as number,
    textBytes: values.form === 'text' ? values.bytes.length : 0,
    packed:
      rows instanceof PackedRows
        ? { containers: rows.parts.heads.length, words: rows.parts.words.length }
        : undefined,
  };
}

export function encodeOrderedIndex({ parts }: OrderedIndex): Uint8Array {
  const { values, starts, rows, rowCount } = parts;
  const counts = countsOf(parts);
  const layout = layoutOf(counts);
  const bytes = new Uint8Array(layout.end);
  putPart(bytes, starts, layout.starts);
  if (rows instanceof PackedRows) {
    const { firsts, heads, places, forms, words } = rows.parts;
    putPart(bytes, Uint32Array.of(heads.length, words.length), HEADER_BYTES);
    putPart(bytes, firsts, layout.firsts);
    putPart(bytes, heads, layout.heads);
    putPart(bytes, places, layout.places);
    putPart(bytes, forms, layout.forms);
    putPart(bytes, words, layout.words);
  } else putPart(bytes, rows, layout.rows);
  if (values.form === 'text') {
    putPart(bytes, values.offsets, layout.values);
    bytes.set(values.bytes, layout.texts);
  } else putPart(bytes, values.values, layout.values);
  const form = FORMS.indexOf(values.form) + 1;
  const version = rows instanceof PackedRows ? PACKED_VERSION : LISTED_VERSION;
  return sealBlock(bytes, kindOf(version), [form, rowCount, counts.values, counts.entries, counts.textBytes]);
}

/** The numbers of a header by name, and those that version 2 has behind it. */
function readCounts(numbers: readonly number[], version: number, bytes: Uint8Array): Counts {
  const [form = 0, rowCount = 0, values = 0, entries = 0, textBytes = 0] = numbers;
  const name = FORMS[form - 1];
  if (name === undefined) throw damaged(`is of form ${form}, expected 1 to ${FORMS.length}`);
  const counts = { form: name, rowCount, values, entries, textBytes };
  if (version === LISTED_VERSION) return { ...counts, packed: undefined };
  if (bytes.length < HEADER_BYTES + 8)
    throw damaged(`has ${bytes.length} bytes, expected at least ${HEADER_BYTES + 8}`);
  const [containers = 0, words = 0] = uint32sAt(bytes, HEADER_BYTES, 2);
  return { ...counts, packed: { containers, words } };
}

/** Views of the bytes where their address allows it. @throws data_corrupt */
export function decodeOrderedIndex(from: Uint8Array, checksum?: Checksum): OrderedIndex {
  const { bytes, numbers, version } = openBlock(
    from,
    ORDERED,
    (...header) => layoutOf(readCounts(...header)).end,
    checksum,
  );
  const counts = readCounts(numbers, version, bytes);
  const layout = layoutOf(counts);
  const starts = uint32sAt(bytes, layout.starts, counts.values + 1);
  const values = valuesIn(bytes, counts, layout);
  checkAscending(starts, counts.entries, 'rows');
  if (values.form === 'text') checkAscending(values.offsets, counts.textBytes, 'texts');
  const { rowCount } = counts;
  return new OrderedIndex({ rowCount, starts, values, rows: rowsIn(bytes, counts, layout, starts) });
}

function rowsIn(bytes: Uint8Array, counts: Counts, layout: Layout, starts: Uint32Array) {
  const { packed } = counts;
  if (packed === undefined) {
    const rows = uint32sAt(bytes, layout.rows, counts.entries);
    checkRows(rows, counts.rowCount);
    return rows;
  }
  const rows = new PackedRows({
    firsts: uint32sAt(bytes, layout.firsts, counts.values + 1),
    heads: uint32sAt(bytes, layout.heads, packed.containers),
    places: uint32sAt(bytes, layout.places, packed.containers + 1),
    forms: bytes.subarray(layout.forms, layout.forms + packed.containers),
    words: uint32sAt(bytes, layout.words, packed.words),
  });
  rows.check(starts, counts.rowCount);
  return rows;
}

function valuesIn(bytes: Uint8Array, { form, values: count, textBytes }: Counts, layout: Layout): ValueList {
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
