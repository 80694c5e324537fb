// The file of a vector index: one self-contained block of bytes, loaded by copying its sections into shared memory, never by building.
// Byte table: docs/formats/index-block.md. Decoding trusts nothing: any changed byte is data_corrupt, and the index is built again.

import { assert, must } from '#base/assert.js';
import { alignUp } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';

export type IndexParameter = number | string | boolean;
/** What the block says of itself, as JSON text in its header. */
export interface IndexMeta {
  /** The type that was requested, or that AUTOINDEX chose: HNSW, IVF_PQ … */
  readonly indexType: string;
  readonly metric: string;
  /** Element type of the vectors it was built from: float32, float16, bfloat16, int8, binary or sparse. */
  readonly elementType: string;
  /** 0 for sparse. */
  readonly dim: number;
  readonly rowCount: number;
  /** Build parameters with their defaults filled in, and what the build learned (scales, entry points …). */
  readonly params: Readonly<Record<string, IndexParameter>>;
}

export interface IndexBlock {
  readonly meta: IndexMeta;
  /** Views into the block, each at a multiple of 64 bytes from its start and padded with zeros to one. */
  readonly sections: ReadonlyMap<string, Uint8Array>;
}

/** "ELVX" in the order of the bytes. */
const MAGIC = 0x58564c45;
/** 2: sections of copies, which an older reader would leave out of its answers. */
const INDEX_BLOCK_VERSION = 2;
export const COPIES_SECTION = 'copies';
const FIXED_BYTES = 16;
const ENTRY_BYTES = 32;
const NAME_BYTES = 12;
const ALIGNMENT = 64;
const SECTIONS_MAX = 64;
/**
 * @param sections name (1 to 12 ASCII letters, digits or `_`) to bytes, in the order in which they will lie in the file
 * @param sumOf the runtime's own, where there is one
 */
export function encodeIndexBlock(
  meta: IndexMeta,
  sections: ReadonlyMap<string, Uint8Array>,
  sumOf: Crc32 = crc32,
): Uint8Array<ArrayBuffer> {
  assert(sections.size <= SECTIONS_MAX, `${sections.size} sections, at most ${SECTIONS_MAX}`);
  const text = new TextEncoder().encode(JSON.stringify(meta));
  const headerEnd = FIXED_BYTES + sections.size * ENTRY_BYTES + text.length;
  let total = alignUp(headerEnd, ALIGNMENT);
  for (const bytes of sections.values()) total += alignUp(bytes.length, ALIGNMENT);
  const block = new Uint8Array(total);
  const view = new DataView(block.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, sections.has(COPIES_SECTION) ? INDEX_BLOCK_VERSION : 1, true);
  view.setUint16(6, sections.size, true);
  view.setUint32(8, text.length, true);
  let offset = alignUp(headerEnd, ALIGNMENT);
  let entry = FIXED_BYTES;
  for (const [name, bytes] of sections) {
    assert(/^\w{1,12}$/.test(name), `section name ${name}`);
    block.set(bytes, offset);
    const padded = block.subarray(offset, offset + alignUp(bytes.length, ALIGNMENT));
    for (let i = 0; i < name.length; i++) block[entry + i] = name.charCodeAt(i);
    view.setUint32(entry + NAME_BYTES, sumOf(padded), true);
    view.setBigUint64(entry + 16, BigInt(offset), true);
    view.setBigUint64(entry + 24, BigInt(bytes.length), true);
    offset += padded.length;
    entry += ENTRY_BYTES;
  }
  block.set(text, entry);
  view.setUint32(12, headerChecksum(block, alignUp(headerEnd, ALIGNMENT)), true);
  return block;
}

/** Writes what is known of a section only when the rest of the block is made; it has as many bytes. */
export function fillSection(block: Uint8Array, name: string, bytes: Uint8Array): void {
  const { places, bodyBegin } = readIndexHeader(block, block.length);
  const at = [...places.keys()].indexOf(name);
  const place = must(places.get(name), `section ${name}`);
  assert(bytes.length === place.bytes, `${bytes.length} bytes for section ${name} of ${place.bytes}`);
  block.set(bytes, place.offset);
  const padded = block.subarray(place.offset, place.offset + alignUp(place.bytes, ALIGNMENT));
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  view.setUint32(FIXED_BYTES + at * ENTRY_BYTES + NAME_BYTES, crc32(padded), true);
  view.setUint32(12, headerChecksum(block, bodyBegin), true);
}

/** Checksum of the header with its padding, without the checksum itself. */
const headerChecksum = (block: Uint8Array, end: number): number =>
  crc32(block.subarray(FIXED_BYTES, end), crc32(block.subarray(0, 12)));

/** @throws data_corrupt, naming `what` (the file). */
export function decodeIndexBlock(block: Uint8Array, what = 'index file'): IndexBlock {
  const { sums, ...decoded } = readIndexBlock(block, what);
  for (const [name, bytes] of decoded.sections) checkSum(what, name, bytes, sums.get(name));
  return decoded;
}

export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

