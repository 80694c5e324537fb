// A tokenizer that chooses an analyzer for each text by the language that it is written in.
import type { Analyzer } from '#text/analyzer.js';
import type { Tokenizer } from '#text/token.js';
import { detectLanguage } from './detect-language.js';

export interface LanguageChoice {
  readonly analyzers: ReadonlyMap<string, Analyzer>;
  /** From the name of a language to that of an analyzer; without an entry they have the same name. */
  readonly mapping: ReadonlyMap<string, string>;
  readonly fallback: Analyzer;
}

export const languageTokenizer = (choice: LanguageChoice): Tokenizer => ({
  words: (text, emit) => analyzerFor(text, choice).words(text, emit),
});

function analyzerFor(text: string, { analyzers, mapping, fallback }: LanguageChoice): Analyzer {
  for (const name of detectLanguage(text)?.names ?? []) {
    const found = analyzers.get(mapping.get(name) ?? name);
    if (found !== undefined) return found;
  }
  return fallback;
}
