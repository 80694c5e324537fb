// `order_by_fields` of a query: `price:desc,name`, each field with its direction and, ours, where nulls go. As in Milvus, nulls are where a value
// above all others would: last in ascending order, first in descending. A name that is no field is a dynamic key, and paths in JSON fields and
// dynamic keys are written as in a filter: `user["age"]:desc`.

import { ElanusError } from '#base/errors.js';
import { DataType, plainTypes } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { dataTypeName, dynamicField, fieldByName } from '#model/schema/schema-view.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { refuse } from './request-params.js';

/** More than any schema has fields. */
const KEYS_MAX = 64;
const ASCENDING: ReadonlySet<string> = new Set(['asc', 'ascending']);
const DESCENDING: ReadonlySet<string> = new Set(['desc', 'descending']);

const orderedTypes: ReadonlySet<number> = new Set([...plainTypes, DataType.Text, DataType.Timestamptz]);

/** Keys and indexes of a path in a JSON field, as filters write it. @throws invalid_parameter */
export type ReadPath = (field: FieldSchema, text: string) => readonly string[];

/** One part of the text, whatever its name means. */
export interface OrderTerm {
  readonly name: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** @throws invalid_parameter for what is no list of names with directions */
export function parseOrderTerms(text: string): OrderTerm[] {
  const parts = splitOutside(text, ',');
  if (parts.length > KEYS_MAX) refuse(`order by: ${parts.length} fields, expected at most ${KEYS_MAX}`);
  return parts.map((part) => {
    const [name = '', direction = 'asc', nulls, ...more] = splitOutside(part, ':').map((word) => word.trim());
    const descending = DESCENDING.has(direction.toLowerCase());
    if (name === '') refuse(`order by: a field name is empty in "${shown(text)}"`);
    if (!descending && !ASCENDING.has(direction.toLowerCase()))
      refuse(`order by field ${name} has an invalid direction "${shown(direction)}", expected asc or desc`);
    return { name, descending, nullsFirst: nullsFirstOf(name, [nulls, ...more], descending) };
  });
}

/** At the separators that are in no brackets and no quotes: keys may have any letters. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (quote !== '') {
      if (letter === '\\') at++;
      else if (letter === quote) quote = '';
    } else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === separator) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...parts, text.slice(begin)];
}

function nullsFirstOf(name: string, words: readonly (string | undefined)[], descending: boolean): boolean {
  const [nulls, ...more] = words;
  if (nulls === undefined) return descending;
  const word = nulls.toLowerCase();
  if (more.length > 0 || (word !== 'nulls_first' && word !== 'nulls_last'))
    refuse(
      `order by field ${name} has an invalid null order "${shown(nulls)}", expected nulls_first or nulls_last`,
    );
  return word === 'nulls_first';
}

const shown = (text: string): string => text.slice(0, 64);

/**
 * Keys of fields. Empty: key order, which is the order that rows have anyway; what follows the primary key decides nothing.
 * @throws refused for a field that is not there; invalid_parameter for one whose values have no order
 */
export function orderKeys(
  schema: CollectionSchema,
  terms: readonly OrderTerm[],
  readPath: ReadPath,
): OrderKey[] {
  const keys = orderOfFields(schema, terms, readPath);
  const [first] = keys;
  return first?.fieldId === primaryField(schema).fieldID && !first.descending ? [] : keys;
}

/** As `orderKeys`, of rows that have another order of their own. @throws refused, invalid_parameter */
export function orderOfFields(
  schema: CollectionSchema,
  terms: readonly OrderTerm[],
  readPath: ReadPath,
): OrderKey[] {
  const primary = primaryField(schema).fieldID;
  const keys: OrderKey[] = [];
  const seen = new Set<string>();
  let isKeySeen = false;
  for (const { name, descending, nullsFirst } of terms) {
    const { field, path } = placeOf(schema, name, readPath);
    const place = JSON.stringify([String(field.fieldID), ...path]);
    if (seen.has(place)) refuse(`order by field ${shown(name)} comes twice, expected once`);
    seen.add(place);
    if (!isKeySeen) keys.push({ fieldId: field.fieldID, descending, nullsFirst, path: [...path] });
    isKeySeen ||= field.fieldID === primary;
  }
  return keys;
}

/** The value that a name means. */
function placeOf(
  schema: CollectionSchema,
  name: string,
  readPath: ReadPath,
): { readonly field: FieldSchema; readonly path: readonly string[] } {
  const own = fieldByName(schema, name);
  if (own !== undefined && !own.isDynamic) {
    if (orderedTypes.has(own.dataType)) return { field: own, path: [] };
    const path = own.dataType === DataType.JSON ? `; name a path in it, as ${name}["key"]` : '';
    return refuse(`order by field ${name} has unsupported data type ${dataTypeName(own.dataType)}${path}`);
  }
  const base = (name.split('[')[0] ?? '').trim();
  const holder = own ?? fieldByName(schema, base) ?? dynamicField(schema);
  if (holder === undefined || own !== undefined) {
    refuseNotLoaded(schema, base);
    const dynamic = own === undefined ? '' : ' and of the dynamic field one key';
    throw new ElanusError(
      'refused',
      `field ${shown(name)} not exist: order by takes fields of the schema${dynamic}`,
    );
  }
  if (holder.dataType !== DataType.JSON)
    refuse(`order by field ${base} has data type ${dataTypeName(holder.dataType)}, which has no paths`);
  return { field: holder, path: readPath(holder, name) };
}
