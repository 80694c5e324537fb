// Vectors of an insert log straight to where searches read them: where pages of our own writer lie follows from the footer alone, so that the bytes
// are copied once, by the system, while this thread does something else. Anything else is read as a whole (read-segment.ts).
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { FileRecord } from '#proto/elanus/data.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { type FixedRun, ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import type { SegmentData } from '#segment/segment-data.js';
import { requestOf, throwIfAborted } from './insert-log.js';
import { type DirectRead, mismatch, readDirectly } from './object-file.js';

/** Files below are as quickly read whole. */
const FILE_BYTES_MIN = 1 << 20;
/** Most footers are shorter. */
const TAIL_BYTES = 1 << 16;
const FOOTER_MARK_BYTES = 8;
/** What is read at a time, about. */
const READ_BYTES = 4 << 20;

/**
 * @param withNorms what COSINE needs is computed on the way
 * @returns undefined: this is no such file. A promise: whether the vectors are in their place, checked by size and CRC-32; they become rows
 * as batches without the field are appended. False: nothing was read. Until it settles bytes may be written to the place.
 * @throws data_corrupt, object_not_found, memory_limit
 */
export function readVectorsDirectly(
  platform: Platform,
  data: SegmentData,
  file: FileRecord,
  withNorms: boolean,
  signal?: AbortSignal,
): Promise<boolean> | undefined {
  const [fieldId] = file.fieldIds;
  if (file.fieldIds.length !== 1 || fieldId === undefined || file.bytes < FILE_BYTES_MIN) return undefined;
  const vectors = data.denseVectors(fieldId);
  return vectors && readInto(platform, data, { vectors, file, withNorms }, signal);
}

interface Wanted {
  readonly vectors: VectorColumn;
  readonly file: FileRecord;
  readonly withNorms: boolean;
}

async function readInto(
  platform: Platform,
  data: SegmentData,
  { vectors, file, withNorms }: Wanted,
  signal?: AbortSignal,
): Promise<boolean> {
  const size = await platform.objectStore.size(file.key);
  if (size === undefined || BigInt(size) !== file.bytes) return false; // The other way says what is wrong.
  const field = data.schema.fields.find(({ fieldID }) => fieldID === vectors.fieldId);
  const runs = field && (await runsOfFile(platform, file, size, requestOf(field)));
  const rows = runs?.reduce((sum, run) => sum + run.rows, 0);
  if (runs === undefined || rows === undefined || BigInt(rows) !== file.rowCount) return false;
  const place = vectors.unfilled(rows);
  if (place === undefined) return false;
  const pieces = piecesOf(runs, place, size);
  let crc = 0;
  await readDirectly(
    platform.objectStore,
    file.key,
    pieces.map(({ read }) => read),
    async (i) => {
      const { read, rows } = must(pieces[i], 'a piece');
      for (const part of read.parts) crc = platform.crc32(part, crc);
      if (withNorms) vectors.prepare(rows.begin, rows.end); // While their bytes are in the caches.
      throwIfAborted(signal);
      await platform.timers.yield();
    },
  );
  // A file that is whole and laid out in another way is not where it should be.
  if (crc >>> 0 === file.crc32 && pieces.every(hasExpectedLeads)) {
    vectors.filled(rows, withNorms);
    return true;
  }
  place.fill(0); // What is not written counts as zero.
  if (crc >>> 0 === file.crc32) return false;
  throw mismatch(file, crc, size);
}

async function runsOfFile(
  platform: Platform,
  file: FileRecord,
  size: number,
  field: ReturnType<typeof requestOf>,
): Promise<FixedRun[] | undefined> {
  const { objectStore } = platform;
  let tail = await objectStore.getRange(file.key, Math.max(0, size - TAIL_BYTES), size);
  const mark = new DataView(tail.buffer, tail.byteOffset + tail.length - FOOTER_MARK_BYTES);
  const footerBytes = mark.getUint32(0, true) + FOOTER_MARK_BYTES;
  if (footerBytes > size) return undefined;
  if (footerBytes > tail.length) tail = await objectStore.getRange(file.key, size - footerBytes, size);
  try {
    return new ParquetFileReader(tail, file.key, true).fixedRuns(field);
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'data_corrupt') return undefined;
    throw error;
  }
}

interface Piece {
  readonly read: DirectRead;
  /** Rows whose values end in it, from the first of the file. */
  readonly rows: { readonly begin: number; readonly end: number };
  /** Headers and levels as they should be, and where they are read to. */
  readonly leads: readonly { readonly wanted: Uint8Array; readonly found: Uint8Array }[];
}

/** The whole file in pieces: values to their place, everything between them aside, for the checksum. */
function piecesOf(runs: readonly FixedRun[], place: Uint8Array, size: number): Piece[] {
  const pieces: Piece[] = [];
  let begin = 0;
  let at = 0;
  let parts: Uint8Array[] = [];
  let leads: { wanted: Uint8Array; found: Uint8Array }[] = [];
  let placed = 0;
  let rows = { begin: 0, end: 0 };
  const end = (): void => {
    if (at > begin) pieces.push({ read: { begin, parts }, rows, leads });
    rows = { begin: rows.end, end: rows.end };
    begin = at;
    parts = [];
    leads = [];
  };
  const skip = (to: number): void => {
    if (to > at) parts.push(new Uint8Array(to - at));
    at = to;
  };
  for (const { offset, lead, valuesBytes, rows: runRows } of runs) {
    skip(offset);
    const found = new Uint8Array(lead.length);
    leads.push({ wanted: lead, found });
    parts.push(found, place.subarray(placed, placed + valuesBytes));
    placed += valuesBytes;
    rows.end += runRows;
    at += lead.length + valuesBytes;
    if (at - begin >= READ_BYTES) end();
  }
  skip(size);
  end();
  return pieces;
}

const hasExpectedLeads = ({ leads }: Piece): boolean =>
  leads.every(({ wanted, found }) => isEqual(wanted, found));

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
