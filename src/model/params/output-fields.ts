// Which columns an answer carries and which names it lists, from the `output_fields` of a Search or Query.
// A dynamic key is answered by a `$meta` column that has the keys asked for, plus the key's name: clients pick the key out of the column.

import { ElanusError } from '#base/errors.js';
import { pickMetaKeys } from '#model/columns/meta-keys.js';
import { isNamespaceField } from '#model/properties/namespaces.js';
import { primaryField } from '#model/schema/field.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { dynamicField, META_FIELD_NAME } from '#model/schema/schema-view.js';
import { structArrays, structOf } from '#model/schema/struct-arrays.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';

export interface OutputFields {
  /** The request is `count(*)` and nothing else. */
  readonly isCount: boolean;
  readonly fieldIds: bigint[];
  /** Names for `output_fields` of the answer. */
  readonly names: string[];
  readonly dynamicKeys: string[];
  /** The keys to leave in `$meta`; undefined: all of it was asked for, or none. */
  readonly pickedKeys: ReadonlySet<string> | undefined;
}

const ALL: ReadonlySet<string> = new Set(['*', '%']);
const aggregate = /^\s*(count|min|max|sum|avg)\s*\(.*\)\s*$/i;

/** `sum(price)` and its like, whatever is in the brackets. */
export const isAggregateText = (name: string): boolean => aggregate.test(name);
export const isCountText = (name: string): boolean => /^\s*count\s*\(\s*\*\s*\)\s*$/i.test(name);

/** A query always answers with the key, first when it was not asked for. @throws refused, unsupported, invalid_parameter */
export function resolveOutputFields(
  schema: CollectionSchema,
  requested: readonly string[],
  options: { readonly call: 'search' | 'query' },
): OutputFields {
  if (requested.some((name) => aggregate.test(name))) return countOf(requested, options.call);
  const byName = new Map(schema.fields.map((field) => [field.name, field.fieldID]));
  const meta = dynamicField(schema);
  const structs = structArrays(schema);
  const chosen = new Map<string, bigint>();
  const dynamicKeys = new Set<string>();
  for (const raw of requested) {
    const name = raw.trim();
    const id = byName.get(name);
    const struct = structs.find((one) => one.struct.name === name);
    if (ALL.has(name))
      for (const field of schema.fields.filter(isListed)) chosen.set(field.name, field.fieldID);
    else if (struct !== undefined) for (const field of struct.columns) chosen.set(field.name, field.fieldID);
    else if (id !== undefined) chosen.set(readableName(schema, name), id);
    else dynamicKeys.add(dynamicKeyOf(schema, name));
  }
  // For a sub-field the answer names the struct that it comes in.
  const columnNames = [...chosen].map(([name, id]) => structOf(schema, id)?.struct.name ?? name);
  const names = [...new Set(columnNames), ...dynamicKeys];
  const pickedKeys =
    meta !== undefined && dynamicKeys.size > 0 && !chosen.has(meta.name) ? dynamicKeys : undefined;
  if (meta !== undefined && dynamicKeys.size > 0) chosen.set(meta.name, meta.fieldID);
  const fieldIds = [...chosen.values()];
  const key = primaryField(schema);
  if (options.call === 'query' && !fieldIds.includes(key.fieldID)) {
    fieldIds.unshift(key.fieldID);
    names.unshift(key.name);
  }
  return { isCount: false, fieldIds, names, dynamicKeys: [...dynamicKeys], pickedKeys };
}

/** What `*` stands for: a namespace is said by the request. */
const isListed = (field: FieldSchema): boolean => isReadable(field) && !isNamespaceField(field);

/** What BM25 makes of texts is for searches alone. */
const isReadable = ({ isFunctionOutput, dataType }: FieldSchema): boolean =>
  !isFunctionOutput || dataType !== DataType.SparseFloatVector;

/** The text is Milvus's, and clients compare the whole of it. @throws refused */
function readableName(schema: CollectionSchema, name: string): string {
  const field = schema.fields.find((one) => one.name === name);
  if (field === undefined || isReadable(field)) return name;
  throw new ElanusError('refused', `not allowed to retrieve raw data of field ${name}`);
}

/** The rows as they are answered: of the dynamic field only what was asked for. */
export function answeredRows(
  schema: CollectionSchema,
  rows: ColumnBatch,
  { pickedKeys }: OutputFields,
): ColumnBatch {
  const meta = dynamicField(schema);
  if (pickedKeys === undefined || meta === undefined) return rows;
  const columns = rows.columns.map((column) =>
    column.fieldId === meta.fieldID ? pickMetaKeys(column, rows.rowCount, pickedKeys) : column,
  );
  return { ...rows, columns };
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
    throw new ElanusError(
      'unsupported',
      `output fields ${requested.join(', ')}: only count(*) alone is supported in this version`,
    );
  return { isCount: true, fieldIds: [], names: ['count(*)'], dynamicKeys: [], pickedKeys: undefined };
}

const pathSteps = /\[\s*(?:"([^"]*)"|'([^']*)'|\d+)\s*\]/y;
/** `$meta["k"]` names the same key as `k`; longer paths are refused as in Milvus, rather than answered by nothing. */
function dynamicKeyOf(schema: CollectionSchema, name: string): string {
  refuseNotLoaded(schema, name);
  if (dynamicField(schema) === undefined) throw new ElanusError('refused', `field ${name} not exist`);
  const open = name.indexOf('[');
  if (open <= 0 || !name.endsWith(']')) return name;
  const root = name.slice(0, open).trim();
  // As a dynamic key it would be answered by nothing.
  if (structArrays(schema).some(({ struct }) => struct.name === root))
    throw new ElanusError('refused', `field ${name.slice(0, 200)} not exist`);
  const steps: string[] = [];
  pathSteps.lastIndex = open;
  while (pathSteps.lastIndex < name.length) {
    const step = pathSteps.exec(name);
    if (step === null) return name;
    steps.push(step[1] ?? step[2] ?? '');
  }
  const [key] = steps;
  if (root === META_FIELD_NAME && steps.length === 1 && key !== undefined && key !== '') return key;
  const isField = root !== META_FIELD_NAME && schema.fields.some((field) => field.name === root);
  throw new ElanusError(
    'invalid_parameter',
    isField
      ? `not support getting subkeys of json field yet: ${name.slice(0, 200)}; name the field ${root}`
      : `not support getting multiple level of dynamic field for now: ${name.slice(0, 200)}; name the outermost key`,
  );
}
