// What the blocks of scalar indexes have in common: 32 bytes of header (magic, version, five numbers of the structure, a checksum) and parts
// that begin at multiples of 8. Reading trusts nothing: whatever is no such block, or was damaged, is refused.
import { bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';

export const HEADER_BYTES = 32;
const CHECKSUM_AT = 28;

export type Checksum = (bytes: Uint8Array, before?: number) => number;

export interface BlockKind {
  /** Four letters, and the same as a little-endian number. */
  readonly letters: string;
  readonly magic: number;
  readonly version: number;
  /** An older version that is read, too. */
  readonly olderVersion?: number;
}

export const damaged = (fact: string): ElanusError =>
  new ElanusError('data_corrupt', `a scalar index ${fact}; it is left out, build it again`);

/** Checksum of all bytes but its own four. */
const checksumOf = (bytes: Uint8Array, checksum: Checksum): number =>
  checksum(bytes.subarray(HEADER_BYTES), checksum(bytes.subarray(0, CHECKSUM_AT))) >>> 0;

/** Writes the header of a block, of the version of its kind, whose parts are in place. @param numbers five of them */
export function sealBlock(bytes: Uint8Array, kind: BlockKind, numbers: readonly number[]): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [at, number] of [kind.magic, kind.version, ...numbers].entries())
    view.setUint32(at * 4, number, true);
  view.setUint32(CHECKSUM_AT, checksumOf(bytes, crc32), true);
  return bytes;
}

export interface OpenBlock {
  /** Begins at a multiple of 8 of its buffer. */
  readonly bytes: Uint8Array;
  /** Numbers of the header, behind magic and version. */
  readonly numbers: readonly number[];
  readonly version: number;
}

/**
 * @param endOf the length of a block of this version with such numbers; it may look at bytes behind the header
 * @throws data_corrupt
 */
export function openBlock(
  from: Uint8Array,
  kind: BlockKind,
  endOf: (numbers: readonly number[], version: number, bytes: Uint8Array) => number,
  checksum: Checksum = crc32,
): OpenBlock {
  const bytes = from.byteOffset % 8 === 0 ? from : new Uint8Array(from);
  if (bytes.length < HEADER_BYTES)
    throw damaged(`has ${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (at: number): number => view.getUint32(at * 4, true);
  if (number(0) !== kind.magic) throw damaged(`does not begin with ${kind.letters}`);
  const version = number(1);
  if (version !== kind.version && version !== kind.olderVersion)
    throw damaged(`is of version ${version}, expected ${kind.version}`);
  const numbers = [2, 3, 4, 5, 6].map(number);
  const end = endOf(numbers, version, bytes);
  if (bytes.length !== end) throw damaged(`has ${bytes.length} bytes, expected ${end}`);
  if (number(7) !== checksumOf(bytes, checksum)) throw damaged('has another checksum than its bytes');
  return { bytes, numbers, version };
}

export const uint32sAt = (bytes: Uint8Array, begin: number, count: number): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset + begin, count);

export const putPart = (bytes: Uint8Array, part: ArrayBufferView, at: number): void =>
  bytes.set(bytesView(part), at);

/** A checksum finds damage, not a writer that was wrong: a search must not leave its arrays whatever is there. */
export function checkRows(rows: Uint32Array, rowCount: number): void {
  for (let at = 0; at < rows.length; at++)
    if ((rows[at] as number) >= rowCount) throw damaged(`names row ${rows[at]} of ${rowCount}`);
}

export function checkAscending(ends: Uint32Array, last: number, what: string): void {
  for (let at = 1; at < ends.length; at++)
    if ((ends[at] as number) < (ends[at - 1] as number))
      throw damaged(`has ${what} that end before they begin`);
  if (ends[0] !== 0 || ends[ends.length - 1] !== last)
    throw damaged(`has ${what} from ${ends[0]} to ${ends[ends.length - 1]}, expected 0 to ${last}`);
}
