// Frames of zstd (RFC 8878), for releases of Node whose zlib does not have it. A frame is decoded block by block: memory has the window that it asks for,
// at most 128 MiB as in zlib, grown as there is something in it, and one block. Nothing that a frame claims is an allocation before the bytes are there.
import { damaged } from './bits.js';
import type { HuffmanTable } from './huffman.js';
import { readLiterals } from './literals.js';
import { OutputWindow } from './output-window.js';
import { readSequences, type SequenceTables } from './sequences.js';
import { XxHash64 } from './xxhash64.js';

const WINDOW_BYTES_MAX = 2 ** 27;
export const BLOCK_BYTES_MAX = 128 * 1024;
const MAGIC = 0xfd2fb528;
/** Their contents are for others; the last four bits of the magic number are free. */
const SKIPPED_MAGIC = 0x184d2a50;

/** What the decoder needs to go on, or bytes that it made. */
export type Step =
  /** So many bytes, no more and no less. */
  | { readonly kind: 'need'; readonly bytes: number; readonly mayEnd: boolean }
  | { readonly kind: 'made'; readonly bytes: Uint8Array };

export type Steps<T> = Generator<Step, T, Uint8Array | undefined>;

export function* need(bytes: number): Steps<Uint8Array> {
  if (bytes === 0) return new Uint8Array(0);
  return (yield { kind: 'need', bytes, mayEnd: false }) ?? new Uint8Array(bytes);
}

/** Little-endian, up to seven bytes are exact. */
export const numberOf = (bytes: Uint8Array): number =>
  bytes.reduceRight((value, byte) => value * 256 + byte, 0);

/** All frames of an input, one after the other. @throws Error damaged, or more than it takes */
export function* decodeFrames(): Steps<void> {
  for (let frames = 0; ; frames++) {
    const first = yield { kind: 'need', bytes: 4, mayEnd: frames > 0 };
    if (first === undefined) return;
    if (isZstdFrame(first)) yield* decodeFrame();
    else yield* skipFrame();
  }
}

/** By its first four bytes; false: it is for others. @throws Error no frame at all */
export function isZstdFrame(first: Uint8Array): boolean {
  const magic = numberOf(first);
  if (magic === MAGIC || magic - (magic % 16) === SKIPPED_MAGIC) return magic === MAGIC;
  throw damaged(`a frame begins with ${magic.toString(16)}, expected ${MAGIC.toString(16)}`);
}

export function* skipFrame(): Steps<void> {
  let left = numberOf(yield* need(4));
  for (; left > 0; left -= Math.min(left, BLOCK_BYTES_MAX)) yield* need(Math.min(left, BLOCK_BYTES_MAX));
}

interface FrameHeader {
  readonly windowBytes: number;
  /** Undefined: it does not say. */
  readonly contentBytes: number | undefined;
  readonly hasSum: boolean;
}

