// A test of JSON values over a path column: numbers by the loop over doubles, texts by their codes, everything else row by row at its place
// in the text.
import { doublesWithin } from '#expr/evaluate/numbers/range-kernels.js';
import { BLOCK_ROWS, lowestBit, type RowBits, type Rows, wordsOf } from '#expr/evaluate/rows.js';
import { JsonNumber } from './json-number.js';
import { JsonKind, JsonPlace, readPlace } from './json-scan.js';
import type { JsonTest } from './json-tests.js';
import { type JsonRows, type PathChunk, type PathColumn, PathKind } from './path-column.js';

const NOTHING = new Uint8Array(0);

/** What is known of a text of the dictionary. */
const Answer = { unasked: 0, fails: 1, passes: 2 } as const;

/** Some rows, and the chunk that has them. */
export interface KeptRows {
  readonly chunk: PathChunk;
  readonly json: JsonRows;
  readonly rows: Rows;
}

export class PathTest {
  readonly #column: PathColumn;
  readonly #test: JsonTest;
  /** By code. */
  #answers = Uint8Array.of(Answer.fails);
  readonly #number = new JsonNumber();
  readonly #place = new JsonPlace();

  constructor(column: PathColumn, test: JsonTest) {
    this.#column = column;
    this.#test = test;
  }

  /** As `Leaf.evaluate`, of rows that their chunk has. */
  evaluate(kept: KeptRows, alive: RowBits, isTrue: RowBits): void {
    const { chunk, rows } = kept;
    const { only, range } = this.#test;
    if (only === 'texts') this.#testTexts(kept, alive, isTrue);
    else if (only === 'numbers' && range !== undefined) {
      const here = { begin: rows.begin % BLOCK_ROWS, count: rows.count };
      if (chunk.numbers === undefined) isTrue.fill(0);
      else doublesWithin(chunk.numbers, here, range, alive, isTrue);
      if (chunk.hasPlacedNumbers) this.#addPlaced(kept, alive, isTrue);
    } else this.#testEach(kept, alive, isTrue);
  }

  #testTexts(kept: KeptRows, alive: RowBits, isTrue: RowBits): void {
    const { chunk, rows } = kept;
    const { codes } = chunk;
    if (codes === undefined) isTrue.fill(0);
    else {
      this.#growAnswers();
      const first = rows.begin % BLOCK_ROWS;
      for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
        isTrue[word] =
          alive[word] === 0 ? 0 : this.#wordOfCodes(codes, first + word * 32, alive[word] as number);
      }
    }
    if (chunk.hasPlacedTexts) this.#addPlaced(kept, alive, isTrue);
  }

  #wordOfCodes(codes: Uint16Array, first: number, alive: number): number {
    const answers = this.#answers;
    let bits = 0;
    if (alive === -1 >>> 0) {
      for (let bit = 0; bit < 32; bit++) {
        const code = codes[first + bit] as number;
        const answer = answers[code] as number;
        bits |= ((answer === Answer.unasked ? this.#ask(code) : answer) >>> 1) << bit;
      }
      return bits;
    }
    for (let left = alive; left !== 0; left &= left - 1) {
      const bit = lowestBit(left);
      const code = codes[first + bit] as number;
      const answer = answers[code] as number;
      bits |= ((answer === Answer.unasked ? this.#ask(code) : answer) >>> 1) << bit;
    }
    return bits;
  }

  #growAnswers(): void {
    const wanted = this.#column.texts.count + 1;
    if (this.#answers.length >= wanted) return;
    const grown = new Uint8Array(Math.max(wanted, this.#answers.length * 2));
    grown.set(this.#answers);
    this.#answers = grown;
  }

  /** Asks the test about a text of the dictionary, once. */
  #ask(code: number): number {
    const { bytes, ends } = this.#column.texts;
    const passes = this.#test.test(JsonKind.text, bytes, ends[code - 1] as number, ends[code] as number);
    this.#answers[code] = passes ? Answer.passes : Answer.fails;
    return this.#answers[code] as number;
  }

  /** Adds the rows whose value is in the text. */
  #addPlaced(kept: KeptRows, alive: RowBits, isTrue: RowBits): void {
    const { chunk, json, rows } = kept;
    const first = rows.begin % BLOCK_ROWS;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = isTrue[word] as number;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const at = word * 32 + lowestBit(left);
        const kind = chunk.kinds[first + at] as number;
        if (kind === JsonKind.number || kind === JsonKind.text || kind === JsonKind.escaped)
          bits |= Number(this.#testPlaced(chunk, json, first + at, rows.begin + at)) << (at & 31);
      }
      isTrue[word] = bits;
    }
  }

  #testPlaced({ places }: PathChunk, { data, offsets }: JsonRows, at: number, row: number): boolean {
    const place = this.#place;
    readPlace(data, places?.[at] as number, offsets[row + 1] as number, place);
    return this.#test.test(place.kind, data, place.begin, place.end);
  }

  #testEach(kept: KeptRows, alive: RowBits, isTrue: RowBits): void {
    const { chunk, json, rows } = kept;
    this.#growAnswers();
    const first = rows.begin % BLOCK_ROWS;
    for (let word = wordsOf(rows.count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const at = word * 32 + lowestBit(left);
        bits |= Number(this.#testOne(chunk, json, first + at, rows.begin + at)) << (at & 31);
      }
      isTrue[word] = bits;
    }
  }

  #testOne(chunk: PathChunk, json: JsonRows, at: number, row: number): boolean {
    const kind = chunk.kinds[at] as number;
    switch (kind) {
      case PathKind.int:
      case PathKind.double: {
        const value = chunk.numbers?.[at] as number;
        if (kind === PathKind.int) this.#number.setSafeInt(value);
        else this.#number.setDouble(value);
        return this.#test.testNumber(this.#number);
      }
      case PathKind.coded: {
        const code = chunk.codes?.[at] as number;
        const answer = this.#answers[code] as number;
        return (answer === Answer.unasked ? this.#ask(code) : answer) === Answer.passes;
      }
      case JsonKind.number:
      case JsonKind.text:
      case JsonKind.escaped:
      case JsonKind.array:
        return this.#testPlaced(chunk, json, at, row);
      default:
        return this.#test.test(kind, NOTHING, 0, 0);
    }
  }
}
