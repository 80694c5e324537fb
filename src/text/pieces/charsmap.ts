// What a `Precompiled` normalizer of a tokenizer.json makes of characters: the table that SentencePiece compiles from its rules (NFKC and more). The
// package that runs tokenizers has an approximation in its place, which differs for joined emoji and controls, among others.
import { ElanusError } from '#base/errors.js';
import { pieceEnds } from '#text/tokenizers/pieces.js';

/** Longer groups of characters, in bytes, are looked up character by character, as the package `tokenizers` of Python has it. */
const GROUP_BYTES = 6;

/**
 * The table: the length of a trie in bytes (uint32, little-endian), the trie as a double array of units of 32 bits, and what stands for characters,
 * each text ended by a zero. A unit has a label (bits 0 to 7), whether a value follows it (8) and where it leads (10 to 30, by 256 where 9 is set);
 * a value is the place of a text.
 */
export class Charsmap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #utf8 = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #groups = new Intl.Segmenter('und', { granularity: 'grapheme' });

  /** @throws data_corrupt */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.byteLength < 4 ? -1 : view.getUint32(0, true);
    if (size < 4 || size % 4 !== 0 || size + 4 > bytes.byteLength)
      throw new ElanusError(
        'data_corrupt',
        `tokenizer.json: its precompiled_charsmap has ${bytes.byteLength} bytes, expected a trie and its texts; take the file from its source again`,
      );
    this.#units = Uint32Array.from({ length: size / 4 }, (_, at) => view.getUint32(4 + at * 4, true));
    this.#texts = bytes.subarray(4 + size);
  }

  apply(text: string): string {
    let made = '';
    let begin = 0;
    for (const end of pieceEnds(text)) {
      for (const { segment } of this.#groups.segment(text.slice(begin, end))) made += this.#ofGroup(segment);
      begin = end;
    }
    return made;
  }

  #ofGroup(group: string): string {
    const bytes = this.#utf8.encode(group);
    const whole = bytes.length < GROUP_BYTES ? this.#find(bytes) : undefined;
    if (whole !== undefined) return whole;
    let made = '';
    for (const character of group) made += this.#find(this.#utf8.encode(character)) ?? character;
    return made;
  }

  /** What stands for the shortest beginning that is known. */
  #find(key: Uint8Array): string | undefined {
    let at = offsetOf(this.#units[0] ?? 0);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = this.#units[at] ?? 0;
      if ((unit & 0x800000ff) !== byte) return undefined;
      at ^= offsetOf(unit);
      if ((unit & 0x100) !== 0) return this.#textAt((this.#units[at] ?? 0) & 0x7fffffff);
    }
    return undefined;
  }

  #textAt(begin: number): string {
    const end = this.#texts.indexOf(0, begin);
    return this.#decoder.decode(this.#texts.subarray(begin, end < 0 ? undefined : end));
  }
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