const isSingleSegment = (flags: number): boolean => (flags & 32) !== 0;
const dictionaryBytes = (flags: number): number => [0, 1, 2, 4][flags & 3] ?? 0;
const contentSizeBytes = (flags: number): number =>
  [isSingleSegment(flags) ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;

/** Bytes of a frame between its flags and its first block. */
export const frameHeaderBytes = (flags: number): number =>
  (isSingleSegment(flags) ? 0 : 1) + dictionaryBytes(flags) + contentSizeBytes(flags);

function* readHeader(): Steps<FrameHeader> {
  const [flags = 0] = yield* need(1);
  if ((flags & 8) !== 0) throw damaged('a frame has a flag that is not known');
  const isSingle = isSingleSegment(flags);
  const [window = 0] = isSingle ? [] : yield* need(1);
  const dictionary = numberOf(yield* need(dictionaryBytes(flags)));
  if (dictionary !== 0) throw damaged(`a frame needs the dictionary ${dictionary}, expected none`);
  const width = contentSizeBytes(flags);
  const size = numberOf(yield* need(width));
  const contentBytes = width === 0 ? undefined : width === 2 ? size + 256 : size;
  const base = 2 ** (10 + (window >> 3));
  const windowBytes = isSingle ? (contentBytes ?? 0) : base + (base / 8) * (window & 7);
  if (windowBytes > WINDOW_BYTES_MAX)
    throw damaged(`a frame needs a window of ${windowBytes} bytes, expected at most ${WINDOW_BYTES_MAX}`);
  return { windowBytes, contentBytes, hasSum: (flags & 4) !== 0 };
}

function* decodeFrame(): Steps<void> {
  const header = yield* readHeader();
  const blockBytesMax = Math.min(BLOCK_BYTES_MAX, header.windowBytes);
  const decoder = new BlockDecoder(header.windowBytes, blockBytesMax);
  const sum = header.hasSum ? new XxHash64() : undefined;
  let total = 0;
  for (let isLast = false; !isLast; ) {
    const word = numberOf(yield* need(3));
    isLast = (word & 1) === 1;
    const [type, size] = [(word >> 1) & 3, word >> 3];
    if (size > blockBytesMax || type === 3)
      throw damaged(
        `a block of ${size} bytes and type ${type}, expected at most ${blockBytesMax} and 0 to 2`,
      );
    const made = decoder.decode(type, size, yield* need(type === 1 ? 1 : size));
    total += made.length;
    if (header.contentBytes !== undefined && total > header.contentBytes) break;
    sum?.update(made);
    if (made.length > 0) yield { kind: 'made', bytes: made };
  }
  if (header.contentBytes !== undefined && total !== header.contentBytes)
    throw damaged(`a frame has ${total} bytes or more, its header says ${header.contentBytes}`);
  if (sum !== undefined && numberOf(yield* need(4)) !== sum.low32())
    throw damaged('a frame has another checksum than its bytes');
}

class BlockDecoder {
  readonly #window: OutputWindow;
  readonly #blockBytesMax: number;
  #tree: HuffmanTable | undefined;
  #tables: SequenceTables = { literals: undefined, offsets: undefined, matches: undefined };
  /** The last three offsets, the newest first. */
  #first = 1;
  #second = 4;
  #third = 8;

  constructor(windowBytes: number, blockBytesMax: number) {
    this.#window = new OutputWindow(windowBytes);
    this.#blockBytesMax = blockBytesMax;
  }

  /** @param block what lies in the file of it @returns a copy of what it becomes */
  decode(type: number, size: number, block: Uint8Array): Uint8Array {
    this.#window.begin(type === 2 ? this.#blockBytesMax : size);
    if (type === 0) this.#window.append(block);
    else if (type === 1) this.#window.fill(block[0] ?? 0, size);
    else this.#decodeCompressed(block);
    return this.#window.end();
  }

  #decodeCompressed(block: Uint8Array): void {
    const { bytes, tree, end } = readLiterals(block, this.#tree, this.#blockBytesMax);
    this.#tree = tree;
    const sequences = readSequences(block.subarray(end), this.#tables);
    this.#tables = sequences.tables;
    let used = 0;
    sequences.each((literals, match, offset) => {
      if (used + literals > bytes.length) throw damaged('sequences use more literals than there are');
      this.#window.append(bytes, used, used + literals);
      used += literals;
      this.#window.copy(this.#offsetOf(offset, literals === 0), match);
    });
    this.#window.append(bytes, used);
  }

  /** Values up to 3 are offsets of before; without literals between them the newest cannot be meant, and each is one further. */
  #offsetOf(written: number, isShifted: boolean): number {
    if (written > 3) return this.#remember(written - 3);
    const which = isShifted ? written : written - 1;
    if (which === 0) return this.#first;
    if (which === 1) {
      const offset = this.#second;
      this.#second = this.#first;
      this.#first = offset;
      return offset;
    }
    return this.#remember(which === 2 ? this.#third : this.#first - 1);
  }

  #remember(offset: number): number {
    this.#third = this.#second;
    this.#second = this.#first;
    this.#first = offset;
    return offset;
  }
}
