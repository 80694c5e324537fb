// Which texts are among some, and which of them: a table over their UTF-8 bytes. Few texts are strings and the table is made from them; a
// million strings would be slow to sort, to keep and to hand to another thread, so many texts are nothing but the memory of the table
// (`PackedTexts`), made once by whoever reads the filter.
import { copyBytes, sharedBytes } from '#base/bytes.js';
import { writeText } from '#model/text-list.js';
import type { TextSpans } from '#model/text-spans.js';
import { seedWithShortChains } from './table-seed.js';
import { type PackedTexts, TEXTS_MAX } from './typed.js';

const decoder = new TextDecoder();

/** Bits of the filter before the table: one for the length and three bytes of each text. As many texts as fill a sixth of it may have one. */
const FILTER_BITS = 1 << 16;
const FILTERED_MAX = FILTER_BITS / 6;

/** Which bit a text has. */
function filterBit(bytes: Uint8Array, begin: number, end: number): number {
  const length = end - begin;
  if (length === 0) return 0;
  const first = bytes[begin] as number;
  const middle = bytes[begin + (length >>> 1)] as number;
  const last = bytes[end - 1] as number;
  return Math.imul(length + (first << 8) + (middle << 16) + (last << 24), 0x9e3779b1) >>> 16;
}

/** Undefined: so many texts would let most others through. */
function filterOf({ length, bytes, begins }: PackedTexts): Uint8Array | undefined {
  if (length > FILTERED_MAX) return undefined;
  const filter = new Uint8Array(FILTER_BITS / 8);
  for (let number = 0; number < length; number++) {
    const bit = filterBit(bytes, begins[number] as number, begins[number + 1] as number);
    filter[bit >>> 3] = (filter[bit >>> 3] as number) | (1 << (bit & 7));
  }
  return filter;
}

export class TextSet {
  /** Texts without repetitions. */
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #begins: Uint32Array;
  readonly #mask: number;
  readonly #numbers: Int32Array;
  readonly #seed: number;
  readonly #filter: Uint8Array | undefined;

  constructor(texts: readonly string[] | PackedTexts) {
    const packed = 'numbers' in texts ? texts : packTexts(texts);
    const { length, bytes, begins, numbers, seed } = packed;
    this.#filter = filterOf(packed);
    this.size = length;
    this.#bytes = bytes;
    this.#begins = begins;
    this.#mask = numbers.length - 1;
    this.#numbers = numbers;
    this.#seed = seed;
  }

  /** Whether the text is in the list. Most that are not have no bit in the filter: three of their bytes are read, and no hash is made. */
  has(bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#filter !== undefined) {
      const bit = filterBit(bytes, begin, end);
      if ((((this.#filter[bit >>> 3] as number) >>> (bit & 7)) & 1) === 0) return false;
    }
    return this.indexOf(bytes, begin, end) >= 0;
  }

  /** Where in the list the text is; -1: not in it. */
  indexOf(bytes: Uint8Array, begin: number, end: number): number {
    for (let at = hashOf(bytes, begin, end, this.#seed) & this.#mask; ; at = (at + 1) & this.#mask) {
      const number = this.#numbers[at] as number;
      if (number === 0) return -1;
      const from = this.#begins[number - 1] as number;
      const to = this.#begins[number] as number;
      if (areEqual({ bytes: this.#bytes, begin: from, end: to }, bytes, begin, end)) return number - 1;
    }
  }
}

/** The texts in the order given, each once, and the table that finds them. */
export function packTexts(texts: readonly string[] | TextSpans): PackedTexts {
  const write = 'begins' in texts ? spanWriter(texts) : stringWriter(texts);
  const places = 2 ** Math.ceil(Math.log2(Math.max(4, texts.length * 2)));
  const take = texts.length > TEXTS_MAX ? sharedBytes : (bytes: number) => new Uint8Array(bytes);
  const numbers = new Int32Array(take(places * 4).buffer);
  const begins = new Uint32Array(texts.length + 1);
  const room = new Uint8Array(write.bytesMax);
  let begin = 0;
  let length = 0;
  const seed = seedWithShortChains((tried, chainMax) => {
    numbers.fill(0);
    begin = 0;
    length = 0;
    for (let number = 0; number < texts.length; number++) {
      const end = begin + write.text(number, room, begin);
      const at = placeOf({ numbers, begins, bytes: room, seed: tried }, { begin, end, chainMax });
      if (at < 0) return false;
      // One that is there already: the next one is written over it.
      if (numbers[at] !== 0) continue;
      numbers[at] = ++length;
      begins[length] = end;
      begin = end;
    }
    return true;
  });
  const bytes = take(begin);
  bytes.set(room.subarray(0, begin));
  const ends = new Uint32Array(take((length + 1) * 4).buffer);
  ends.set(begins.subarray(0, length + 1));
  return { length, bytes, begins: ends, numbers, seed };
}

/** Writes one text after the other into memory that has room for all of them. */
interface TextWriter {
  readonly bytesMax: number;
  /** @returns bytes written */
  text(number: number, to: Uint8Array, begin: number): number;
}

const stringWriter = (texts: readonly string[]): TextWriter => ({
  // A UTF-16 unit takes up to three bytes.
  bytesMax: texts.reduce((length, text) => length + text.length * 3, 0),
  text: (number, to, begin) => writeText(texts[number] as string, to, begin),
});

const spanWriter = ({ bytes, begins, ends }: TextSpans): TextWriter => ({
  bytesMax: bytes.length,
  text(number, to, begin) {
    const [from, end] = [begins[number] as number, ends[number] as number];
    copyBytes(bytes, from, end, to, begin);
    return end - from;
  },
});

/** The texts as strings. */
export function* unpackedTexts(texts: readonly string[] | PackedTexts): Generator<string> {
  if (!('numbers' in texts)) yield* texts;
  else {
    const { length, bytes, begins } = texts;
    for (let number = 0; number < length; number++)
      yield decoder.decode(bytes.subarray(begins[number], begins[number + 1]));
  }
}

/** Where a text is, or the free place for it; -1: more than `chainMax` places before it are taken. */
function placeOf(
  { numbers, begins, bytes, seed }: Omit<PackedTexts, 'length'>,
  { begin, end, chainMax }: { readonly begin: number; readonly end: number; readonly chainMax: number },
): number {
  const mask = numbers.length - 1;
  let at = hashOf(bytes, begin, end, seed) & mask;
  for (let chain = 0; numbers[at] !== 0; chain++, at = (at + 1) & mask) {
    if (chain > chainMax) return -1;
    const number = numbers[at] as number;
    const from = begins[number - 1] as number;
    if (areEqual({ bytes, begin: from, end: begins[number] as number }, bytes, begin, end)) break;
  }
  return at;
}

interface TextSpan {
  readonly bytes: Uint8Array;
  readonly begin: number;
  readonly end: number;
}

function areEqual(one: TextSpan, bytes: Uint8Array, begin: number, end: number): boolean {
  const length = one.end - one.begin;
  if (length !== end - begin) return false;
  for (let i = 0; i < length; i++) if (one.bytes[one.begin + i] !== bytes[begin + i]) return false;
  return true;
}

function hashOf(bytes: Uint8Array, begin: number, end: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed ^ (end - begin);
  for (let at = begin; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
