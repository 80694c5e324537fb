// Tests of one text: comparison, `in`, `like`, regular expression. A matcher is asked for bytes [begin, end) of UTF-8.
import { assertNever } from '#base/assert.js';
import { checkRegexSteps, compileRegex, type Regex } from '#expr/regex.js';
import { TextSet } from '#expr/text-set.js';
import type { ComparisonOp, LikePart, LikePattern, ValueSet } from '#expr/typed.js';
import { bytesOfText, compareTo, isEqualTo, Needle, standsAt } from './byte-strings.js';
import { BitRegex } from './regex-bits.js';
import { isContinuation, matchForward, type Piece, RunFinder } from './run-finder.js';

export interface TextMatcher {
  /** Nanoseconds a text, roughly, and those that each of its bytes adds. */
  readonly cost: number;
  readonly byteCost: number;
  readonly passShare: number;
  /** Nanoseconds that a byte may add at worst; left out: no text takes long. */
  readonly byteNanosMax?: number;
  test(bytes: Uint8Array, begin: number, end: number): boolean;
}

/** Nanoseconds that some texts may take at worst. */
export const worstNanos = (matcher: TextMatcher, texts: number, bytes: number): number =>
  texts * matcher.cost + bytes * (matcher.byteNanosMax ?? matcher.byteCost);

/** Nanoseconds for an instruction of a regular expression, with each byte of a text. */
const STEP_NANOS = 10;

export class ExactText implements TextMatcher {
  readonly cost = 3;
  readonly byteCost = 0;
  readonly passShare = 0.02;
  readonly text: Uint8Array;

  constructor(text: string) {
    this.text = bytesOfText(text);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return isEqualTo(bytes, begin, end, this.text);
  }
}

export class TextIn implements TextMatcher {
  readonly cost = 15;
  readonly byteCost = 1;
  readonly passShare: number;
  readonly #texts: TextSet;

  constructor(texts: ValueSet['texts']) {
    this.#texts = new TextSet(texts);
    this.passShare = Math.min(0.5, texts.length * 0.02);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return this.#texts.has(bytes, begin, end);
  }
}

/** Before, or behind a text. */
class OrderedText implements TextMatcher {
  readonly cost = 5;
  readonly byteCost = 0;
  readonly passShare = 0.3;
  readonly #text: Uint8Array;
  readonly #isBefore: boolean;
  readonly #isEqualIn: boolean;

  constructor(text: string, op: '<' | '<=' | '>' | '>=') {
    this.#text = bytesOfText(text);
    this.#isBefore = op === '<' || op === '<=';
    this.#isEqualIn = op === '<=' || op === '>=';
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    const order = compareTo(bytes, begin, end, this.#text);
    return order === 0 ? this.#isEqualIn : order < 0 === this.#isBefore;
  }
}

/** Matches what both matchers match. */
export class BothMatch implements TextMatcher {
  readonly cost = 8;
  readonly byteCost = 0;
  readonly passShare = 0.2;
  readonly #first: TextMatcher;
  readonly #second: TextMatcher;

  constructor(first: TextMatcher, second: TextMatcher) {
    this.#first = first;
    this.#second = second;
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return this.#first.test(bytes, begin, end) && this.#second.test(bytes, begin, end);
  }
}

export class PrefixText implements TextMatcher {
  readonly cost = 3;
  readonly byteCost = 0;
  readonly passShare = 0.1;
  readonly text: Uint8Array;

  /** @param text not empty */
  constructor(text: string) {
    this.text = bytesOfText(text);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return end - begin >= this.text.length && standsAt(bytes, begin, this.text);
  }
}

class SuffixText implements TextMatcher {
  readonly cost = 3;
  readonly byteCost = 0;
  readonly passShare = 0.1;
  readonly #text: Uint8Array;

  constructor(text: string) {
    this.#text = bytesOfText(text);
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return end - begin >= this.#text.length && standsAt(bytes, end - this.#text.length, this.#text);
  }
}

export class InfixText implements TextMatcher {
  readonly cost = 5;
  readonly byteCost = 0.3;
  readonly passShare = 0.1;
  readonly needle: Needle;

  constructor(text: string) {
    this.needle = new Needle(bytesOfText(text));
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return this.needle.find(bytes, begin, end) >= 0;
  }
}

class AnyText implements TextMatcher {
  readonly cost = 1;
  readonly byteCost = 0;
  readonly passShare = 1;

  test(): boolean {
    return true;
  }
}

/** A regular expression that is followed in bits; see `regexMatcher`. */
class BitRegexText implements TextMatcher {
  readonly cost = 5;
  readonly byteCost = 2;
  readonly passShare = 0.1;
  readonly #regex: BitRegex;

