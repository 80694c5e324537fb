// What the bytes of one log file say: its entries, where the last append began, and whether it ends whole, torn or damaged. Pure.
import {
  decodeFrame,
  decodeHeader,
  findProof,
  HEADER_BYTES,
  headerBytesOf,
  type LogFileHeader,
} from './frame.js';
import type { LogName } from './log-names.js';

type Crc32 = (bytes: Uint8Array, seed?: number) => number;

export interface ScannedFile {
  readonly name: LogName;
  readonly header: LogFileHeader;
  /** One past the last sound entry, and the byte after it. */
  readonly endLsn: bigint;
  readonly endByte: number;
  /** First entry of the append that came last, and its byte: nothing in the file proves that these are on the disk. */
  readonly lastGroupLsn: bigint;
  readonly lastGroupByte: number;
  readonly ending: 'whole' | 'torn';
}

export type Scan =
  | ({ readonly kind: 'sound' } & ScannedFile)
  /** Never finished by the opening that made it: nothing in it was acknowledged. */
  | { readonly kind: 'void' }
  | { readonly kind: 'damaged'; readonly why: string };

/**
 * @param endLsn for a file that another one follows: only entries before it count, and all of them must be sound
 */
export function scanLog(name: LogName, bytes: Uint8Array, crc32: Crc32, endLsn?: bigint): Scan {
  const header = decodeHeader(bytes, crc32);
  if (header === undefined) return scanWithoutHeader(name, bytes, crc32, endLsn);
  if (header.firstLsn !== name.firstLsn || header.term !== name.term || header.salt !== name.salt)
    return {
      kind: 'damaged',
      why: `its header says first entry ${header.firstLsn}, opening ${header.term}; its name says otherwise`,
    };
  const file = readFrames(name, header, bytes, crc32, endLsn);
  if (endLsn !== undefined)
    return file.endLsn === endLsn
      ? { ...file, kind: 'sound', ending: 'whole' }
      : { kind: 'damaged', why: bad(file, `${endLsn} follows`) };
  const isMade = file.endLsn >= header.copyEndLsn;
  if (isMade && file.endByte === bytes.length) return { ...file, kind: 'sound', ending: 'whole' };
  const proof = findProof(bytes, file.endByte, { lsn: file.endLsn, isHeader: false }, header, crc32);
  if (proof !== undefined)
    return { kind: 'damaged', why: bad(file, `entry ${proof} behind it is sound and was written later`) };
  return isMade ? { ...file, kind: 'sound', ending: 'torn' } : { kind: 'void' };
}

const bad = (file: { readonly endLsn: bigint; readonly endByte: number }, how: string): string =>
  `entry ${file.endLsn} at byte ${file.endByte} is damaged: ${how}`;

function scanWithoutHeader(name: LogName, bytes: Uint8Array, crc32: Crc32, endLsn: bigint | undefined): Scan {
  const damaged: Scan = { kind: 'damaged', why: `its header, bytes 0 to ${HEADER_BYTES}, is damaged` };
  if (endLsn !== undefined) return damaged;
  // Version 1 wrote the header in an append of its own.
  if (name.term === 0n)
    return bytes.length <= headerBytesOf({ version: 1, salt: 0 }) ? { kind: 'void' } : damaged;
  const format = { version: 2, salt: name.salt } as const;
  return findProof(bytes, 0, { lsn: name.firstLsn, isHeader: true }, format, crc32) === undefined
    ? { kind: 'void' }
    : damaged;
}

function readFrames(
  name: LogName,
  header: LogFileHeader,
  bytes: Uint8Array,
  crc32: Crc32,
  endLsn?: bigint,
): Omit<ScannedFile, 'ending'> {
  let endByte = headerBytesOf(header);
  let lsn = header.firstLsn;
  let lastGroupLsn = lsn;
  let lastGroupByte = endByte;
  while (lsn !== endLsn) {
    const frame = decodeFrame(bytes, endByte, lsn, header, crc32);
    if (frame === undefined) break;
    // Version 1 does not say where appends begin: all of the file counts as the last one.
    if (header.version === 2 && frame.groupLsn === lsn) {
      lastGroupLsn = lsn;
      lastGroupByte = endByte;
    }
    endByte = frame.end;
    lsn++;
  }
  return { name, header, endLsn: lsn, endByte, lastGroupLsn, lastGroupByte };
}
