// A regular expression of up to 31 places, followed in the bits of a word: a bit for each place says whether the bytes so far may end there.
// For each byte the places that may come next are looked up, eight at a time, and those that the byte does not fit drop out. One step a
// byte whatever the expression; Glushkov's automaton, see Navarro and Raffinot, "Flexible Pattern Matching in Strings", chapter 5.
import { type ByteSet, type RegexNode, readRegex } from './regex-syntax.js';
import { isContinuation } from './run-finder.js';

const PLACES_MAX = 31;

/** The places that a part may begin and end with, as bits, and whether it may be nothing. */
interface Part {
  readonly first: number;
  readonly last: number;
  readonly isEmpty: boolean;
}

const NOTHING: Part = { first: 0, last: 0, isEmpty: true };
const continuations: ByteSet = Uint8Array.from({ length: 256 }, (_, byte) => Number(isContinuation(byte)));

class TooLargeError extends Error {}

/** The places of an expression and which may follow which. */
class Places {
  readonly fits: ByteSet[] = [];
  readonly follow: number[] = [];

  build(node: RegexNode): Part {
    switch (node.kind) {
      case 'byte':
        return this.#place(node.fits);
      case 'point': {
        // More bytes of a code point only ever come behind its first: texts are UTF-8.
        const more = this.#repeat(this.#place(continuations));
        return this.#concat([this.#place(node.fits), { ...more, isEmpty: true }]);
      }
      case 'concat':
        return this.#concat(node.parts.map((part) => this.build(part)));
      case 'either':
        return this.#either(node.parts.map((part) => this.build(part)));
      case 'repeat':
        return this.#copies(node);
    }
  }

  #place(fits: ByteSet): Part {
    if (this.fits.length === PLACES_MAX) throw new TooLargeError();
    const bit = 1 << this.fits.length;
    this.fits.push(fits);
    this.follow.push(0);
    return { first: bit, last: bit, isEmpty: false };
  }

  #link(from: number, to: number): void {
    for (let place = 0; place < this.follow.length; place++)
      if ((from & (1 << place)) !== 0) this.follow[place] = (this.follow[place] as number) | to;
  }

  #concat(parts: readonly Part[]): Part {
    return parts.reduce((before, next) => {
      this.#link(before.last, next.first);
      return {
        first: before.isEmpty ? before.first | next.first : before.first,
        last: next.isEmpty ? before.last | next.last : next.last,
        isEmpty: before.isEmpty && next.isEmpty,
      };
    }, NOTHING);
  }

  #either(parts: readonly Part[]): Part {
    return parts.reduce((one, other) => ({
      first: one.first | other.first,
      last: one.last | other.last,
      isEmpty: one.isEmpty || other.isEmpty,
    }));
  }

  #repeat(part: Part): Part {
    this.#link(part.last, part.first);
    return part;
  }

  #copies({ of, min, max }: Extract<RegexNode, { readonly kind: 'repeat' }>): Part {
    if (max === Number.POSITIVE_INFINITY) {
      const copies = Array.from({ length: Math.max(1, min) }, () => this.build(of));
      const last = this.#repeat(copies.pop() as Part);
      return this.#concat([...copies, min === 0 ? { ...last, isEmpty: true } : last]);
    }
    const copies = Array.from({ length: max }, (_, at): Part => {
      const copy = this.build(of);
      return at < min ? copy : { ...copy, isEmpty: true };
    });
    return this.#concat(copies);
  }
}

export class BitRegex {
  readonly #first: number;
  readonly #last: number;
  readonly #isEmpty: boolean;
  readonly #atBegin: boolean;
  readonly #atEnd: boolean;
  /** By byte: the places that it fits. */
  readonly #fits = new Int32Array(256);
  /** By eight places, by which of them are reached: what may come next. */
  readonly #next: Int32Array;
  readonly #groups: number;

  private constructor(places: Places, part: Part, atBegin: boolean, atEnd: boolean) {
    this.#first = part.first;
    this.#last = part.last;
    this.#isEmpty = part.isEmpty;
    this.#atBegin = atBegin;
    this.#atEnd = atEnd;
    places.fits.forEach((fits, place) => {
      for (let byte = 0; byte < 256; byte++)
        if (fits[byte] === 1) this.#fits[byte] = (this.#fits[byte] as number) | (1 << place);
    });
    this.#groups = Math.max(1, Math.ceil(places.fits.length / 8));
    this.#next = new Int32Array(256 * this.#groups);
    for (let group = 0; group < this.#groups; group++)
      for (let reached = 1; reached < 256; reached++) {
        const low = 31 - Math.clz32(reached & -reached);
        const rest = this.#next[group * 256 + (reached & (reached - 1))] as number;
        this.#next[group * 256 + reached] = rest | (places.follow[group * 8 + low] ?? 0);
      }
  }

  /** Undefined where it is not of the part of RE2 that is read here, or has too many places. @param source valid RE2 */
  static of(source: string): BitRegex | undefined {
    const syntax = readRegex(source);
    if (syntax === undefined) return undefined;
    const places = new Places();
    try {
      return new BitRegex(places, places.build(syntax.root), syntax.atBegin, syntax.atEnd);
    } catch (error) {
      if (error instanceof TooLargeError) return undefined;
      throw error;
    }
  }

  /** Whether it is found in the UTF-8 text of bytes [begin, end). */
  test(bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#isEmpty && !(this.#atBegin && this.#atEnd)) return true;
    return this.#groups === 1 ? this.#testFew(bytes, begin, end) : this.#testMany(bytes, begin, end);
  }

  #testFew(bytes: Uint8Array, begin: number, end: number): boolean {
    const [fits, next, first] = [this.#fits, this.#next, this.#first];
    const again = this.#atBegin ? 0 : first;
    const found = this.#atEnd ? 0 : this.#last;
    let reached = 0;
    let open = first;
    for (let at = begin; at < end; at++) {
      if (reached === 0 && again !== 0) {
        // Most bytes of most texts begin nothing.
        while (at < end && ((fits[bytes[at] as number] as number) & first) === 0) at++;
        if (at === end) break;
      }
      reached = ((next[reached] as number) | open) & (fits[bytes[at] as number] as number);
      if ((reached & found) !== 0) return true;
      open = again;
      if (reached === 0 && again === 0) return false;
    }
    return this.#isFoundAtEnd(reached, begin === end);
  }

  #testMany(bytes: Uint8Array, begin: number, end: number): boolean {
    const [fits, next, first] = [this.#fits, this.#next, this.#first];
    const again = this.#atBegin ? 0 : first;
    const found = this.#atEnd ? 0 : this.#last;
    let reached = 0;
    let open = first;
    for (let at = begin; at < end; at++) {
      if (reached === 0 && again !== 0) {
        while (at < end && ((fits[bytes[at] as number] as number) & first) === 0) at++;
        if (at === end) break;
      }
      let coming = open;
      for (let group = 0, left = reached; left !== 0; group += 256, left >>>= 8)
        coming |= next[group + (left & 255)] as number;
      reached = coming & (fits[bytes[at] as number] as number);
      if ((reached & found) !== 0) return true;
      open = again;
      if (reached === 0 && again === 0) return false;
    }
    return this.#isFoundAtEnd(reached, begin === end);
  }

  #isFoundAtEnd(reached: number, isEmptyText: boolean): boolean {
    if (!this.#atEnd) return false;
    return (reached & this.#last) !== 0 || (this.#isEmpty && (isEmptyText || !this.#atBegin));
  }
}
