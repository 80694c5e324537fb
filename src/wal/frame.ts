// Byte layout of log files (docs/formats/wal.md): header and frames of both versions, with their checksums. Pure; the reader trusts nothing.
// A frame of version 2 says where its append began. All before that was durable when the frame was written, so a sound frame behind a bad
// one distinguishes damage from the torn end of the last append. Checksums are seeded with a number of the file, which a payload cannot know.
import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { LogPayload } from '#platform/log.js';

/** A frame longer than this cannot have been written. */
export const PAYLOAD_BYTES_MAX = 512 * 1024 * 1024;
const MAGIC = 0x4c574c45; // "ELWL"
const VERSION = 2;
const COPY_FLAG = 0x8000_0000;
const HEADER_SIZES = { 1: 32, 2: 48 } as const;
/** No version has a longer header. */
export const HEADER_BYTES = HEADER_SIZES[2];
const FRAME_HEADER_BYTES = { 1: 16, 2: 24 } as const;

type Crc32 = (bytes: Uint8Array, seed?: number) => number;

export interface FrameFormat {
  readonly version: 1 | 2;
  /** Seeds the checksums of a file of version 2; 0 in version 1. */
  readonly salt: number;
}

export interface LogFileHeader extends FrameFormat {
  /** Epoch of the owner that made the file. */
  readonly epoch: bigint;
  /** Rises with each opening of the log; 0 in version 1. */
  readonly term: bigint;
  readonly firstLsn: bigint;
  /** Entries before it came with the header in the append that made the file: copies of what an opening read back. */
  readonly copyEndLsn: bigint;
}

export interface Frame {
  readonly lsn: bigint;
  readonly payload: Uint8Array;
  /** Offset of the byte after its padding. */
  readonly end: number;
  /** First entry of its append; version 1 does not say, there it is the entry itself. */
  readonly groupLsn: bigint;
  readonly isCopy: boolean;
}

export const headerBytesOf = ({ version }: FrameFormat): number => HEADER_SIZES[version];

export function encodeHeader(header: Omit<LogFileHeader, 'version'>, crc32: Crc32): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setBigUint64(8, header.epoch, true);
  view.setBigUint64(16, header.firstLsn, true);
  view.setBigUint64(24, header.term, true);
  view.setBigUint64(32, header.copyEndLsn, true);
  view.setUint32(40, header.salt, true);
  view.setUint32(44, crc32(bytes.subarray(0, 44)), true);
  return bytes;
}

/** @returns undefined when the bytes are no whole, sound header. @throws data_corrupt a version of the future */
export function decodeHeader(bytes: Uint8Array, crc32: Crc32): LogFileHeader | undefined {
  if (bytes.length < HEADER_SIZES[1]) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const version = view.getUint32(4, true);
  const isSound = (end: number): boolean =>
    bytes.length >= end + 4 && view.getUint32(end, true) === crc32(bytes.subarray(0, end));
  const epoch = view.getBigUint64(8, true);
  const firstLsn = view.getBigUint64(16, true);
  if (version === 1)
    return isSound(28) ? { version, epoch, firstLsn, term: 0n, copyEndLsn: firstLsn, salt: 0 } : undefined;
  if (!isSound(44)) return undefined;
  if (version !== VERSION) {
    throw new ElanusError(
      'data_corrupt',
      `log file has format version ${version}, this program reads up to ${VERSION}; open it with a newer version`,
    );
  }
  return {
    version,
    epoch,
    firstLsn,
    term: view.getBigUint64(24, true),
    copyEndLsn: view.getBigUint64(32, true),
    salt: view.getUint32(40, true),
  };
}

const paddingOf = (length: number): number => -length & 7;
export function payloadLength(payload: LogPayload): number {
  if (payload instanceof Uint8Array) return payload.length;
  let length = 0;
  for (const piece of payload) length += piece.length;
  return length;
}

export const frameBytes = (payloadBytes: number): number =>
  FRAME_HEADER_BYTES[2] + payloadBytes + paddingOf(payloadBytes);

/**
 * The parts of one frame, to be written one after another: header, pieces of the payload, padding to 8 bytes.
 * @param frame `index`: entries before it in the same append
 */