/** Checks a section with its padding, which lies behind it. @param sumOf the runtime's own, where there is one. @throws data_corrupt */
export function checkSum(
  what: string,
  name: string,
  section: Uint8Array,
  wanted: number | undefined,
  sumOf: Crc32 = crc32,
): void {
  const sum = sumOf(new Uint8Array(section.buffer, section.byteOffset, alignUp(section.length, ALIGNMENT)));
  if (sum === wanted) return;
  throw corruptOf(what)(
    `checksum of section ${name} is ${sum.toString(16)}, expected ${wanted?.toString(16)}`,
  );
}

const corruptOf =
  (what: string) =>
  (fact: string): ElanusError =>
    new ElanusError('data_corrupt', `${what}: ${fact}; the index has to be built again`);

/** Checks the header only: `sums` are what the sections' checksums should be. @throws data_corrupt */
export function readIndexBlock(
  block: Uint8Array,
  what = 'index file',
): IndexBlock & { readonly sums: ReadonlyMap<string, number> } {
  const { meta, places, sums } = readIndexHeader(block, block.length, what);
  const sections = new Map<string, Uint8Array>();
  for (const [name, { offset, bytes }] of places) sections.set(name, block.subarray(offset, offset + bytes));
  return { meta, sections, sums };
}

/** What the beginning of a block says. */
export interface IndexHeader {
  readonly meta: IndexMeta;
  /** Where sections lie in the block: one after the other, without gaps, from `bodyBegin` to its end. */
  readonly places: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;
  readonly sums: ReadonlyMap<string, number>;
  readonly bodyBegin: number;
}

/** Bytes from the start of a block that the header takes, by its first 16. @throws data_corrupt */
export function indexHeaderBytes(head: Uint8Array, what: string): number {
  const corrupt = corruptOf(what);
  if (head.length < FIXED_BYTES) throw corrupt(`${head.length} bytes, expected at least ${FIXED_BYTES}`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (view.getUint32(0, true) !== MAGIC) throw corrupt('the first four bytes are not ELVX');
  const count = view.getUint16(6, true);
  if (count > SECTIONS_MAX) throw corrupt(`${count} sections, expected at most ${SECTIONS_MAX}`);
  return alignUp(FIXED_BYTES + count * ENTRY_BYTES + view.getUint32(8, true), ALIGNMENT);
}

/**
 * @param head the block, or its beginning: at least `indexHeaderBytes`, where the block has as many
 * @throws data_corrupt
 */
export function readIndexHeader(head: Uint8Array, blockBytes: number, what = 'index file'): IndexHeader {
  const corrupt = corruptOf(what);
  const bodyBegin = indexHeaderBytes(head, what);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const count = view.getUint16(6, true);
  const textBytes = view.getUint32(8, true);
  const headerEnd = FIXED_BYTES + count * ENTRY_BYTES + textBytes;
  if (bodyBegin > blockBytes || bodyBegin > head.length)
    throw corrupt(`a header of ${headerEnd} bytes does not fit ${blockBytes} bytes`);
  const stored = view.getUint32(12, true);
  const computed = headerChecksum(head, bodyBegin);
  if (stored !== computed)
    throw corrupt(`header checksum ${computed.toString(16)}, expected ${stored.toString(16)}`);
  const version = view.getUint16(4, true);
  if (version < 1 || version > INDEX_BLOCK_VERSION)
    throw corrupt(`format version ${version}, expected 1 to ${INDEX_BLOCK_VERSION}`);
  const places = new Map<string, { offset: number; bytes: number }>();
  const sums = new Map<string, number>();
  let expected = bodyBegin;
  for (let i = 0; i < count; i++) {
    const entry = FIXED_BYTES + i * ENTRY_BYTES;
    const name = String.fromCharCode(...head.subarray(entry, entry + NAME_BYTES)).replace(/\0+$/, '');
    const offset = Number(view.getBigUint64(entry + 16, true));
    const bytes = Number(view.getBigUint64(entry + 24, true));
    const end = offset + alignUp(bytes, ALIGNMENT);
    if (offset !== expected || !(end <= blockBytes))
      throw corrupt(`section ${name} at ${offset} of ${bytes} bytes is out of place`);
    sums.set(name, view.getUint32(entry + NAME_BYTES, true));
    places.set(name, { offset, bytes });
    expected = end;
  }
  if (expected !== blockBytes) throw corrupt(`${blockBytes} bytes, expected ${expected}`);
  return {
    meta: parseMeta(head.subarray(headerEnd - textBytes, headerEnd), corrupt),
    places,
    sums,
    bodyBegin,
  };
}

function parseMeta(text: Uint8Array, corrupt: (fact: string) => ElanusError): IndexMeta {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw corrupt('its description is not JSON');
  }
  if (!isMeta(value)) throw corrupt('its description lacks a member or has one of the wrong type');
  return value;
}

function isMeta(value: unknown): value is IndexMeta {
  if (typeof value !== 'object' || value === null) return false;
  const { indexType, metric, elementType, dim, rowCount, params } = value as Partial<
    Record<keyof IndexMeta, unknown>
  >;
  const isCount = (one: unknown): boolean =>
    Number.isInteger(one) && (one as number) >= 0 && (one as number) < 2 ** 31;
  return (
    [indexType, metric, elementType].every((one) => typeof one === 'string') &&
    isCount(dim) &&
    isCount(rowCount) &&
    typeof params === 'object' &&
    params !== null &&
    Object.values(params).every((one) => ['number', 'string', 'boolean'].includes(typeof one))
  );
}
