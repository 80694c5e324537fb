// Analyzers by their parameters: a built-in type, or a tokenizer with filters behind it.
import { ElanusError } from '#base/errors.js';
import { lengthFilter, stopFilter } from '#text/filters/words.js';
import { Analyzer } from './analyzer.js';
import { filterOf, readStopWords } from './filter-params.js';
import { invalid, kindOf, ParamsReader } from './params-reader.js';
import type { TokenFilter } from './token.js';
import { tokenizerOf } from './tokenizer-params.js';

/** Characters of the text of an analyzer, filters of one, and analyzers inside one another. */
const TEXT_MAX = 1_048_576;
const FILTERS_MAX = 64;
const DEPTH_MAX = 4;

/** Words of a built-in analyzer that are longer are dropped. */
const BUILT_IN_LENGTH_MAX = 40;

interface BuiltIn {
  readonly tokenizer: string;
  readonly filters: readonly unknown[];
  readonly lengthMax?: number;
}

const builtIns: Readonly<Record<string, BuiltIn>> = {
  standard: { tokenizer: 'standard', filters: ['lowercase'], lengthMax: BUILT_IN_LENGTH_MAX },
  english: {
    tokenizer: 'standard',
    filters: [
      'lowercase',
      { type: 'stemmer', language: 'english' },
      { type: 'stop', stop_words: ['_english_'] },
    ],
    lengthMax: BUILT_IN_LENGTH_MAX,
  },
  chinese: { tokenizer: 'jieba', filters: ['cnalphanumonly'] },
  arabic: {
    tokenizer: 'standard',
    filters: [
      'lowercase',
      'decimaldigit',
      'arabic_normalization',
      { type: 'stop', stop_words: ['_arabic_'] },
      { type: 'stemmer', language: 'arabic' },
    ],
  },
  thai: {
    tokenizer: 'thai',
    filters: ['lowercase', 'decimaldigit', { type: 'stop', stop_words: ['_thai_'] }],
  },
};

const standardAnalyzer = (): Analyzer => analyzerOfValue({}, '', 0);

/** @param text JSON; empty: the standard analyzer. @throws invalid_parameter with the place, unsupported */
export function analyzerOf(text: string): Analyzer {
  if (text.trim() === '') return standardAnalyzer();
  return analyzerOfValue(parsed(text), '', 0);
}

/** @throws invalid_parameter */
export function parsed(text: string): unknown {
  if (text.length > TEXT_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `analyzer params have ${text.length} characters, expected at most ${TEXT_MAX}`,
    );
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ElanusError('invalid_parameter', `invalid analyzer params: ${text.slice(0, 64)} is no JSON`, {
      cause,
    });
  }
}

export function analyzerOfValue(value: unknown, place: string, depth: number): Analyzer {
  if (depth > DEPTH_MAX) throw invalid(place, `is an analyzer inside ${DEPTH_MAX} others, expected fewer`);
  const params = new ParamsReader(value, place);
  const analyzer = isCustom(params) ? custom(params, depth) : builtIn(params, depth);
  params.finish('char_filter');
  return analyzer;
}

const isCustom = (params: ParamsReader): boolean =>
  !params.has('type') && (params.has('tokenizer') || params.has('filter'));

const makeBelow =
  (depth: number) =>
  (value: unknown, place: string): Analyzer =>
    analyzerOfValue(value, place, depth + 1);

function builtIn(params: ParamsReader, depth: number): Analyzer {
  if (params.has('tokenizer') || params.has('filter'))
    params.refuse(
      'type',
      'stands beside tokenizer or filter, expected either a built-in type or a tokenizer with filters',
    );
  const name = params.text('type', 'standard');
  const spec = Object.hasOwn(builtIns, name) ? builtIns[name] : undefined;
  if (spec === undefined)
    return params.refuse(
      'type',
      `: unsupported analyzer type: ${name.slice(0, 64)}, expected one of ${Object.keys(builtIns).join(', ')}`,
    );
  const filters = spec.filters.map((filter) => filterOf(filter, params.at('type')));
  if (spec.lengthMax !== undefined) filters.unshift(lengthFilter(spec.lengthMax));
  const stopWords = readStopWords(params);
  if (stopWords.size > 0) filters.push(stopFilter(stopWords));
  return new Analyzer(tokenizerOf(spec.tokenizer, params.at('type'), makeBelow(depth)), filters);
}

function custom(params: ParamsReader, depth: number): Analyzer {
  const tokenizer = tokenizerOf(
    params.value('tokenizer') ?? 'standard',
    params.at('tokenizer'),
    makeBelow(depth),
  );
  return new Analyzer(tokenizer, filtersOf(params));
}

function filtersOf(params: ParamsReader): TokenFilter[] {
  const list = params.value('filter') ?? [];
  if (!Array.isArray(list)) return params.refuse('filter', `is ${kindOf(list)}, expected a list`);
  if (list.length > FILTERS_MAX)
    params.refuse('filter', `has ${list.length} entries, expected at most ${FILTERS_MAX}`);
  return list.map((filter: unknown, at) => filterOf(filter, `${params.at('filter')}[${at}]`));
}