export function encodeFrame(
  frame: {
    readonly lsn: bigint;
    readonly index: number;
    readonly isCopy: boolean;
    readonly payload: LogPayload;
  },
  salt: number,
  crc32: Crc32,
): readonly Uint8Array[] {
  const { payload, lsn } = frame;
  const pieces = payload instanceof Uint8Array ? [payload] : payload;
  const length = payloadLength(payload);
  // What the reader refuses is never written. Whoever plans a record refuses the request long before.
  assert(
    length <= PAYLOAD_BYTES_MAX,
    `log entry ${lsn} has ${length} bytes, expected at most ${PAYLOAD_BYTES_MAX}`,
  );
  const header = new Uint8Array(FRAME_HEADER_BYTES[2]);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  let crc = 0;
  for (const piece of pieces) crc = crc32(piece, crc);
  view.setUint32(4, crc, true);
  view.setBigUint64(8, lsn, true);
  view.setUint32(16, (frame.isCopy ? COPY_FLAG : 0) + frame.index, true);
  view.setUint32(20, crc32(header.subarray(0, 20), salt), true);
  const padding = paddingOf(length);
  return padding === 0 ? [header, ...pieces] : [header, ...pieces, new Uint8Array(padding)];
}

/** The frame at `offset`, or undefined when what is there is not a whole, sound frame with the expected number. */
export function decodeFrame(
  bytes: Uint8Array,
  offset: number,
  expectedLsn: bigint,
  format: FrameFormat,
  crc32: Crc32,
): Frame | undefined {
  const headerBytes = FRAME_HEADER_BYTES[format.version];
  if (offset + headerBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, headerBytes);
  const length = view.getUint32(0, true);
  const begin = offset + headerBytes;
  if (length > PAYLOAD_BYTES_MAX || begin + length > bytes.length) return undefined;
  if (view.getBigUint64(8, true) !== expectedLsn) return undefined;
  const payload = bytes.subarray(begin, begin + length);
  const end = Math.min(begin + length + paddingOf(length), bytes.length);
  if (format.version === 1) {
    const crc = crc32(payload, crc32(bytes.subarray(offset + 8, begin)));
    return crc === view.getUint32(4, true)
      ? { lsn: expectedLsn, payload, end, groupLsn: expectedLsn, isCopy: false }
      : undefined;
  }
  const group = groupOf(view, bytes.subarray(offset, offset + 20), format.salt, crc32);
  if (group === undefined || crc32(payload) !== view.getUint32(4, true)) return undefined;
  return {
    lsn: expectedLsn,
    payload,
    end,
    groupLsn: expectedLsn - BigInt(group.index),
    isCopy: group.isCopy,
  };
}

function groupOf(
  view: DataView,
  covered: Uint8Array,
  salt: number,
  crc32: Crc32,
): { index: number; isCopy: boolean } | undefined {
  if (crc32(covered, salt) !== view.getUint32(20, true)) return undefined;
  const group = view.getUint32(16, true);
  return { index: group & 0x7fff_ffff, isCopy: group >= COPY_FLAG };
}

/**
 * Whether a frame behind `offset` proves that entry `badLsn` was durable before that frame was written: then what is at `offset` is
 * damage, and no torn end. Looks at every place where a frame may begin; linear, as only headers are checked in version 2.
 * @param badLsn the first entry that is not sound; `isHeader`: the header of the file is not either
 * @returns the number of the frame that proves it
 */
export function findProof(
  bytes: Uint8Array,
  offset: number,
  badLsn: { readonly lsn: bigint; readonly isHeader: boolean },
  format: FrameFormat,
  crc32: Crc32,
): bigint | undefined {
  const headerBytes = FRAME_HEADER_BYTES[format.version];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const highWord = Number(badLsn.lsn >> 32n);
  const lowWord = Number(badLsn.lsn & 0xffff_ffffn);
  // Version 1 seeds nothing: a payload may look like many frames, so the bytes that are checked are bounded.
  let budget = 2 * bytes.length;
  for (let at = (offset + 7) & ~7; at + headerBytes <= bytes.length; at += 8) {
    // Numbers, not bigints: this runs for every eighth byte.
    const ahead =
      (view.getUint32(at + 12, true) - highWord) * 0x1_0000_0000 + view.getUint32(at + 8, true) - lowWord;
    if (ahead < 0 || ahead > bytes.length) continue;
    const lsn = badLsn.lsn + BigInt(ahead);
    const length = view.getUint32(at, true);
    if (format.version === 1) {
      if (ahead === 0 || length > budget) continue;
      budget -= length;
      if (decodeFrame(bytes, at, lsn, format, crc32) !== undefined) return lsn;
      continue;
    }
    const frame = new DataView(bytes.buffer, bytes.byteOffset + at, headerBytes);
    const group = groupOf(frame, bytes.subarray(at, at + 20), format.salt, crc32);
    if (group === undefined || group.isCopy) continue;
    if (badLsn.isHeader || lsn - BigInt(group.index) > badLsn.lsn) return lsn;
  }
  return undefined;
}
