// Snappy's raw format, in which scalar pages are compressed: a length, then runs of literal bytes and copies of what came up to 64 KiB before.
// Written here because a third of the time of a flush went into compressing: bytes go straight into one array that is large enough, words are
// compared four bytes at a time. `snappy-decoder.ts` decompresses pages.

/** Copies reach back less than this. */
const REACH = 1 << 16;
const TABLE_BITS = 14;
/** Matches are not looked for in the last bytes: words are read without a look at the end. */
const MARGIN = 15;
const places = new Uint32Array(1 << TABLE_BITS);

/** As long as the output can get. */
const boundOf = (bytes: number): number => 32 + bytes + Math.ceil(bytes / 6);

export function snappyCompress(input: Uint8Array): Uint8Array {
  const encoder = new Encoder(input);
  encoder.run();
  return encoder.finish();
}

class Encoder {
  readonly #input: Uint8Array;
  readonly #words: DataView;
  readonly #out: Uint8Array;
  #at = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
    this.#words = new DataView(input.buffer, input.byteOffset, input.byteLength);
    this.#out = new Uint8Array(boundOf(input.length));
    let rest = input.length;
    for (; rest > 127; rest >>>= 7) this.#out[this.#at++] = (rest & 127) | 128;
    this.#out[this.#at++] = rest;
  }

  finish(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }

  run(): void {
    const words = this.#words;
    const end = words.byteLength;
    // As many places as there are bytes: clearing more would cost more than the input.
    const bits = Math.min(TABLE_BITS, Math.max(1, 31 - Math.clz32(end)));
    places.fill(0, 0, 1 << bits);
    const shift = 32 - bits;
    const limit = end - MARGIN;
    let literal = 0;
    let at = 1;
    for (let misses = 32; at <= limit; ) {
      const word = words.getInt32(at, true);
      const place = Math.imul(word, 0x1e35a7bd) >>> shift;
      const before = places[place] as number;
      places[place] = at;
      if (words.getInt32(before, true) !== word || at - before >= REACH) {
        // The longer nothing is found, the further apart are the places that are tried.
        at += Math.max(1, misses++ >>> 5);
        continue;
      }
      misses = 31;
      const matched = this.#matchEnd(before + 4, at + 4, end);
      this.#literal(literal, at);
      this.#copy(at - before, matched - at);
      literal = matched;
      at = matched;
      if (at >= limit) break;
      places[Math.imul(words.getInt32(at - 1, true), 0x1e35a7bd) >>> shift] = at - 1;
    }
    this.#literal(literal, end);
  }

  /** Where bytes from `at` on stop being those from `before` on. */
  #matchEnd(before: number, at: number, end: number): number {
    const words = this.#words;
    while (at + 4 <= end && words.getInt32(before, true) === words.getInt32(at, true)) {
      before += 4;
      at += 4;
    }
    const input = this.#input;
    while (at < end && input[before] === input[at]) {
      before++;
      at++;
    }
    return at;
  }

  #literal(begin: number, end: number): void {
    const [input, out] = [this.#input, this.#out];
    const last = end - begin - 1;
    if (last < 0) return;
    let to = this.#at;
    if (last < 60) out[to++] = last << 2;
    else if (last < 256) {
      out[to++] = 60 << 2;
      out[to++] = last;
    } else {
      const bytes = last < 1 << 16 ? 2 : last < 1 << 24 ? 3 : 4;
      out[to++] = (59 + bytes) << 2;
      for (let i = 0; i < bytes; i++) out[to++] = (last >>> (i * 8)) & 255;
    }
    if (last < 64) for (let from = begin; from < end; ) out[to++] = input[from++] as number;
    else {
      out.set(input.subarray(begin, end), to);
      to += end - begin;
    }
    this.#at = to;
  }

  /** @param length at least 4 */
  #copy(offset: number, length: number): void {
    const out = this.#out;
    let rest = length;
    // What is left is at least 4, which is the shortest copy.
    for (; rest >= 68; rest -= 64) this.#longCopy(offset, 64);
    if (rest > 64) {
      this.#longCopy(offset, 60);
      rest -= 60;
    }
    if (rest < 12 && offset < 2048) {
      out[this.#at++] = 1 | ((rest - 4) << 2) | ((offset >>> 8) << 5);
      out[this.#at++] = offset & 255;
    } else this.#longCopy(offset, rest);
  }

  #longCopy(offset: number, length: number): void {
    const out = this.#out;
    out[this.#at++] = 2 | ((length - 1) << 2);
    out[this.#at++] = offset & 255;
    out[this.#at++] = offset >>> 8;
  }
}
