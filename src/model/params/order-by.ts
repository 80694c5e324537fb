// `order_by_fields` of a query: `price:desc,name`, each field with its direction and, ours, where nulls go. As in Milvus, nulls are where a value
// above all others would: last in ascending order, first in descending.

import { ElanusError } from '#base/errors.js';
import { DataType, plainTypes } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { refuse } from './request-params.js';

/** More than any schema has fields. */
const KEYS_MAX = 64;

const orderedTypes: ReadonlySet<number> = new Set([...plainTypes, DataType.Text, DataType.Timestamptz]);

/** One part of the text, whatever its name means. */
export interface OrderTerm {
  readonly name: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** @throws invalid_parameter for what is no list of names with directions */
export function parseOrderTerms(text: string): OrderTerm[] {
  const parts = text.split(',');
  if (parts.length > KEYS_MAX) refuse(`order by: ${parts.length} fields, expected at most ${KEYS_MAX}`);
  return parts.map((part) => {
    const [name = '', direction = 'asc', nulls, ...more] = part.split(':').map((word) => word.trim());
    const descending = direction.toLowerCase() === 'desc';
    if (name === '') refuse(`order by: a field name is empty in "${shown(text)}"`);
    if (!descending && direction.toLowerCase() !== 'asc')
      refuse(`order by field ${name} has an invalid direction "${shown(direction)}", expected asc or desc`);
    return { name, descending, nullsFirst: nullsFirstOf(name, [nulls, ...more], descending) };
  });
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
export function orderKeys(schema: CollectionSchema, terms: readonly OrderTerm[]): OrderKey[] {
  const keys = orderOfFields(schema, terms);
  const [first] = keys;
  return first?.fieldId === primaryField(schema).fieldID && !first.descending ? [] : keys;
}

/** As `orderKeys`, of rows that have another order of their own. @throws refused, invalid_parameter */
export function orderOfFields(schema: CollectionSchema, terms: readonly OrderTerm[]): OrderKey[] {
  const primary = primaryField(schema).fieldID;
  const keys: OrderKey[] = [];
  const seen = new Set<bigint>();
  for (const { name, descending, nullsFirst } of terms) {
    const field = fieldByName(schema, name);
    if (field === undefined) refuseNotLoaded(schema, name);
    if (field === undefined || field.isDynamic)
      throw new ElanusError('refused', `field ${shown(name)} not exist: order by takes fields of the schema`);
    if (!orderedTypes.has(field.dataType))
      refuse(`order by field ${name} has unsupported data type ${dataTypeName(field.dataType)}`);
    if (seen.has(field.fieldID)) refuse(`order by field ${name} comes twice, expected once`);
    seen.add(field.fieldID);
    if (!seen.has(primary) || field.fieldID === primary)
      keys.push({ fieldId: field.fieldID, descending, nullsFirst });
  }
  return keys;
}
