// Leaves over texts. Patterns that are asked for most, at the beginning of a text and anywhere in it, have a loop of their own over a
// column; everything else asks its matcher row by row.
import type { Leaf } from '#expr/evaluate/leaf.js';
import { countBits, lowestBit, type RowBits, type Rows, setBit, wordsOf } from '#expr/evaluate/rows.js';
import type { Needle } from './byte-strings.js';
import { ExactText, InfixText, PrefixText, type TextMatcher } from './matchers.js';
import type { TextSpans } from './text-spans.js';
import { WindowSearch } from './window-search.js';

export class TextLeaf implements Leaf {
  readonly cost: number;
  readonly rowNanosMax: number;
  readonly passShare: number;
  readonly #spans: TextSpans;
  readonly #matcher: TextMatcher;

  constructor(spans: TextSpans, matcher: TextMatcher) {
    this.#spans = spans;
    this.#matcher = matcher;
    this.cost = spans.cost + matcher.cost + matcher.byteCost * spans.meanBytes;
    this.passShare = matcher.passShare;
    const { byteNanosMax } = matcher;
    this.rowNanosMax = byteNanosMax === undefined ? 0 : byteNanosMax * spans.longestBytes();
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const [spans, matcher] = [this.#spans, this.#matcher];
    spans.load(rows, alive);
    if (matcher instanceof ExactText) testEqual(spans, matcher.text, rows.count, alive, isTrue);
    else if (matcher instanceof PrefixText) testBeginning(spans, matcher.text, rows.count, alive, isTrue);
    else if (matcher instanceof InfixText && spans.isContiguous && isDense(alive, rows.count))
      findInColumn(spans, matcher.needle, rows.count, isTrue);
    else testEach(spans, matcher, rows.count, alive, isTrue);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#spans.maskKnown(rows, known);
  }
}

function testEach(
  { bytes, begins, ends, first }: TextSpans,
  matcher: TextMatcher,
  count: number,
  alive: RowBits,
  out: RowBits,
): void {
  for (let word = wordsOf(count) - 1; word >= 0; word--) {
    let bits = 0;
    for (let left = alive[word] as number; left !== 0; left &= left - 1) {
      const bit = lowestBit(left);
      const row = first + word * 32 + bit;
      bits |= Number(matcher.test(bytes, begins[row] as number, ends[row] as number)) << bit;
    }
    out[word] = bits;
  }
}

/** Texts that are one: most have another length. */
function testEqual(
  { bytes, begins, ends, first }: TextSpans,
  text: Uint8Array,
  count: number,
  alive: RowBits,
  out: RowBits,
): void {
  const { length } = text;
  for (let word = wordsOf(count) - 1; word >= 0; word--) {
    const stop = Math.min(32, count - word * 32);
    let bits = 0;
    for (let bit = alive[word] === 0 ? stop : 0; bit < stop; bit++) {
      const row = first + word * 32 + bit;
      const begin = begins[row] as number;
      if ((ends[row] as number) - begin !== length) continue;
      let at = 0;
      while (at < length && bytes[begin + at] === text[at]) at++;
      bits |= Number(at === length) << bit;
    }
    out[word] = bits;
  }
}

/** Texts that begin with one: most have another first byte. @param text not empty */
function testBeginning(
  { bytes, begins, ends, first }: TextSpans,
  text: Uint8Array,
  count: number,
  alive: RowBits,
  out: RowBits,
): void {
  const { length } = text;
  const head = text[0];
  for (let word = wordsOf(count) - 1; word >= 0; word--) {
    const stop = Math.min(32, count - word * 32);
    let bits = 0;
    for (let bit = alive[word] === 0 ? stop : 0; bit < stop; bit++) {
      const row = first + word * 32 + bit;
      const begin = begins[row] as number;
      // The byte behind an empty text is another's, or none.
      if (bytes[begin] !== head || (ends[row] as number) - begin < length) continue;
      let at = 1;
      while (at < length && bytes[begin + at] === text[at]) at++;
      bits |= Number(at === length) << bit;
    }
    out[word] = bits;
  }
}

/** Whether many rows are asked: then the bytes are run through from end to end, else row by row. */
function isDense(alive: RowBits, count: number): boolean {
  let rows = 0;
  for (let word = wordsOf(count) - 1; word >= 0; word--) rows += countBits(alive[word] as number);
  return rows * 3 > count;
}

function findInColumn(
  { bytes, begins, ends, first }: TextSpans,
  needle: Needle,
  count: number,
  out: RowBits,
): void {
  out.fill(0);
  if (count === 0) return;
  const { length } = needle.bytes;
  const last = first + count - 1;
  const search = new WindowSearch(needle, bytes, ends[last] as number);
  let row = first;
  for (let at = begins[first] as number; ; ) {
    at = search.find(at);
    if (at < 0) return;
    while ((ends[row] as number) <= at) row++;
    if (at + length <= (ends[row] as number)) {
      setBit(out, row - first);
      if (row === last) return;
      at = ends[row] as number;
      continue;
    }
    // What reaches into the next text is in neither, nor is anything else that begins so late in this one, or in texts that are shorter.
    do row++;
    while (row <= last && (ends[row] as number) - (begins[row] as number) < length);
    if (row > last) return;
    at = begins[row] as number;
  }
}

/** Texts of two operands of a row against each other. */
export class TextsCompared implements Leaf {
  readonly cost: number;
  readonly passShare: number;
  readonly #left: TextSpans;
  readonly #right: TextSpans;
  readonly #op: '==' | '<' | '<=' | '>' | '>=';

  constructor(left: TextSpans, op: '==' | '<' | '<=' | '>' | '>=', right: TextSpans) {
    this.#left = left;
    this.#right = right;
    this.#op = op;
    this.cost = left.cost + right.cost + 15;
    this.passShare = op === '==' ? 0.1 : 0.4;
  }

  evaluate(rows: Rows, alive: RowBits, isTrue: RowBits): void {
    const [left, right] = [this.#left, this.#right];
    left.load(rows, alive);
    right.load(rows, alive);
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let rest = alive[word] as number; rest !== 0; rest &= rest - 1) {
        const bit = lowestBit(rest);
        bits |= Number(this.#holds(compareSpans(left, right, word * 32 + bit))) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #holds(order: number): boolean {
    switch (this.#op) {
      case '==':
        return order === 0;
      case '<':
        return order < 0;
      case '<=':
        return order <= 0;
      case '>':
        return order > 0;
      case '>=':
        return order >= 0;
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    this.#left.maskKnown(rows, known);
    this.#right.maskKnown(rows, known);
  }
}

function compareSpans(left: TextSpans, right: TextSpans, row: number): number {
  const [a, b] = [left.bytes, right.bytes];
  const begin = left.begins[left.first + row] as number;
  const from = right.begins[right.first + row] as number;
  const length = (left.ends[left.first + row] as number) - begin;
  const otherLength = (right.ends[right.first + row] as number) - from;
  const common = Math.min(length, otherLength);
  for (let at = 0; at < common; at++) {
    const difference = (a[begin + at] as number) - (b[from + at] as number);
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}
