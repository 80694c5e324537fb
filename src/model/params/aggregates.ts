// A query that aggregates: `group_by_fields`, and calls such as `sum(price)` among its `output_fields`. What can be grouped and summed follows
// Milvus, with its texts; the names of calls do not care for case, and a result is called what the client wrote.

import { ElanusError } from '#base/errors.js';
import { DataType, groupedTypes, numberTypes } from '#model/schema/data-type.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { isAggregateText, isCountText } from './output-fields.js';
import { refuse } from './request-params.js';

export type AggregateFunction = 'count' | 'sum' | 'min' | 'max' | 'avg';

/** One field of the answer. */
export type AggregateOutput =
  | { readonly kind: 'group'; readonly name: string; readonly field: FieldSchema }
  /** Every row of the group, whatever it holds. */
  | { readonly kind: 'rows'; readonly name: string }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly call: AggregateFunction;
      readonly field: FieldSchema;
    };

export interface AggregateQuery {
  readonly groupBy: readonly FieldSchema[];
  readonly outputs: readonly AggregateOutput[];
}

const sumTypes: ReadonlySet<number> = new Set(numberTypes);
const orderedTypes: ReadonlySet<number> = new Set([
  ...sumTypes,
  DataType.VarChar,
  DataType.Text,
  DataType.Timestamptz,
]);
/** All but vectors, which are not in the columns that queries go over. */
const countedTypes: ReadonlySet<number> = new Set([
  ...orderedTypes,
  DataType.Bool,
  DataType.JSON,
  DataType.Array,
  DataType.Geometry,
]);
const typesOf = {
  count: countedTypes,
  sum: sumTypes,
  avg: sumTypes,
  min: orderedTypes,
  max: orderedTypes,
} as const satisfies Record<AggregateFunction, ReadonlySet<number>>;

/** Undefined: the query asks for rows, or for `count(*)` of all and nothing else. @throws refused, invalid_parameter */
export function aggregateQuery(
  schema: CollectionSchema,
  requested: readonly string[],
  groupNames: readonly string[],
): AggregateQuery | undefined {
  const isCountAlone = requested.length === 1 && requested.every(isCountText);
  if (groupNames.length === 0 && (isCountAlone || !requested.some(isAggregateText))) return undefined;
  const groupBy = groupNames.map((name) => groupField(schema, name));
  if (new Set(groupNames).size < groupNames.length)
    refuse(`group by: a field comes twice in "${groupNames.join(',').slice(0, 200)}", expected once`);
  const outputs = requested.map((name) => outputOf(schema, name.trim(), groupBy));
  return { groupBy, outputs };
}

function groupField(schema: CollectionSchema, name: string): FieldSchema {
  const field = fieldByName(schema, name);
  if (field === undefined) refuseNotLoaded(schema, name);
  if (field === undefined || field.isDynamic) throw unknown(name);
  if (!groupedTypes.has(field.dataType))
    refuse(`group by field ${name} has unsupported data type ${dataTypeName(field.dataType)}`);
  return field;
}

const unknown = (name: string): ElanusError =>
  new ElanusError('refused', `field ${name.slice(0, 200)} not exist`);

const callText = /^(count|min|max|sum|avg)\s*\(\s*(.*?)\s*\)$/i;

function outputOf(schema: CollectionSchema, name: string, groupBy: readonly FieldSchema[]): AggregateOutput {
  if (isCountText(name)) return { kind: 'rows', name };
  const [, word, argument = ''] = callText.exec(name) ?? [];
  if (word === undefined) {
    const field = groupBy.find((one) => one.name === name);
    if (field !== undefined) return { kind: 'group', name, field };
    throw new ElanusError(
      'refused',
      `no indices found for output field: ${name.slice(0, 200)}; a query that aggregates answers the fields it groups by, and count, sum, min, max and avg`,
    );
  }
  const call = word.toLowerCase() as AggregateFunction;
  const field = fieldByName(schema, argument);
  if (field === undefined || field.isDynamic) throw unknown(argument);
  if (!typesOf[call].has(field.dataType))
    throw new ElanusError(
      'refused',
      `aggregation operator ${call} does not support data type ${dataTypeName(field.dataType)}`,
    );
  return { kind: 'call', name, call, field };
}
