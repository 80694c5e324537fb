// The one place where the text of a filter and its templates become what shards are asked for. Search, query and delete come through here.
import { parseKeyFilter } from '#expr/key-filter.js';
import type { Column } from '#proto/elanus/data.js';
import type { ShardSearchRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';

export interface RequestFilter {
  /** The client gave none: all rows pass. */
  readonly isEmpty: boolean;
  /** As shards get it; undefined: all rows pass. */
  readonly forShards: ShardSearchRequest['filter'];
  /** Where the filter says nothing but "one of these keys": the keys, in the order written. A delete by them needs no read. */
  readonly keys: { readonly column: Column; readonly count: number } | undefined;
}

const noFilter: RequestFilter = { isEmpty: true, forShards: undefined, keys: undefined };

/** @throws invalid_parameter for what no version can read, unsupported for what this one cannot */
export function requestFilter(
  schema: CollectionSchema,
  text: string,
  templates: Readonly<Record<string, TemplateValue>>,
): RequestFilter {
  const filter = parseKeyFilter(schema, text, templates);
  if (filter.kind === 'all') return noFilter;
  const { keys, keyCount, negated } = filter;
  return {
    isEmpty: false,
    forShards: { keys, keyCount, negated },
    keys: negated ? undefined : { column: keys, count: keyCount },
  };
}