  constructor(regex: BitRegex) {
    this.#regex = regex;
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    return this.#regex.test(bytes, begin, end);
  }
}

class RegexText implements TextMatcher {
  readonly cost = 300;
  readonly byteCost = 20;
  readonly passShare = 0.1;
  readonly byteNanosMax: number;
  readonly #regex: Regex;
  readonly #size: number;

  constructor(source: string) {
    this.#regex = compileRegex(source);
    this.#size = this.#regex.programSize();
    this.byteNanosMax = this.#size * STEP_NANOS;
  }

  /** @throws invalid_parameter where the text is too long for so large an expression */
  test(bytes: Uint8Array, begin: number, end: number): boolean {
    checkRegexSteps(this.#size, end - begin);
    return this.#regex.test(bytes.subarray(begin, end));
  }
}

/** Small expressions are followed in bits; the others by the package that has all of RE2. @throws invalid_parameter */
export function regexMatcher(source: string): TextMatcher {
  const whole = new RegexText(source); // Also refuses what is none.
  const bits = BitRegex.of(source);
  return bits === undefined ? whole : new BitRegexText(bits);
}

export function likeMatcher(pattern: LikePattern): TextMatcher {
  switch (pattern.kind) {
    case 'exact':
      return new ExactText(pattern.text);
    case 'prefix':
      return pattern.text === '' ? new AnyText() : new PrefixText(pattern.text);
    case 'suffix':
      return pattern.text === '' ? new AnyText() : new SuffixText(pattern.text);
    case 'infix':
      return pattern.text === '' ? new AnyText() : new InfixText(pattern.text);
    case 'general':
      return new LikeText(pattern.parts);
    default:
      return assertNever(pattern);
  }
}

export function comparisonMatcher(op: Exclude<ComparisonOp, '!='>, text: string): TextMatcher {
  return op === '==' ? new ExactText(text) : new OrderedText(text, op);
}

/**
 * Runs of text and `_` between `%`s: the first is at the beginning and the last at the end of the text, where no `%` is; each other one
 * is looked for from left to right, and the first place is as good as any.
 */
class LikeText implements TextMatcher {
  readonly cost = 40;
  readonly byteCost: number;
  readonly passShare = 0.1;
  readonly #runs: readonly (readonly Piece[])[];
  /** Finders of the runs between the first and the last; a run without `_` is found with longer steps. */
  readonly #finders: readonly (Needle | RunFinder)[];

  constructor(parts: readonly LikePart[]) {
    const runs: Piece[][] = [[]];
    for (const part of parts) {
      if (part.kind === 'any') runs.push([]);
      else if (part.kind === 'one') runs.at(-1)?.push(undefined);
      // A text without characters is nothing to look for.
      else if (part.text !== '') runs.at(-1)?.push(bytesOfText(part.text));
    }
    this.#runs = runs;
    this.#finders = runs.slice(1, -1).map(finderOf);
    this.byteCost = this.#finders.reduce(
      (most, finder) => Math.max(most, finder instanceof RunFinder ? finder.byteCost : 1),
      2,
    );
  }

  test(bytes: Uint8Array, begin: number, end: number): boolean {
    const runs = this.#runs;
    const first = runs[0] as readonly Piece[];
    let at = matchForward(bytes, begin, end, first);
    if (at < 0) return false;
    if (runs.length === 1) return at === end;
    for (const finder of this.#finders) {
      if (finder instanceof RunFinder) at = finder.findEnd(bytes, at, end);
      else {
        const place = finder.find(bytes, at, end);
        at = place < 0 ? -1 : place + finder.bytes.length;
      }
      if (at < 0) return false;
    }
    return matchesAtEnd(bytes, at, end, runs[runs.length - 1] as readonly Piece[]);
  }
}

function finderOf(run: readonly Piece[]): Needle | RunFinder {
  const [text] = run;
  return run.length === 1 && text !== undefined && text.length > 0 ? new Needle(text) : new RunFinder(run);
}

function matchesAtEnd(bytes: Uint8Array, begin: number, end: number, run: readonly Piece[]): boolean {
  let at = end;
  for (let piece = run.length - 1; piece >= 0; piece--) {
    const text = run[piece];
    if (text !== undefined) {
      at -= text.length;
      if (at < begin || !standsAt(bytes, at, text)) return false;
      continue;
    }
    if (at <= begin) return false;
    at--;
    while (at > begin && isContinuation(bytes[at])) at--;
  }
  return at >= begin;
}
