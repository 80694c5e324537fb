// The one place where the text of a filter and its templates become what shards are asked for. Search, query and delete come through here.
// The text is checked here, so that its errors are the client's before anybody else is asked; a shard reads the same text again.
import type { FilterSource } from '#expr/filter.js';
import type { CheckedFilter, PredicateFilter } from '#expr/typed.js';
import type { Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { ShardSearchRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import { type FilterText, ofNamespace } from '#roles/proxy/namespaces/request-namespace.js';
import { filterMessage, readAnyFilter } from '#segment/sent-filter.js';

export interface RequestFilter {
  /** The client gave none: all rows pass, or all of its namespace. */
  readonly isEmpty: boolean;
  /** The filter as shards get it; empty: all rows pass. */
  readonly forShards: Pick<ShardSearchRequest, 'filter' | 'textFilter'>;
  /** Where the filter says nothing but "one of these keys": the keys, in the order written. A delete by them needs no read. */
  readonly keys: { readonly column: Column; readonly count: number } | undefined;
  /** The predicate of a filter that is more than keys. */
  readonly predicate: PredicateFilter | undefined;
}

const nothing = { filter: undefined, textFilter: undefined };
const noFilter: RequestFilter = { isEmpty: true, forShards: nothing, keys: undefined, predicate: undefined };

/** A filter as the client wrote it. */
export interface FilterRequest {
  readonly text: string;
  readonly templates: Readonly<Record<string, TemplateValue>>;
  /** Time zone of times without an offset; the collection's when the request names none. */
  readonly zone?: string | undefined;
  /** Whose rows alone pass, as the scope of a read says it; undefined: all do. */
  readonly namespaceKey: string | undefined;
}

/**
 * Known at once where the filter is not long.
 * @throws invalid_parameter for what no version can read, unsupported for what this one cannot yet
 */
export function requestFilter(
  { schema, record }: OpenCollection,
  { text, templates, zone: asked, namespaceKey }: FilterRequest,
  workers: Workers,
): RequestFilter | Promise<RequestFilter> {
  const zone = asked ?? record.properties.timezone ?? 'UTC';
  const source = { text, templates, zone };
  if (namespaceKey !== undefined) return filterOfNamespace(schema, source, namespaceKey, workers);
  if (text === '') return noFilter;
  const checked = readAnyFilter(workers, schema, source);
  return checked instanceof Promise
    ? checked.then((read) => filterOf(read, source, schema))
    : filterOf(checked, source, schema);
}

/** The client's filter is read by itself first: its errors are about its text, and it cannot reach out of its brackets. */
function filterOfNamespace(
  schema: CollectionSchema,
  source: FilterSource & FilterText,
  key: string,
  workers: Workers,
): RequestFilter | Promise<RequestFilter> {
  const isEmpty = source.text === '';
  const within = (own: CheckedFilter | undefined): RequestFilter | Promise<RequestFilter> => {
    const isLast = own?.kind === 'predicate' && (own.elements !== undefined || own.sampleShare !== undefined);
    const whole = ofNamespace(source, key, isLast);
    const checked = readAnyFilter(workers, schema, whole);
    return checked instanceof Promise
      ? checked.then((read) => ({ ...filterOf(read, whole, schema), isEmpty }))
      : { ...filterOf(checked, whole, schema), isEmpty };
  };
  if (isEmpty) return within(undefined);
  const own = readAnyFilter(workers, schema, source);
  return own instanceof Promise ? own.then(within) : within(own);
}

function filterOf(checked: CheckedFilter, source: FilterSource, schema: CollectionSchema): RequestFilter {
  switch (checked.kind) {
    case 'all':
      return noFilter;
    case 'keys': {
      const { keys, keyCount, negated } = checked;
      return {
        isEmpty: false,
        forShards: { ...nothing, filter: { keys, keyCount, negated } },
        keys: negated ? undefined : { column: keys, count: keyCount },
        predicate: undefined,
      };
    }
    case 'predicate':
      return {
        isEmpty: false,
        forShards: { ...nothing, textFilter: filterMessage(source, schema, checked) },
        keys: undefined,
        predicate: checked,
      };
  }
}
