// The different texts at a path, each once: rows have a code of 16 bits, and a test of texts is asked once a text and not once a row. Where
// nearly every row has a text of its own this is no gain, and the dictionary takes no more.

/** Codes are from 1 to this; 0 is no text. */
const CODES_MAX = 0xffff;
/** Longer texts are not worth a copy: who reads them does not notice the way to their row. */
const LENGTH_MAX = 64;
/** From so many on, the dictionary looks at how often its texts were met again. */
const TRIAL_COUNT = 1024;
/** Slots that one look-up tries: texts that were chosen to meet in one slot cost no more than this. */
const PROBES_MAX = 16;

export class TextDictionary {
  bytes = new Uint8Array(64);
  /** Text c is [ends[c - 1], ends[c]) of `bytes`. */
  ends = new Uint32Array(8);
  #count = 0;
  #slots = new Uint16Array(16);
  #asked = 0;
  readonly #take: (bytes: number) => boolean;

  /** @param take whether so many bytes more may be held; they are held then */
  constructor(take: (bytes: number) => boolean) {
    this.#take = take;
  }

  /** How many texts are in it. */
  get count(): number {
    return this.#count;
  }

  /** The code of the text [begin, end), which is taken in if it is new; 0: it has none. */
  codeOf(bytes: Uint8Array, begin: number, end: number): number {
    const length = end - begin;
    if (length > LENGTH_MAX) return 0;
    this.#asked++;
    const mask = this.#slots.length - 1;
    const hash = hashOf(bytes, begin, end);
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = (hash + probe) & mask;
      const code = this.#slots[slot] as number;
      if (code === 0) return this.#isFull ? 0 : this.#add(bytes.subarray(begin, end), slot);
      if (this.#isText(code, bytes, begin, length)) return code;
    }
    return 0;
  }

  /** No texts come in any more: codes are used up, or most texts are met once. */
  get #isFull(): boolean {
    return this.#count >= CODES_MAX || (this.#count >= TRIAL_COUNT && this.#count * 2 > this.#asked);
  }

  #isText(code: number, bytes: Uint8Array, begin: number, length: number): boolean {
    const from = this.ends[code - 1] as number;
    if ((this.ends[code] as number) - from !== length) return false;
    for (let at = 0; at < length; at++) if (this.bytes[from + at] !== bytes[begin + at]) return false;
    return true;
  }

  #add(text: Uint8Array, slot: number): number {
    const from = this.ends[this.#count] as number;
    if (!this.#makeRoom(from + text.length)) return 0;
    const code = ++this.#count;
    this.bytes.set(text, from);
    this.ends[code] = from + text.length;
    this.#slots[slot] = code;
    if (code * 2 >= this.#slots.length) this.#rehash();
    return code;
  }

  /** Room for one text more, of bytes up to `length`, and for a table of slots that is half empty. */
  #makeRoom(length: number): boolean {
    const needsBytes = length > this.bytes.length;
    const needsEnds = this.#count + 2 > this.ends.length;
    const needsSlots = (this.#count + 1) * 2 >= this.#slots.length;
    const grown =
      (needsBytes ? Math.max(length, this.bytes.length * 2) - this.bytes.length : 0) +
      (needsEnds ? this.ends.byteLength : 0) +
      (needsSlots ? this.#slots.byteLength : 0);
    if (grown > 0 && !this.#take(grown)) return false;
    if (needsBytes) {
      const bytes = new Uint8Array(Math.max(length, this.bytes.length * 2));
      bytes.set(this.bytes);
      this.bytes = bytes;
    }
    if (needsEnds) {
      const ends = new Uint32Array(this.ends.length * 2);
      ends.set(this.ends);
      this.ends = ends;
    }
    return true;
  }

  /** A text that finds no slot near its own is not found any more, and its next row may get no code: either way rows keep what they have. */
  #rehash(): void {
    const slots = new Uint16Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let code = 1; code <= this.#count; code++) {
      const hash = hashOf(this.bytes, this.ends[code - 1] as number, this.ends[code] as number);
      for (let probe = 0; probe < PROBES_MAX; probe++) {
        const slot = (hash + probe) & mask;
        if (slots[slot] !== 0) continue;
        slots[slot] = code;
        break;
      }
    }
    this.#slots = slots;
  }
}

function hashOf(bytes: Uint8Array, begin: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = begin; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
