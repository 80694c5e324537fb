// The file of a scalar index: what it indexes, as JSON, and the block of its structure. docs/formats/scalar-index.md has the bytes.
import { alignUp } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import {
  HEADER_BYTES as BLOCK_BYTES,
  type Checksum,
  damaged,
  openBlock,
  putPart,
  sealBlock,
  uint32sAt,
} from './block-bytes.js';
import { decodeBoxTree, encodeBoxTree } from './box-tree-bytes.js';
import { decodeGramLists, encodeGramLists } from './gram-lists-bytes.js';
import { decodeOrderedIndex, encodeOrderedIndex } from './ordered-index-bytes.js';
import { ScalarIndex, type ScalarIndexSpec, type ScalarStructure } from './scalar-index.js';

/** "ELSF" in ASCII, as a little-endian number. */
const MAGIC = 0x46534c45;
const VERSION = 1;
const HEADER_BYTES = 16;
const CHECKSUM_AT = 12;
const [ORDERED, GRAMS, BOXES, PATHS] = ['ordered', 'grams', 'boxes', 'paths'] as const;
/** The version of files with many paths, which readers of the first one do not know. */
const PATHS_VERSION = 2;

interface Description {
  readonly field: string;
  readonly structure: string;
  readonly isExact: boolean;
  readonly spec: ScalarIndexSpec;
}

export function encodeScalarIndexFile({ fieldId, spec, structure }: ScalarIndex): Uint8Array {
  const description: Description = {
    field: String(fieldId),
    structure: structure.kind,
    isExact: structure.kind === ORDERED && structure.isExact,
    spec,
  };
  const text = new TextEncoder().encode(JSON.stringify(description));
  const block = blockOf(structure);
  const begin = HEADER_BYTES + alignUp(text.length, 8);
  const bytes = new Uint8Array(begin + block.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, structure.kind === PATHS ? PATHS_VERSION : VERSION, true);
  view.setUint32(8, text.length, true);
  bytes.set(text, HEADER_BYTES);
  bytes.set(block, begin);
  view.setUint32(CHECKSUM_AT, checksumOf(bytes, begin), true);
  return bytes;
}

/** Checksum of header and description; the block has its own. */
const checksumOf = (bytes: Uint8Array, end: number): number =>
  crc32(bytes.subarray(HEADER_BYTES, end), crc32(bytes.subarray(0, CHECKSUM_AT))) >>> 0;

function blockOf(structure: ScalarStructure): Uint8Array {
  switch (structure.kind) {
    case ORDERED:
      return encodeOrderedIndex(structure.index);
    case GRAMS:
      return encodeGramLists(structure.lists);
    case BOXES:
      return encodeBoxTree(structure.tree);
    case PATHS:
      return encodePathFiles({
        rowCount: structure.rowCount,
        files: structure.indexes.map(encodeScalarIndexFile),
      });
  }
}

