// A filter as text becomes a checked tree: read, checked against the schema, with template values and the zone of its times bound. The
// same filter comes with every search of a program, and to each node that takes part in one: so checked trees are kept for a while.
import { ElanusError } from '#base/errors.js';
import { readSampleShare } from '#expr/check/functions/calls.js';
import { readElementFilter } from '#expr/check/functions/elements.js';
import { keysOfPredicate, readKeys } from '#expr/check/key-filter.js';
import { join } from '#expr/check/logic.js';
import { checkPredicate, NotBooleanError } from '#expr/check/predicates.js';
import type { Templates } from '#expr/check/templates.js';
import type { CheckContext } from '#expr/check/values.js';
import { parseFilter } from '#expr/parse/parser.js';
import { FilterSyntaxError, placedMessage } from '#expr/parse/syntax-error.js';
import { type CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';
import type { Node } from './ast.js';
import type { CheckedFilter, ElementPredicate, PredicateFilter } from './typed.js';

/** A filter as it was sent. */
export interface FilterSource {
  readonly text: string;
  readonly templates?: Templates;
  /** IANA name of the zone of times without an offset; UTC when left out. */
  readonly zone?: string;
}

/** Characters of a filter: a million 64-bit keys with room for commas and spaces. Longer lists of texts go into templates. */
export const FILTER_LENGTH_MAX = 32 * 1024 * 1024;
const SHOWN_LENGTH = 512;

/** @throws invalid_parameter for what is no filter of this collection, unsupported for what this version cannot answer */
export function readFilter(schema: CollectionSchema, source: FilterSource): CheckedFilter {
  const key = cacheKey(source);
  const cached = key === undefined ? undefined : takeCached(schema, key);
  if (cached !== undefined) return cached;
  const filter = checkFilter(schema, source);
  if (key !== undefined) keep(schema, key, filter);
  return filter;
}

/** Checks a filter without the cache. */
export function checkFilter(
  schema: CollectionSchema,
  { text: sent, templates = {}, zone = 'UTC' }: FilterSource,
): CheckedFilter {
  if (sent.length > FILTER_LENGTH_MAX) {
    throw cannotParse(
      sent,
      `the expression has ${sent.length} characters, expected at most ${FILTER_LENGTH_MAX}; send a long list of keys as a template value, or in several requests`,
    );
  }
  const text = sent.trim();
  if (text === '') return { kind: 'all' };
  try {
    const node = parseFilter(text);
    const context: CheckContext = { schema, templates, zone, scope: undefined };
    return readKeys(context, node) ?? keysOrPredicate(context, node);
  } catch (error) {
    throw clientError(text, error);
  }
}

function keysOrPredicate(context: CheckContext, node: Node): CheckedFilter {
  const filter = checkWhole(context, node);
  if (filter.elements !== undefined || filter.sampleShare !== undefined) return filter;
  return keysOfPredicate(context.schema, filter.predicate) ?? filter;
}

function clientError(text: string, error: unknown): unknown {
  if (error instanceof NotBooleanError) {
    return new ElanusError(
      'invalid_parameter',
      `failed to create query plan: predicate is not a boolean expression: ${shown(text)}, data type: ${error.dataType}`,
      { cause: error },
    );
  }
  if (error instanceof FilterSyntaxError) return cannotParse(text, placedMessage(text, error), error);
  const isOurs = error instanceof ElanusError && error.key === 'invalid_parameter';
  return isOurs ? cannotParse(text, error.message, error) : error;
}

const shown = (text: string): string =>
  text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
const cannotParse = (text: string, why: string, cause?: unknown): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `failed to create query plan: cannot parse expression: ${shown(text)}, error: ${why}`,
    { cause },
  );

