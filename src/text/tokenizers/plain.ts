// Tokenizers without a dictionary: words are what stands between white space, or between anything that is neither letter nor number.
import type { Emit, Tokenizer, VisitSpan } from '#text/token.js';
import { HASH_BEGIN, hashOn } from '#text/word-table.js';
import { BEGINS, beginsWord, continuesWord, knownClass, UNKNOWN } from './character-classes.js';

/** Runs of letters, numbers and the marks on them. */
export const standardTokenizer: Tokenizer = {
  words(text: string, emit: Emit): void {
    forEachRun(text, (begin, end, _hash, position) => emit(text.slice(begin, end), begin, end, position));
  },
  spans: forEachRun,
};

function forEachRun(text: string, visit: VisitSpan): void {
  let position = 0;
  for (let at = 0; at < text.length; ) {
    const code = codeAt(text, at);
    const begin = at;
    at += widthOf(code);
    if (!beginsWord(code)) continue;
    let hash = hashedOn(HASH_BEGIN, code);
    while (at < text.length) {
      const unit = text.charCodeAt(at);
      const known = knownClass(unit);
      if (known >= BEGINS) {
        hash = hashOn(hash, unit);
        at++;
        continue;
      }
      if (known !== UNKNOWN) break;
      const next = codeAt(text, at);
      if (!continuesWord(next)) break;
      hash = hashedOn(hash, next);
      at += widthOf(next);
    }
    visit(begin, at, hash, position++);
  }
}

/**
 * Pairs are rare: most characters are one code unit. Halves are put together here, as `codePointAt` of Node 24 takes the half that stands behind a part
 * of a longer string for one of it.
 */
function codeAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit >= 0xdc00 || at + 1 >= text.length) return unit;
  const half = text.charCodeAt(at + 1);
  return half >= 0xdc00 && half < 0xe000 ? 0x10000 + ((unit - 0xd800) << 10) + (half - 0xdc00) : unit;
}

const hashedOn = (hash: number, code: number): number =>
  code > 0xffff
    ? hashOn(hashOn(hash, 0xd800 + ((code - 0x10000) >> 10)), 0xdc00 + (code & 0x3ff))
    : hashOn(hash, code);

const widthOf = (code: number): number => (code > 0xffff ? 2 : 1);

const notSpace = /\S+/gu;

export const whitespaceTokenizer: Tokenizer = {
  words(text: string, emit: Emit): void {
    let position = 0;
    for (const { 0: word, index } of text.matchAll(notSpace))
      emit(word, index, index + word.length, position++);
  },
};
