// What a search asks of a highlighter, checked: how fragments are made, and for each field whose words are marked in its texts. Only the
// lexical one is here; the semantic one asks a model, and which parts of a text are meant is then its answer.
import { ElanusError } from '#base/errors.js';
import { RequestParams, refuse } from '#model/params/request-params.js';
import { fieldById } from '#model/schema/field.js';
import { fieldByName } from '#model/schema/schema-view.js';
import type { Highlighter, KeyValuePair } from '#proto/milvus/common.js';
import { HighlightType } from '#proto/milvus/common.js';
import { type CollectionSchema, type FieldSchema, FunctionType } from '#proto/milvus/schema.js';
import type { SearchPlan } from '#roles/proxy/search/search-plan.js';
import type { SearchedWords } from '#roles/proxy/search/words/words-plan.js';
import { type FieldAnalyzers, fieldAnalyzers, hasAnalyzer } from '#text/field-analyzers.js';
import type { FragmentForm } from '#text/highlight/fragments.js';

/** A field whose texts are marked. */
export interface MarkedField {
  readonly field: FieldSchema;
  readonly analyzers: FieldAnalyzers;
  /** The analyzer of what is looked for, where there are several. */
  readonly analyzerName: string | undefined;
  /** The field that names the analyzer of each row; undefined: there is one analyzer. */
  readonly chooser: FieldSchema | undefined;
  /** By query, the text whose words are marked in its hits; empty: those of none. */
  readonly searched: readonly string[];
  /** Texts whose words are marked in the hits of all queries. */
  readonly asked: readonly string[];
}

export interface Highlighting {
  readonly form: FragmentForm;
  readonly fields: readonly MarkedField[];
}

interface AskedText {
  readonly field: string;
  readonly text: string;
}

const FRAGMENT_SIZE = 100;
const FRAGMENT_COUNT = 5;
/** Tags come again with each word, so their length multiplies; texts are made into words in one go. */
const TAGS_MAX = 64;
const TAG_LENGTH_MAX = 1024;
const QUERIES_MAX = 1024;
const TEXT_LENGTH_MAX = 1_048_576;

const keys: ReadonlySet<string> = new Set([
  'pre_tags',
  'post_tags',
  'fragment_offset',
  'fragment_size',
  'num_of_fragments',
  'highlight_search_text',
  'highlight_query',
]);

const invalid = (text: string): never => refuse(`${text}: invalid parameter`);

/** @throws invalid_parameter, parameter_too_large, unsupported */
export function highlightingOf(
  highlighter: Highlighter | undefined,
  schema: CollectionSchema,
  plan: SearchPlan,
  words: SearchedWords | undefined,
): Highlighting | undefined {
  if (highlighter === undefined) return undefined;
  if (highlighter.type !== HighlightType.Lexical)
    throw new ElanusError(
      'unsupported',
      'a semantic highlighter asks a model that Zilliz Cloud hosts (model_deployment_id) which sentences are meant, by calls that are not public; use a lexical one, which marks words',
    );
  const params = paramsOf(highlighter.params);
  const form = formOf(params);
  const fields = new Map<bigint, MarkedField>();
  if (new RequestParams(highlighter.params).boolean('highlight_search_text')) {
    const field = searchedField(schema, plan);
    fields.set(field.fieldID, { ...markedField(schema, field, plan), searched: words?.texts ?? [] });
  }
  for (const { field: name, text } of askedTexts(params.get('highlight_query'))) {
    const field = fieldByName(schema, name);
    if (field === undefined) return invalid(`highlight field not found in schema: ${name.slice(0, 200)}`);
    const known = fields.get(field.fieldID) ?? markedField(schema, field, plan);
    fields.set(field.fieldID, { ...known, asked: [...known.asked, text] });
  }
  return fields.size === 0 ? undefined : { form, fields: [...fields.values()] };
}

function paramsOf(pairs: readonly KeyValuePair[]): ReadonlyMap<string, string> {
  const unknown = pairs.find(({ key }) => !keys.has(key));
  if (unknown !== undefined)
    invalid(`highlighter has the parameter ${unknown.key.slice(0, 64)}, expected ${[...keys].join(', ')}`);
  return new Map(pairs.map(({ key, value }) => [key, value]));
}

