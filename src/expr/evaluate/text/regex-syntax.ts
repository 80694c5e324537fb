// The part of RE2's syntax that is small enough to be followed in bits (regex-bits.ts): literals, classes of ASCII, `.`, groups, `|` and
// repetition, `^` and `$` around it all, `(?i)` and `(?s)` before it. Whatever else RE2 has is left to the package that has all of it, so what
// is not known here for certain is undefined, never a guess.

export type RegexNode =
  /** One byte of those that fit. */
  | { readonly kind: 'byte'; readonly fits: ByteSet }
  /** One code point whose first byte fits. */
  | { readonly kind: 'point'; readonly fits: ByteSet }
  | { readonly kind: 'concat'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'either'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number };

/** By byte: 1 where it fits. */
export type ByteSet = Uint8Array;

export interface RegexSyntax {
  readonly root: RegexNode;
  /** `^`: only at the beginning of the text. */
  readonly atBegin: boolean;
  /** `$`: only up to its end. */
  readonly atEnd: boolean;
}

/** Not an error: the expression goes beyond the part that is read here. */
class BeyondError extends Error {}

export function readRegex(source: string): RegexSyntax | undefined {
  try {
    return new Reader(source).read();
  } catch (error) {
    if (error instanceof BeyondError) return undefined;
    throw error;
  }
}

const setOf = (fits: (byte: number) => boolean): ByteSet =>
  Uint8Array.from({ length: 256 }, (_, byte) => Number(fits(byte)));
const isBetween = (byte: number, low: string, high: string): boolean =>
  byte >= low.charCodeAt(0) && byte <= high.charCodeAt(0);
const isDigit = (byte: number): boolean => isBetween(byte, '0', '9');
const isWord = (byte: number): boolean =>
  isDigit(byte) || isBetween(byte, 'a', 'z') || isBetween(byte, 'A', 'Z') || byte === 0x5f;
const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d;
const perl: Readonly<Record<string, (byte: number) => boolean>> = { d: isDigit, w: isWord, s: isSpace };
const controls: Readonly<Record<string, number>> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13 };
const LETTER = /^[a-z]$/i;
/** Letters that others fold to, beyond ASCII: the Kelvin sign, and the long s. */
const foldedLetters: Readonly<Record<string, string>> = { k: '\u212a', s: '\u017f' };
const utf8 = new TextEncoder();
/** Copies that a repetition may ask for; more do not fit into the bits of a word anyway. */
const COPIES_MAX = 32;
/** Groups in groups. */
const DEPTH_MAX = 32;

