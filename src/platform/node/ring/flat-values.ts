// Arrays of numbers, and objects of them and of numbers, as bytes that two threads share. Whoever reads gets copies: the bytes are another task's
// afterwards.
//
//   arrays: u32 kind, u32 bytes, its bytes ...   each at a multiple of 8
//   object: u32 bytes of its form, 0, the form: a letter of kind and a name for each part, with a space behind it; then each part: f64, or an array
import { must } from '#base/assert.js';

const kinds = [Uint8Array, Uint32Array, Float32Array, Float64Array, Int32Array] as const;
export type FlatArray = InstanceType<(typeof kinds)[number]>;
/** Copies of shared bytes, by kind. */
const copies: readonly ((buffer: ArrayBufferLike, at: number, bytes: number) => FlatArray)[] = [
  (buffer, at, bytes) => new Uint8Array(buffer, at, bytes).slice(),
  (buffer, at, bytes) => new Uint32Array(buffer, at, bytes >> 2).slice(),
  (buffer, at, bytes) => new Float32Array(buffer, at, bytes >> 2).slice(),
  (buffer, at, bytes) => new Float64Array(buffer, at, bytes >> 3).slice(),
  (buffer, at, bytes) => new Int32Array(buffer, at, bytes >> 2).slice(),
];
const NUMBER = 'n';
const LETTERS = 'bufdi';
const FORMS_MAX = 64;
const aligned = (bytes: number): number => (bytes + 7) & ~7;

const kindOf = (value: unknown): number => kinds.findIndex((kind) => value instanceof kind);
export const isFlatArray = (value: unknown): value is FlatArray =>
  ArrayBuffer.isView(value) && kindOf(value) >= 0;

/** Bytes with what is written and read in them beside bytes. */
export class FlatBytes {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  #at = 0;

  /** @param bytes begin at a multiple of 8 */
  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes;
    this.#bytes = bytes;
    this.#words = new Uint32Array(buffer, byteOffset, byteLength >> 2);
    this.#doubles = new Float64Array(buffer, byteOffset, byteLength >> 3);
  }

  begin(): void {
    this.#at = 0;
  }

  /** @returns false: there is no room */
  writeArray(array: FlatArray): boolean {
    const { byteLength } = array;
    if (this.#at + 8 + byteLength > this.#bytes.length) return false;
    this.#words[this.#at >> 2] = kindOf(array);
    this.#words[(this.#at >> 2) + 1] = byteLength;
    const bytes =
      array instanceof Uint8Array ? array : new Uint8Array(array.buffer, array.byteOffset, byteLength);
    this.#bytes.set(bytes, this.#at + 8);
    this.#at += 8 + aligned(byteLength);
    return true;
  }

  readArray(): FlatArray {
    const copy = must(copies[this.#words[this.#at >> 2] ?? 0], 'a kind of array');
    const bytes = this.#words[(this.#at >> 2) + 1] ?? 0;
    const { buffer, byteOffset } = this.#bytes;
    const array = copy(buffer, byteOffset + this.#at + 8, bytes);
    this.#at += 8 + aligned(bytes);
    return array;
  }

  writeNumber(value: number): boolean {
    if (this.#at + 8 > this.#bytes.length) return false;
    this.#doubles[this.#at >> 3] = value;
    this.#at += 8;
    return true;
  }

  readNumber(): number {
    const value = this.#doubles[this.#at >> 3] ?? 0;
    this.#at += 8;
    return value;
  }

  writeForm(form: Uint8Array): boolean {
    if (this.#at + 8 + form.length > this.#bytes.length) return false;
    this.#words[this.#at >> 2] = form.length;
    this.#bytes.set(form, this.#at + 8);
    this.#at += 8 + aligned(form.length);
    return true;
  }

  /** @param last the form before: nearly always it is the same again */
  readForm(last: Form | undefined): Form {
    const length = this.#words[this.#at >> 2] ?? 0;
    const begin = this.#at + 8;
    this.#at = begin + aligned(length);
    if (last?.bytes.length === length) {
      let same = 0;
      while (same < length && last.bytes[same] === this.#bytes[begin + same]) same++;
      if (same === length) return last;
    }
    return formOf(String.fromCharCode(...this.#bytes.subarray(begin, begin + length)));
  }
}

/** Which parts an object has, in their order. */
interface Form {
  readonly bytes: Uint8Array;
  readonly parts: readonly { readonly name: string; readonly isNumber: boolean }[];
}

function formOf(text: string): Form {
  const parts = text
    .split(' ')
    .slice(0, -1)
    .map((part) => ({ name: part.slice(1), isNumber: part.startsWith(NUMBER) }));
  return { bytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)), parts };
}

/** Writes and reads objects of one thread, and keeps the forms that it has seen. */
export class FlatObjects {
  readonly #forms = new Map<string, Form>();
  #last: Form | undefined;

  /** @returns false: it has other parts, or there is no room */
  write(into: FlatBytes, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (Object.getPrototypeOf(value) !== Object.prototype) return false;
    const parts = value as Readonly<Record<string, unknown>>;
    let text = '';
    for (const name in parts) {
      const part = parts[name];
      if (typeof part === 'number') text += `${NUMBER}${name} `;
      else if (isFlatArray(part)) text += `${LETTERS[kindOf(part)]}${name} `;
      else return false;
    }
    const form = this.#forms.get(text) ?? this.#learn(text, Object.keys(parts));
    if (form === undefined) return false;
    into.begin();
    if (!into.writeForm(form.bytes)) return false;
    for (const { name } of form.parts) {
      const part = parts[name];
      if (!(typeof part === 'number' ? into.writeNumber(part) : into.writeArray(part as FlatArray)))
        return false;
    }
    return true;
  }

  /** @returns undefined: its names are not those of a program */
  #learn(text: string, names: readonly string[]): Form | undefined {
    if (names.length === 0 || !names.every((name) => /^[a-z]\w*$/i.test(name))) return undefined;
    if (this.#forms.size >= FORMS_MAX) this.#forms.clear();
    const form = formOf(text);
    this.#forms.set(text, form);
    return form;
  }

  read(from: FlatBytes): Readonly<Record<string, unknown>> {
    from.begin();
    const form = from.readForm(this.#last);
    this.#last = form;
    const value: Record<string, unknown> = {};
    for (const { name, isNumber } of form.parts)
      value[name] = isNumber ? from.readNumber() : from.readArray();
    return value;
  }
}