const formOf = (params: ReadonlyMap<string, string>): FragmentForm => ({
  offset: numberOf(params, 'fragment_offset', { usual: 0, least: 0 }),
  size: numberOf(params, 'fragment_size', { usual: FRAGMENT_SIZE, least: 1 }),
  count: numberOf(params, 'num_of_fragments', { usual: FRAGMENT_COUNT, least: 0 }),
  preTags: tagsOf(params, 'pre_tags', 'array') ?? ['<em>'],
  postTags: tagsOf(params, 'post_tags', 'list') ?? ['</em>'],
});

function numberOf(
  params: ReadonlyMap<string, string>,
  key: string,
  { usual, least }: { readonly usual: number; readonly least: number },
): number {
  const text = params.get(key);
  if (text === undefined) return usual;
  if (!/^[+-]?\d{1,15}$/.test(text) || Number(text) < least)
    return invalid(`invalid ${key}: ${text.slice(0, 64)}`);
  return Number(text);
}

function tagsOf(params: ReadonlyMap<string, string>, key: string, kind: string): string[] | undefined {
  const text = params.get(key);
  if (text === undefined) return undefined;
  const tags = jsonOf(text);
  if (!Array.isArray(tags) || !tags.every((tag): tag is string => typeof tag === 'string'))
    return invalid(`unmarshal ${key} as string ${kind} failed: got ${text.slice(0, 64)}`);
  if (tags.length === 0) return invalid(`${key} cannot be empty list`);
  if (tags.length > TAGS_MAX || tags.some(({ length }) => length > TAG_LENGTH_MAX))
    throw new ElanusError(
      'parameter_too_large',
      `${key} has ${tags.length} tags, the longest of ${Math.max(...tags.map(({ length }) => length))} characters, expected at most ${TAGS_MAX} of ${TAG_LENGTH_MAX}`,
    );
  return tags;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function askedTexts(json: string | undefined): readonly AskedText[] {
  if (json === undefined) return [];
  const queries = jsonOf(json);
  if (!Array.isArray(queries))
    return invalid(`unmarshal highlight queries as json array failed: got ${json.slice(0, 64)}`);
  if (queries.length > QUERIES_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `highlight_query has ${queries.length} texts, expected at most ${QUERIES_MAX}`,
    );
  return queries.map(askedText);
}

const wrong = (text: string): never => invalid(`unmarshal highlight queries failed: ${text}`);

function askedText(query: unknown): AskedText {
  if (typeof query !== 'object' || query === null || Array.isArray(query))
    return wrong('item in array is not json object');
  const text = memberOf(query, 'text');
  const type = memberOf(query, 'type');
  // The queries of Milvus's protocol have this one type.
  if (type !== 'TextMatch') return wrong(`invalid highlight query type: ${type.slice(0, 64)}`);
  if (text.length > TEXT_LENGTH_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `a text of highlight_query has ${text.length} characters, expected at most ${TEXT_LENGTH_MAX}`,
    );
  return { field: memberOf(query, 'field'), text };
}

function memberOf(query: object, name: 'text' | 'type' | 'field'): string {
  const value: unknown = Object.hasOwn(query, name) ? (query as Record<string, unknown>)[name] : undefined;
  if (value === undefined) return wrong(`must set \`${name}\` in query`);
  return typeof value === 'string' ? value : wrong(`\`${name}\` must be string`);
}

function searchedField(schema: CollectionSchema, { metric, words, params }: SearchPlan): FieldSchema {
  const made = schema.functions.find(
    ({ type, outputFieldIds }) =>
      type === FunctionType.BM25 && outputFieldIds.includes(params.annsField.fieldID),
  );
  const input = made && fieldById(schema, made.inputFieldIds[0] ?? 0n);
  if (words === undefined || input === undefined)
    return invalid(`Search highlight only support with metric type "BM25" but was: ${metric}`);
  return input;
}

function markedField(schema: CollectionSchema, field: FieldSchema, { params }: SearchPlan): MarkedField {
  if (!hasAnalyzer(field))
    return invalid(`highlight field ${field.name} has no analyzer, expected one with enable_analyzer`);
  const analyzers = fieldAnalyzers(field);
  const { byField } = analyzers;
  const chooser = byField === undefined ? undefined : fieldByName(schema, byField);
  return { field, analyzers, analyzerName: params.analyzerName, chooser, searched: [], asked: [] };
}