/** Every first byte of a code point for which `fits` holds; it is asked for those of one byte only. */
const leadBytes = (fits: (byte: number) => boolean): ByteSet =>
  setOf((byte) => (byte < 0x80 ? fits(byte) : byte >= 0xc0));

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #ignoresCase = false;
  #dotIsAll = false;

  constructor(text: string) {
    this.#text = text;
  }

  read(): RegexSyntax {
    this.#readFlags();
    const atBegin = this.#take('^');
    const from = this.#at;
    const root = this.#either();
    const atEnd = this.#take('$');
    if (this.#at < this.#text.length) throw new BeyondError();
    // With several alternatives the anchors would belong to the first and to the last alone.
    if ((atBegin || atEnd) && root.kind === 'either') throw new BeyondError();
    // A repetition right behind `^` is one of `^` itself.
    if (atBegin && '*+?{'.includes(this.#text[from] ?? ' ')) throw new BeyondError();
    return { root, atBegin, atEnd };
  }

  #readFlags(): void {
    const flags = /^\(\?([is]+)\)/.exec(this.#text);
    if (flags === null) return;
    this.#at = flags[0].length;
    this.#ignoresCase = flags[1]?.includes('i') === true;
    this.#dotIsAll = flags[1]?.includes('s') === true;
  }

  get #next(): string | undefined {
    return this.#text[this.#at];
  }

  #take(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at++;
    return true;
  }

  #either(): RegexNode {
    const parts = [this.#concat()];
    while (this.#take('|')) parts.push(this.#concat());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'either', parts };
  }

  #concat(): RegexNode {
    const parts: RegexNode[] = [];
    for (let next = this.#next; next !== undefined && !'|)$'.includes(next); next = this.#next)
      parts.push(this.#repeated(this.#atom()));
    return { kind: 'concat', parts };
  }

  #repeated(of: RegexNode): RegexNode {
    const bounds = this.#repetition();
    if (bounds === undefined) return of;
    // Whether it takes few or many first makes no difference to whether it is found.
    this.#take('?');
    if (this.#repetition() !== undefined) throw new BeyondError();
    return { kind: 'repeat', of, min: bounds[0], max: bounds[1] };
  }

  #repetition(): readonly [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#next !== '{') return undefined;
    const found = /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (found === null) throw new BeyondError();
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[3] !== undefined ? Number(found[3]) : found[2] === ',' ? Number.POSITIVE_INFINITY : min;
    if (max < min || min > COPIES_MAX || (max > COPIES_MAX && max !== Number.POSITIVE_INFINITY))
      throw new BeyondError();
    return [min, max];
  }

  #atom(): RegexNode {
    const point = this.#text.codePointAt(this.#at);
    if (point === undefined) throw new BeyondError();
    const character = String.fromCodePoint(point);
    this.#at += character.length;
    switch (character) {
      case '.':
        return { kind: 'point', fits: leadBytes((byte) => this.#dotIsAll || byte !== 0x0a) };
      case '[':
        return this.#class();
      case '(':
        return this.#group();
      case '\\':
        return this.#escape();
      default:
        if ('*+?{}]^$|)'.includes(character)) throw new BeyondError();
        return this.#literal(character);
    }
  }

  #group(): RegexNode {
    if (this.#next === '?') {
      if (!this.#text.startsWith('?:', this.#at)) throw new BeyondError();
      this.#at += 2;
    }
    if (++this.#depth > DEPTH_MAX) throw new BeyondError();
    const inside = this.#either();
    this.#depth--;
    if (!this.#take(')')) throw new BeyondError();
    return inside;
  }

  #escape(): RegexNode {
    const character = this.#next ?? '';
    this.#at++;
    const named = perl[character.toLowerCase()];
    if (named !== undefined) {
      if (this.#ignoresCase) throw new BeyondError();
      return this.#set(named, character !== character.toLowerCase());
    }
    return this.#literal(escaped(character));
  }

  #set(fits: (byte: number) => boolean, negated: boolean): RegexNode {
    if (negated) return { kind: 'point', fits: leadBytes((byte) => !fits(byte)) };
    return { kind: 'byte', fits: setOf(fits) };
  }

  #class(): RegexNode {
    if (this.#ignoresCase) throw new BeyondError();
    const negated = this.#take('^');
    const member = new Uint8Array(128);
    if (this.#next === ']') throw new BeyondError();
    while (!this.#take(']')) {
      const low = this.#classItem(member);
      if (low === undefined || this.#next !== '-' || this.#text[this.#at + 1] === ']') continue;
      this.#at++;
      const high = this.#classItem(member);
      if (high === undefined || high < low) throw new BeyondError();
      member.fill(1, low, high + 1);
    }
    return this.#set((byte) => member[byte] === 1, negated);
  }

  /** Adds a character, or what a name stands for. @returns the character, which a range may begin with */
  #classItem(member: Uint8Array): number | undefined {
    const character = this.#next ?? '';
    this.#at++;
    if (character === '\\') {
      const name = this.#next ?? '';
      this.#at++;
      const named = perl[name];
      if (named === undefined) return this.#addTo(member, escaped(name));
      for (let byte = 0; byte < 128; byte++) if (named(byte)) member[byte] = 1;
      return undefined;
    }
    // A bracket may begin a class by name, and one right at the beginning is a member.
    if (character === '[' || character === ']') throw new BeyondError();
    return this.#addTo(member, character);
  }

  #addTo(member: Uint8Array, character: string): number {
    const code = character.charCodeAt(0);
    if (!(code < 128)) throw new BeyondError();
    member[code] = 1;
    return code;
  }

  #literal(character: string): RegexNode {
    const folded = this.#ignoresCase ? this.#foldsOf(character) : [character];
    const parts = folded.map(bytesNode);
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'either', parts };
  }

  #foldsOf(character: string): readonly string[] {
    if (character.charCodeAt(0) >= 128) throw new BeyondError();
    if (!LETTER.test(character)) return [character];
    const small = character.toLowerCase();
    const other = foldedLetters[small];
    return other === undefined ? [small, small.toUpperCase()] : [small, small.toUpperCase(), other];
  }
}

/** A character behind a backslash that stands for itself or for a control. */
function escaped(character: string): string {
  const control = controls[character];
  if (control !== undefined) return String.fromCharCode(control);
  const code = character.charCodeAt(0);
  if (!(code < 128) || isWord(code) || isSpace(code)) throw new BeyondError();
  return character;
}

function bytesNode(character: string): RegexNode {
  const bytes = [...utf8.encode(character)];
  const parts = bytes.map((one): RegexNode => ({ kind: 'byte', fits: setOf((byte) => byte === one) }));
  return { kind: 'concat', parts };
}
