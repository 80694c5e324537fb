// Tokenizers without a dictionary: words are what stands between white space, or between anything that is neither letter nor number.
import type { Emit, Tokenizer } from '#text/token.js';
import { beginsWord, continuesWord } from './character-classes.js';

/** Runs of letters, numbers and the marks on them. */
export const standardTokenizer: Tokenizer = {
  words(text: string, emit: Emit): void {
    let position = 0;
    let at = 0;
    while (at < text.length) {
      const code = text.codePointAt(at) as number;
      const begin = at;
      at += widthOf(code);
      if (!beginsWord(code)) continue;
      for (; at < text.length; ) {
        const next = text.codePointAt(at) as number;
        if (!continuesWord(next)) break;
        at += widthOf(next);
      }
      emit(text.slice(begin, at), begin, at, position++);
    }
  },
};

const widthOf = (code: number): number => (code > 0xffff ? 2 : 1);

const notSpace = /\S+/gu;

export const whitespaceTokenizer: Tokenizer = {
  words(text: string, emit: Emit): void {
    let position = 0;
    for (const { 0: word, index } of text.matchAll(notSpace))
      emit(word, index, index + word.length, position++);
  },
};
