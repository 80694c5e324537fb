// Numbers of JSON as float32, read from bytes. What is read is what `Math.fround(JSON.parse(text))` gives, bit for bit: a kernel gathers digits, and
// where a float32 is not certain, the text is read as a number after all. The kernel has a small memory of its own, one for each thread, which
// a list goes through piece by piece.
import { Kernel } from '#base/kernel-module.js';
import { jsonKernelBase64 } from '#model/gen/json-kernel.js';

interface JsonExports {
  readFloats(
    text: number,
    end: number,
    to: number,
    count: number,
    closer: number,
    powers: number,
    wholes: number,
    state: number,
  ): number;
}

const PAGES = 2;
const POWER_COUNT = 23;
const WHOLES_AT = POWER_COUNT * 8;
const WHOLE_COUNT = 19;
const STATE_AT = 384;
const FLOATS_AT = 512;
const FLOATS_MAX = 4096;
const TEXT_AT = FLOATS_AT + FLOATS_MAX * 4;
/** Behind the text, zero: where it ends, no number goes on. */
const BEHIND = 16;
const TEXT_MAX = PAGES * 65_536 - TEXT_AT - BEHIND;
const COMMA = 0x2c;
const CLOSER = 0x5d;
const MORE = 1;
const OPEN = 2;
const REFUSED = 3;

const ascii = new TextDecoder('latin1');
const kernel = new Kernel<JsonExports>(jsonKernelBase64);
let reader: FloatReader | undefined;

/**
 * Reads a list of exactly as many finite float32 as `into` holds.
 * @param begin place of the opening bracket
 * @returns the place after the list; -1 for anything else, `into` is of no use then. A number that is longer than the
 * memory, with the space behind it, is not read either.
 */
export function readFloats(bytes: Uint8Array, begin: number, into: Float32Array): number {
  if (bytes[begin] !== 0x5b || into.length === 0) return -1;
  reader ??= new FloatReader();
  return reader.read(bytes, begin + 1, into);
}

class FloatReader {
  readonly #kernel: JsonExports;
  readonly #text: Uint8Array;
  readonly #floats: Float32Array;
  /** How many were read, where it goes on, where the last one begins and ends if it is open. */
  readonly #state: Uint32Array;
  /** Bytes that a number took in the last list. */
  #width = 16;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    const powers = new Float64Array(memory.buffer, 0, POWER_COUNT);
    for (let exponent = 0; exponent < POWER_COUNT; exponent++) powers[exponent] = Number(`1e${exponent}`);
    const wholes = new BigUint64Array(memory.buffer, WHOLES_AT, WHOLE_COUNT);
    for (let exponent = 0; exponent < WHOLE_COUNT; exponent++) wholes[exponent] = 10n ** BigInt(exponent);
    this.#kernel = kernel.on(memory);
    this.#text = new Uint8Array(memory.buffer, TEXT_AT);
    this.#floats = new Float32Array(memory.buffer, FLOATS_AT, FLOATS_MAX);
    this.#state = new Uint32Array(memory.buffer, STATE_AT, 4);
  }

  read(bytes: Uint8Array, begin: number, into: Float32Array): number {
    const place: Place = { at: begin, done: 0 };
    for (let length = 0; ; ) {
      const { at } = place;
      const likely = Math.ceil((into.length - place.done) * this.#width * 1.125) + 2 * BEHIND;
      length = Math.min(TEXT_MAX, bytes.length - at, Math.max(likely, 2 * length));
      if (!this.#readPart(bytes.subarray(at, at + length), into, place)) return -1;
      if (place.done === into.length) break;
      const isStuck = place.at === at;
      if (at + length === bytes.length || (isStuck && length === TEXT_MAX)) return -1;
      if (!isStuck) length = 0;
    }
    this.#width = (place.at - begin) / place.done;
    return place.at;
  }

  /** Reads the numbers that are whole in the part of the text that begins at the place, and moves the place on. @returns whether there is nothing else in it */
  #readPart(text: Uint8Array, into: Float32Array, place: Place): boolean {
    const [state, floats] = [this.#state, this.#floats];
    const begin = place.at;
    const textEnd = TEXT_AT + text.length;
    this.#text.set(text);
    this.#text.fill(0, text.length, text.length + BEHIND);
    for (let next = TEXT_AT; ; ) {
      const left = into.length - place.done;
      const [count, closer] = left <= FLOATS_MAX ? [left, CLOSER] : [FLOATS_MAX, COMMA];
      const result = this.#kernel.readFloats(next, textEnd, FLOATS_AT, count, closer, 0, WHOLES_AT, STATE_AT);
      if (result === REFUSED) return false;
      const read = state[0] as number;
      into.set(read === FLOATS_MAX ? floats : floats.subarray(0, read), place.done);
      place.done += read;
      next = state[1] as number;
      place.at = begin + next - TEXT_AT;
      if (result === OPEN) {
        const number = text.subarray((state[2] as number) - TEXT_AT, (state[3] as number) - TEXT_AT);
        const value = Math.fround(Number(ascii.decode(number)));
        if (!Number.isFinite(value)) return false;
        into[place.done - 1] = value;
      }
      if (result === MORE || place.done === into.length) return true;
    }
  }
}

/** How far a list is read. */
interface Place {
  /** Where the next number begins. */
  at: number;
  done: number;
}
