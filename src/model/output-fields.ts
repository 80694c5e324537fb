// Which columns an answer carries and which names it lists, from the `output_fields` of a Search or Query.
// A dynamic key is answered by the whole `$meta` column plus the key's name: clients pick the key out themselves.
import { ElanusError } from '#base/errors.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { primaryField } from './field.js';
import { dynamicField, META_FIELD_NAME } from './schema-view.js';

export interface OutputFields {
  /** The request is `count(*)` and nothing else. */
  readonly isCount: boolean;
  readonly fieldIds: bigint[];
  /** For `output_fields` of the answer. */
  readonly names: string[];
  readonly dynamicKeys: string[];
}

const ALL: ReadonlySet<string> = new Set(['*', '%']);
const aggregate = /^\s*(count|min|max|sum|avg)\s*\(.*\)\s*$/i;
const isCountText = (name: string): boolean => /^\s*count\s*\(\s*\*\s*\)\s*$/i.test(name);

/** A query always answers with the key, first when it was not asked for. @throws refused, unsupported, invalid_parameter */
export function resolveOutputFields(
  schema: CollectionSchema,
  requested: readonly string[],
  options: { readonly call: 'search' | 'query' },
): OutputFields {
  if (requested.some((name) => aggregate.test(name))) return countOf(requested, options.call);
  const byName = new Map(schema.fields.map((field) => [field.name, field.fieldID]));
  const meta = dynamicField(schema);
  const chosen = new Map<string, bigint>();
  const dynamicKeys = new Set<string>();
  for (const raw of requested) {
    const name = raw.trim();
    const id = byName.get(name);
    if (ALL.has(name)) for (const field of schema.fields) chosen.set(field.name, field.fieldID);
    else if (id !== undefined) chosen.set(name, id);
    else if (meta !== undefined) dynamicKeys.add(dynamicKeyOf(name));
    else throw new ElanusError('refused', `field ${name} not exist`);
  }
  const names = [...chosen.keys(), ...dynamicKeys];
  if (meta !== undefined && dynamicKeys.size > 0) chosen.set(meta.name, meta.fieldID);
  const fieldIds = [...chosen.values()];
  const key = primaryField(schema);
  if (options.call === 'query' && !fieldIds.includes(key.fieldID)) {
    fieldIds.unshift(key.fieldID);
    names.unshift(key.name);
  }
  return { isCount: false, fieldIds, names, dynamicKeys: [...dynamicKeys] };
}

function countOf(requested: readonly string[], call: 'search' | 'query'): OutputFields {
  const isCount = requested.length === 1 && requested.every(isCountText);
  if (call === 'search') {
    throw new ElanusError(
      'invalid_parameter',
      `output field ${requested.join(', ')}: aggregates are for query, not for search; name fields instead`,
    );
  }
  if (!isCount)
    throw new ElanusError('unsupported', `output fields ${requested.join(', ')}: only count(*) alone is supported in this version`);
  return { isCount: true, fieldIds: [], names: ['count(*)'], dynamicKeys: [] };
}

/** `$meta["k"]` names the same key as `k`. */
function dynamicKeyOf(name: string): string {
  if (!name.startsWith(`${META_FIELD_NAME}[`)) return name;
  return /^\$meta\[\s*(["'])(.+)\1\s*\]$/.exec(name)?.[2] ?? name;
}
