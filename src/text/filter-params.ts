// Filters by their parameters: a name, or an object with a type.
import {
  alphaNumOnly,
  arabicNormalization,
  asciiFolding,
  cnAlphaNumOnly,
  cnCharOnly,
  decimalDigit,
  lowercase,
  removePunct,
} from '#text/filters/characters.js';
import {
  isStemmerLanguage,
  stemmer,
  stemmerLanguages,
  stopWordLanguages,
  stopWordsOf,
} from '#text/filters/languages.js';
import {
  decompounder,
  lengthFilter,
  pinyinFilter,
  regexFilter,
  type SynonymGroup,
  stopFilter,
  synonymFilter,
  synonymGroup,
} from '#text/filters/words.js';
import { invalid, ParamsReader } from './params-reader.js';
import type { TokenFilter } from './token.js';

const plainFilters: Readonly<Record<string, TokenFilter>> = {
  lowercase,
  asciifolding: asciiFolding,
  alphanumonly: alphaNumOnly,
  cnalphanumonly: cnAlphaNumOnly,
  cncharonly: cnCharOnly,
  arabic_normalization: arabicNormalization,
  decimaldigit: decimalDigit,
  removepunct: removePunct,
};

const filtersOfParams: Readonly<Record<string, (params: ParamsReader) => TokenFilter>> = {
  length: (params) => lengthFilter(params.count('max', 65_535)),
  stop: (params) => stopFilter(readStopWords(params)),
  stemmer: readStemmer,
  decompounder: (params) => decompounder(required(params, 'word_list')),
  synonym: readSynonyms,
  regex: readRegex,
  pinyin: readPinyin,
};

const filterNames: readonly string[] = [...Object.keys(plainFilters), ...Object.keys(filtersOfParams)];

export function filterOf(value: unknown, place: string): TokenFilter {
  const params = typeof value === 'string' ? undefined : new ParamsReader(value, place);
  const name = typeof value === 'string' ? value : (params?.text('type') ?? '');
  const plain = Object.hasOwn(plainFilters, name) ? plainFilters[name] : undefined;
  if (plain !== undefined) {
    params?.finish();
    return plain;
  }
  const make = Object.hasOwn(filtersOfParams, name) ? filtersOfParams[name] : undefined;
  if (make === undefined)
    throw invalid(
      place,
      `: unsupported filter type: ${name.slice(0, 64)}, expected one of ${filterNames.join(', ')}`,
    );
  const reader = params ?? new ParamsReader({}, place);
  const filter = make(reader);
  reader.finish();
  return filter;
}

function required(params: ParamsReader, key: string): string[] {
  return params.has(key) ? params.texts(key) : params.refuse(key, 'is missing, expected a list of strings');
}

/** Names of lists, as `_english_`, and words. */
export function readStopWords(params: ParamsReader): ReadonlySet<string> {
  const words = new Set<string>();
  for (const [at, word] of params.texts('stop_words').entries()) {
    const name = /^_(.+)_$/.exec(word)?.[1];
    if (name === undefined) {
      words.add(word);
      continue;
    }
    const list = stopWordsOf(name);
    if (list === undefined)
      throw invalid(
        `${params.at('stop_words')}[${at}]`,
        `is "${word}", expected a word or one of ${stopWordLanguages.map((one) => `_${one}_`).join(', ')}`,
      );
    for (const one of list) words.add(one);
  }
  return words;
}

function readStemmer(params: ParamsReader): TokenFilter {
  const language = params.text('language').toLowerCase();
  if (isStemmerLanguage(language)) return stemmer(language);
  return params.refuse(
    'language',
    `: unsupported language: ${language.slice(0, 64)}, expected one of ${stemmerLanguages.join(', ')}`,
  );
}

function readSynonyms(params: ParamsReader): TokenFilter {
  const expand = params.flag('expand', true);
  const groups = required(params, 'synonyms').map((line, at): SynonymGroup => {
    const group = synonymGroup(line, expand);
    if (group !== undefined) return group;
    throw invalid(
      `${params.at('synonyms')}[${at}]`,
      `is "${line.slice(0, 64)}", expected "a, b" or "a, b => c"`,
    );
  });
  return synonymFilter(groups);
}

function readRegex(params: ParamsReader): TokenFilter {
  const filter = regexFilter(params.text('expr'));
  return typeof filter === 'string' ? params.refuse('expr', `: ${filter}`) : filter;
}

function readPinyin(params: ParamsReader): TokenFilter {
  return pinyinFilter({
    keepOriginal: params.flag('keep_original', true),
    keepFull: params.flag('keep_full_pinyin', true),
    keepJoined: params.flag('keep_joined_full_pinyin', false),
    keepFirstLetters: params.flag('keep_separate_first_letter', false),
  });
}
