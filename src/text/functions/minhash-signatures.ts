// Signatures of texts. A shingle is some tokens that follow each other, joined; it becomes a number by the hash that the function names, and for each
// place of the signature another number of that. The least of all shingles stands in the signature. Which numbers those are is a matter of the
// seed alone, so that rows of any time agree. Little-endian, 32 bits a place.
import { assert } from '#base/assert.js';
import type { MinHashParams } from '#model/functions/minhash-params.js';
import type { Analyzer } from '#text/analyzer.js';
import type { Rests } from './rests.js';
import { sha1Word } from './sha1.js';
import { xxHash32 } from './xxhash32.js';

const utf8 = new TextEncoder();

/** Numbers that are mixed before a clock is read. */
const LOOK_AFTER = 65_536;
/** What a token of a shingle costs, as numbers that are mixed. */
const TOKEN_COST = 64;

/** Where a signature is written. */
export interface Signature {
  readonly data: Uint32Array;
  readonly begin: number;
}

export class MinHashSignatures {
  readonly #params: MinHashParams;
  readonly #multipliers: Uint32Array;
  readonly #addends: Uint32Array;

  constructor(params: MinHashParams) {
    this.#params = params;
    const { hashCount, seed } = params;
    this.#multipliers = new Uint32Array(hashCount);
    this.#addends = new Uint32Array(hashCount);
    const next = numbersOf(seed);
    for (let place = 0; place < hashCount; place++) {
      this.#multipliers[place] = next() | 1;
      this.#addends[place] = next();
    }
  }

  /**
   * Writes the signature of the text; a text without tokens has all bits set.
   * @param analyzer where tokens are words
   */
  async write(text: string, analyzer: Analyzer | undefined, to: Signature, pace: Rests): Promise<void> {
    const { hashCount, shingleSize } = this.#params;
    to.data.fill(0xffff_ffff, to.begin, to.begin + hashCount);
    let sinceLook = 0;
    const seen = new Set<number>();
    for (const shingle of this.#shingles(text, analyzer)) {
      sinceLook += TOKEN_COST * shingleSize;
      if (!seen.has(shingle)) {
        seen.add(shingle);
        this.#addShingle(shingle, to);
        sinceLook += hashCount;
      }
      if (sinceLook < LOOK_AFTER) continue;
      sinceLook = 0;
      if (pace.isDue) await pace.rest();
    }
    if (pace.isDue) await pace.rest();
  }

  #addShingle(shingle: number, { data, begin }: Signature): void {
    const { hashCount } = this.#params;
    const multipliers = this.#multipliers;
    const addends = this.#addends;
    for (let place = 0; place < hashCount; place++) {
      // A mixed number: the least of products alone would depend on few bits.
      let mixed = (Math.imul(shingle, multipliers[place] as number) + (addends[place] as number)) | 0;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
      mixed = (mixed ^ (mixed >>> 16)) >>> 0;
      if (mixed < (data[begin + place] as number)) data[begin + place] = mixed;
    }
  }

  /** The number of each shingle, as they are asked for: those of a long text take time, too. */
  *#shingles(text: string, analyzer: Analyzer | undefined): Generator<number> {
    const { shingleSize, isOfWords, hash } = this.#params;
    assert(isOfWords === (analyzer !== undefined), 'words have an analyzer, characters have none');
    const tokens = analyzer === undefined ? [...text] : wordsOf(text, analyzer);
    if (tokens.length === 0) return;
    const numberOf = (shingle: string): number =>
      hash === 'sha1' ? sha1Word(utf8.encode(shingle)) : xxHash32(utf8.encode(shingle));
    const size = Math.min(shingleSize, tokens.length);
    const between = isOfWords ? ' ' : '';
    for (let begin = 0; begin + size <= tokens.length; begin++)
      yield numberOf(tokens.slice(begin, begin + size).join(between));
  }
}

function wordsOf(text: string, analyzer: Analyzer): string[] {
  const words: string[] = [];
  analyzer.terms(text, (token) => words.push(token.text));
  return words;
}

/** Numbers that the seed decides. */
function numbersOf(seed: bigint): () => number {
  let state = Number(seed & 0xffff_ffffn) ^ Number(seed >> 32n);
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