/** The last part of a filter, which is about the rows that passed: sampled ones, or their elements. */
function checkWhole(context: CheckContext, node: Node): PredicateFilter {
  const conjuncts = node.kind === 'and' ? [...node.operands] : [node];
  const sampleShare = takeLast(conjuncts, 'random_sample', (call) => readSampleShare(context, call));
  const elements = takeLast(conjuncts, 'element_filter', (call) =>
    readElementFilter(context, call, (inner, predicate, negated) =>
      checkPredicate(inner, predicate, negated),
    ),
  );
  const [only, second] = conjuncts;
  const predicate =
    only !== undefined && second === undefined
      ? checkPredicate(context, only, false, node.kind === 'and' ? 'and' : undefined)
      : conjuncts.length === 0
        ? join('and', [])
        : checkPredicate(
            context,
            { kind: 'and', operands: conjuncts, begin: node.begin, end: node.end },
            false,
          );
  return {
    kind: 'predicate',
    predicate,
    ...(elements === undefined ? {} : { elements }),
    ...(sampleShare === undefined ? {} : { sampleShare }),
  };
}

type CallNode = Extract<Node, { readonly kind: 'call' }>;

function takeLast<T extends number | ElementPredicate>(
  conjuncts: Node[],
  name: string,
  read: (call: CallNode) => T,
): T | undefined {
  const last = conjuncts.at(-1);
  if (last?.kind !== 'call' || last.name !== name) return undefined;
  conjuncts.pop();
  return read(last);
}

/** Filters kept of one collection; a client that never sends the same twice must not fill the memory. */
const FILTERS_MAX = 64;
/** Characters of a filter with its template values; a long one costs more to keep than to read again. */
const CACHED_LENGTH_MAX = 4096;
/** By schema object: a changed definition is another object. The filter that was used longest ago comes first. */
const cache = new WeakMap<CollectionSchema, Map<string, CheckedFilter>>();

/** Undefined: too long to keep. Lengths come before the parts, so two filters never have the same key. */
function cacheKey({ text, templates = {}, zone = 'UTC' }: FilterSource): string | undefined {
  if (text.length > CACHED_LENGTH_MAX) return undefined;
  let key = `${text.length} ${text}${zone.length} ${zone}`;
  for (const name of Object.keys(templates).sort()) {
    const value = templates[name];
    if (value === undefined) continue;
    if (isLong(value)) return undefined;
    const bytes = TemplateValue.encode(value).finish();
    if (key.length + bytes.length > CACHED_LENGTH_MAX) return undefined;
    key += `${name.length} ${name}${bytes.length} ${String.fromCharCode(...bytes)}`;
  }
  return key;
}

/** Known without encoding it: lists of keys come as templates, too. */
function isLong({ val }: TemplateValue): boolean {
  if (val?.$case === 'stringVal' || val?.$case === 'bytesVal') return val.value.length > CACHED_LENGTH_MAX;
  if (val?.$case !== 'arrayVal' || val.value.data === undefined) return false;
  if (val.value.data.$case === 'stringData') return val.value.data.value.length > CACHED_LENGTH_MAX;
  const { data } = val.value.data.value;
  if (data.length > CACHED_LENGTH_MAX) return true;
  return val.value.data.$case === 'arrayData' || val.value.data.$case === 'jsonData'
    ? data.length > 64
    : false;
}

/** What is used becomes the one that was used last. */
function takeCached(schema: CollectionSchema, key: string): CheckedFilter | undefined {
  const filters = cache.get(schema);
  const filter = filters?.get(key);
  if (filters === undefined || filter === undefined) return undefined;
  filters.delete(key);
  filters.set(key, filter);
  return filter;
}

function keep(schema: CollectionSchema, key: string, filter: CheckedFilter): void {
  const filters = cache.get(schema) ?? new Map<string, CheckedFilter>();
  cache.set(schema, filters);
  const oldest = filters.keys().next();
  if (filters.size >= FILTERS_MAX && oldest.done !== true) filters.delete(oldest.value);
  filters.set(key, filter);
}
