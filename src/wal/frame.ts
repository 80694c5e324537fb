// Byte layout of log files (docs/formats/wal.md): header and frames, with their checksums. Pure; the reader trusts nothing.
import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';

export const HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 16;
const MAGIC = 0x4c574c45; // "ELWL"
const VERSION = 1;
/** A frame longer than this cannot have been written. */
export const PAYLOAD_BYTES_MAX = 512 * 1024 * 1024;
type Crc32 = (bytes: Uint8Array, seed?: number) => number;

export interface LogFileHeader {
  readonly epoch: bigint;
  readonly firstLsn: bigint;
}
export function encodeHeader(header: LogFileHeader, crc32: Crc32): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setBigUint64(8, header.epoch, true);
  view.setBigUint64(16, header.firstLsn, true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  return bytes;
}
export function decodeHeader(bytes: Uint8Array, crc32: Crc32): LogFileHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(28, true) !== crc32(bytes.subarray(0, 28))) return undefined;
  const version = view.getUint32(4, true);
  if (version > VERSION) {
    throw new ElanusError(
      'data_corrupt',
      `log file has format version ${version}, this program reads up to ${VERSION}; open it with a newer version`,
    );
  }
  return { epoch: view.getBigUint64(8, true), firstLsn: view.getBigUint64(16, true) };
}

const paddingOf = (length: number): number => -length & 7;
export const frameBytes = (payloadBytes: number): number => FRAME_HEADER_BYTES + payloadBytes + paddingOf(payloadBytes);
/** The parts of one frame, to be written one after another: header, payload, padding to 8 bytes. */
export function encodeFrame(lsn: bigint, payload: Uint8Array, crc32: Crc32): readonly Uint8Array[] {
  // What the reader refuses is never written. Whoever plans a record refuses the request long before.
  assert(payload.length <= PAYLOAD_BYTES_MAX, `log entry ${lsn} has ${payload.length} bytes, expected at most ${PAYLOAD_BYTES_MAX}`);
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length, true);
  view.setBigUint64(8, lsn, true);
  view.setUint32(4, crc32(payload, crc32(header.subarray(8))), true);
  const padding = paddingOf(payload.length);
  return padding === 0 ? [header, payload] : [header, payload, new Uint8Array(padding)];
}
/** The frame at `offset`, or undefined when what stands there is not a whole, sound frame with the expected number. */
export function decodeFrame(
  bytes: Uint8Array,
  offset: number,
  expectedLsn: bigint,
  crc32: Crc32,
): { payload: Uint8Array; end: number } | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEADER_BYTES);
  const length = view.getUint32(0, true);
  if (length > PAYLOAD_BYTES_MAX || offset + FRAME_HEADER_BYTES + length > bytes.length) return undefined;
  if (view.getBigUint64(8, true) !== expectedLsn) return undefined;
  const payload = bytes.subarray(offset + FRAME_HEADER_BYTES, offset + FRAME_HEADER_BYTES + length);
  const crc = crc32(payload, crc32(bytes.subarray(offset + 8, offset + FRAME_HEADER_BYTES)));
  if (crc !== view.getUint32(4, true)) return undefined;
  return { payload, end: Math.min(offset + frameBytes(length), bytes.length) };
}
