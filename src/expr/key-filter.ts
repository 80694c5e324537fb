// The filters that are answered so far: none, or a list of primary keys. All others are read and checked, and then refused.
import { ElanusError } from '#base/errors.js';
import type { Templates } from '#expr/check/templates.js';
import { primaryField } from '#model/schema/field.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { readFilter } from './filter.js';
import type { CheckedFilter } from './typed.js';

/** `keys` in the order written; a key written twice is there twice. */
export type KeyFilter = Exclude<CheckedFilter, { readonly kind: 'predicate' }>;

const SHOWN_LENGTH = 512;

/** @throws invalid_parameter for what no version can read, unsupported for filters beyond keys */
export function parseKeyFilter(schema: CollectionSchema, expr: string, templates: Templates = {}): KeyFilter {
  const filter = readFilter(schema, { text: expr, templates });
  if (filter.kind !== 'predicate') return filter;
  const text = expr.trim();
  const shown = text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
  const key = primaryField(schema).name;
  throw new ElanusError(
    'unsupported',
    `filter ${shown} is not supported in this version: filters beyond primary keys come later; use '${key} in [..]', '${key} not in [..]' or '${key} == value'`,
  );
}
