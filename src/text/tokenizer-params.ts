// Tokenizers by their parameters: a name, or an object with a type.

import { languageTokenizer } from '#text/language/language-tokenizer.js';
import { jiebaTokenizer, linderaKinds, linderaTokenizer } from '#text/tokenizers/dictionaries.js';
import { standardTokenizer, whitespaceTokenizer } from '#text/tokenizers/plain.js';
import { segmentTokenizer } from '#text/tokenizers/segments.js';
import type { Analyzer } from './analyzer.js';
import { invalid, ParamsReader } from './params-reader.js';
import type { Tokenizer } from './token.js';

/** Makes an analyzer of parameters, for those that are parts of others. */
export type MakeAnalyzer = (value: unknown, place: string) => Analyzer;

const tokenizers: Readonly<Record<string, (params: ParamsReader, make: MakeAnalyzer) => Tokenizer>> = {
  standard: readStandard,
  whitespace: () => whitespaceTokenizer,
  jieba: readJieba,
  icu: () => segmentTokenizer({ locale: 'und', keepsSigns: true }),
  thai: () => segmentTokenizer({ locale: 'th', keepsSigns: false }),
  lindera: readLindera,
  language_identifier: readLanguages,
};

export function tokenizerOf(value: unknown, place: string, make: MakeAnalyzer): Tokenizer {
  const params = typeof value === 'string' ? new ParamsReader({}, place) : new ParamsReader(value, place);
  const name = typeof value === 'string' ? value : params.text('type');
  const read = Object.hasOwn(tokenizers, name) ? tokenizers[name] : undefined;
  if (read === undefined)
    throw invalid(
      place,
      `: unsupported tokenizer: ${name.slice(0, 64)}, expected one of ${Object.keys(tokenizers).join(', ')}`,
    );
  const tokenizer = read(params, make);
  params.finish(...(name === 'lindera' ? ['filter'] : []));
  return tokenizer;
}

const LENGTH_MAX = 1024 * 1024;

function readStandard(params: ParamsReader): Tokenizer {
  if (params.flag('uax29', false)) {
    const lengthMax = params.count('max_token_length', LENGTH_MAX, 255);
    return segmentTokenizer({ locale: 'und', keepsSigns: false, keepsPictures: true, lengthMax });
  }
  if (params.has('max_token_length')) params.refuse('max_token_length', 'needs "uax29": true beside it');
  return standardTokenizer;
}

const DEFAULT_WORDS = '_default_';

function readJieba(params: ParamsReader): Tokenizer {
  const words = params.texts('dict');
  return jiebaTokenizer({
    mode: params.oneOf('mode', ['search', 'exact'], 'search'),
    hmm: params.flag('hmm', true),
    withDefault: words.length === 0 || words.includes(DEFAULT_WORDS),
    words: words.filter((word) => word !== DEFAULT_WORDS),
  });
}

function readLindera(params: ParamsReader): Tokenizer {
  return linderaTokenizer(
    params.has('dict_kind') ? params.oneOf('dict_kind', linderaKinds, 'ipadic') : 'ipadic',
  );
}

function readLanguages(params: ParamsReader, make: MakeAnalyzer): Tokenizer {
  const parts = new ParamsReader(params.value('analyzers'), params.at('analyzers'));
  const analyzers = new Map(parts.keys().map((name) => [name, make(parts.value(name), parts.at(name))]));
  const fallback = analyzers.get('default');
  if (fallback === undefined)
    return parts.refuse('default', 'is missing, expected the analyzer of every other language');
  const names = new ParamsReader(params.value('mapping') ?? {}, params.at('mapping'));
  const mapping = new Map(names.keys().map((language) => [language, names.text(language)]));
  for (const [language, name] of mapping)
    if (!analyzers.has(name))
      names.refuse(
        language,
        `is "${name.slice(0, 64)}", expected one of ${[...analyzers.keys()].join(', ')}`,
      );
  readIdentifier(params);
  return languageTokenizer({ analyzers, mapping, fallback });
}

const identifiers = ['whatlang', 'lingua'];

/** Both names mean the one that is built in, whose languages have the names of both. */
function readIdentifier(params: ParamsReader): void {
  const value = params.value('identifier');
  if (value === undefined || typeof value === 'string') {
    params.oneOf('identifier', identifiers, 'whatlang');
    return;
  }
  const identifier = new ParamsReader(value, params.at('identifier'));
  identifier.oneOf('type', identifiers, 'whatlang');
  identifier.finish('confidence');
}