/** @param checksum a faster CRC-32 than ours @throws data_corrupt */
export function decodeScalarIndexFile(from: Uint8Array, checksum?: Checksum): ScalarIndex {
  const bytes = from.byteOffset % 8 === 0 ? from : new Uint8Array(from);
  if (bytes.length < HEADER_BYTES)
    throw damaged(`file has ${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw damaged('file does not begin with ELSF');
  const version = view.getUint32(4, true);
  if (version !== VERSION && version !== PATHS_VERSION)
    throw damaged(`file is of version ${version}, expected ${VERSION} or ${PATHS_VERSION}`);
  const length = view.getUint32(8, true);
  const begin = HEADER_BYTES + alignUp(length, 8);
  if (begin > bytes.length) throw damaged(`file has ${bytes.length} bytes, expected at least ${begin}`);
  if (view.getUint32(CHECKSUM_AT, true) !== checksumOf(bytes, begin))
    throw damaged('file has another checksum than its description');
  const description = parseDescription(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length));
  if ((version === PATHS_VERSION) !== (description.structure === PATHS))
    throw damaged(`file of version ${version} has the structure ${description.structure}`);
  const structure = structureIn(description, bytes.subarray(begin), checksum);
  return new ScalarIndex(BigInt(description.field), description.spec, structure);
}

function structureIn(
  { structure, isExact, field, spec }: Description,
  block: Uint8Array,
  checksum: Checksum | undefined,
): ScalarStructure {
  switch (structure) {
    case ORDERED:
      return { kind: ORDERED, index: decodeOrderedIndex(block, checksum), isExact };
    case GRAMS:
      return { kind: GRAMS, lists: decodeGramLists(block, checksum) };
    case BOXES:
      return { kind: BOXES, tree: decodeBoxTree(block, checksum) };
    case PATHS:
      return pathsIn(field, spec, block, checksum);
    default:
      throw damaged(`has the structure ${structure}, which this version does not know`);
  }
}

function pathsIn(
  field: string,
  spec: ScalarIndexSpec,
  block: Uint8Array,
  checksum: Checksum | undefined,
): ScalarStructure {
  if (spec.kind !== PATHS) throw damaged(`of many paths says that it indexes ${spec.kind}`);
  const { rowCount, files } = decodePathFiles(block, checksum);
  const indexes = files.map((file) => decodeScalarIndexFile(file, checksum));
  for (const index of indexes)
    if (index.spec.kind !== 'path' || String(index.fieldId) !== field || index.rowCount !== rowCount)
      throw damaged(`of many paths of field ${field} and ${rowCount} rows has a part of others`);
  return { kind: PATHS, rowCount, indexes };
}

/** A checksum finds damage, not a writer that was wrong. */
function parseDescription(bytes: Uint8Array): Description {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw damaged('describes itself in other than JSON');
  }
  const { field, structure, isExact, spec } = objectOf(value);
  if (typeof field !== 'string' || !/^-?\d{1,19}$/.test(field) || typeof structure !== 'string')
    throw damaged('does not say which field it indexes, and how');
  return { field, structure, isExact: isExact === true, spec: parseSpec(objectOf(spec)) };
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

function parseSpec({ kind, path, cast, isList, sizes }: Record<string, unknown>): ScalarIndexSpec {
  switch (kind) {
    case 'values':
    case 'elements':
    case 'boxes':
      return { kind };
    case 'path':
      if (isTexts(path) && (cast === 'bool' || cast === 'double' || cast === 'text'))
        return { kind, path, cast, isList: isList === true };
      break;
    case 'paths':
      if (isTexts(path)) return { kind, path };
      break;
    case 'grams':
      if (Array.isArray(sizes) && sizes.every((size) => typeof size === 'number'))
        return { kind, sizes, path: isTexts(path) ? path : undefined };
      break;
    default:
  }
  throw damaged(`indexes ${String(kind)}, which this version does not know`);
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

/** The block of an index of many paths: the files of an index for each of them, one behind the other. */
const PATH_FILES = { letters: 'ELSP', magic: 0x50534c45, version: 1 } as const;

interface PathFiles {
  readonly rowCount: number;
  readonly files: readonly Uint8Array[];
}

const filesBegin = (count: number): number => BLOCK_BYTES + alignUp(count * 4, 8);

function encodePathFiles({ rowCount, files }: PathFiles): Uint8Array {
  const begin = filesBegin(files.length);
  const end = files.reduce((at, file) => at + alignUp(file.length, 8), begin);
  const bytes = new Uint8Array(end);
  putPart(
    bytes,
    Uint32Array.from(files, (file) => file.length),
    BLOCK_BYTES,
  );
  let at = begin;
  for (const file of files) {
    putPart(bytes, file, at);
    at += alignUp(file.length, 8);
  }
  return sealBlock(bytes, PATH_FILES, [rowCount, files.length, end, 0, 0]);
}

/** Files are views of the bytes. @throws data_corrupt */
function decodePathFiles(from: Uint8Array, checksum?: Checksum): PathFiles {
  const { bytes, numbers } = openBlock(from, PATH_FILES, ([, , end = 0]) => end, checksum);
  const [rowCount = 0, count = 0] = numbers;
  const begin = filesBegin(count);
  if (begin > bytes.length) throw damaged(`has ${bytes.length} bytes, expected at least ${begin}`);
  const files: Uint8Array[] = [];
  let at = begin;
  for (const length of uint32sAt(bytes, BLOCK_BYTES, count)) {
    if (at + length > bytes.length)
      throw damaged(`has ${bytes.length} bytes, and a part that ends at ${at + length}`);
    files.push(bytes.subarray(at, at + length));
    at += alignUp(length, 8);
  }
  if (at !== bytes.length) throw damaged(`has ${bytes.length} bytes, and parts that end at ${at}`);
  return { rowCount, files };
}
