// A filter as it came from another role, read against the schema that is served here. The proxy has checked the same text before.
import { ElanusError } from '#base/errors.js';
import { readFilter } from '#expr/filter.js';
import type { PredicateFilter } from '#expr/typed.js';
import type { TextFilter } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

/** Undefined where none was sent. The same text gives the same object again. @throws invalid_parameter */
export function sentPredicate(
  sent: TextFilter | undefined,
  schema: CollectionSchema,
): PredicateFilter | undefined {
  if (sent === undefined) return undefined;
  const { text, templates, zone } = sent;
  const filter = readFilter(schema, { text, templates, ...(zone !== '' && { zone }) });
  if (filter.kind === 'predicate') return filter;
  throw new ElanusError(
    'internal',
    'a filter of keys was sent as text, expected a list of keys; check the version of the peer',
  );
}
