// The columns of an Insert or Upsert as one batch, in schema order, checked. What a request leaves out (a default, a null) the batch leaves
// out as well, so that a row that says nothing costs nothing on its way through the log; the segment fills it in.
// The first place that may trust a write's rows is after this function; its texts are those Milvus's test suites look for.
import { fixedWidth, isDenseVector } from '#model/schema/data-type.js';
import { dynamicField } from '#model/schema/schema-view.js';
import { type Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { column } from './column.js';
import { defaultBytes, repeatFixed, repeatVariable } from './column-values.js';
import { emptyMetaColumn, mergeIntoMeta } from './dynamic-merge.js';
import { columnFromField, refuse } from './field-column.js';
import { checkMetaKeys } from './meta-keys.js';
import { checkClaimedRows } from './row-bytes.js';
import { checkStructRows, flattenStructs } from './struct-columns.js';

export interface BatchOptions {
  /** The key column is always sent then: with autoID it names the rows to replace. */
  readonly upsert?: boolean;
  /** Columns may be left out whatever their fields are: what is not sent is not in the batch. The key is always sent. */
  readonly partialUpdate?: boolean;
  /** The collection property `allow_insert_auto_id`. */
  readonly allowInsertAutoId?: boolean;
  /** Time zone of times that are written without an offset: the collection property `timezone`. Default: UTC. */
  readonly zone?: string | undefined;
}

/**
 * Columns of a batch by field, in schema order. Vectors, floats and doubles are views into `fieldsData`. In four steps: match what was sent
 * to fields, check what the rows would take, make the columns that were sent, complete them with those that only `numRows` asks for.
 * The key column is left out when the collection gives its keys itself (see auto-ids.ts) and the client sent none; so is a column that the
 * client left out, or of vectors that are all null. A partition key is always there: it says where the row goes.
 * @throws invalid_parameter, parameter_too_large, unsupported
 */
export function batchFromFields(
  schema: CollectionSchema,
  fieldsData: readonly FieldData[],
  numRows: number,
  options: BatchOptions = {},
): ColumnBatch {
  if (!Number.isSafeInteger(numRows) || numRows <= 0)
    refuse(`num_rows should be greater than 0, but got ${numRows}`);
  const matched = matchFields(schema, flattenStructs(schema, fieldsData, options.partialUpdate));
  checkClaimedRows(schema, matched.known, numRows);
  const sent = sentColumns(schema, matched.known, numRows, options);
  checkStructRows(schema, (id) => sent.find((column) => column?.fieldId === id), numRows);
  const columns = options.partialUpdate
    ? partialColumns(schema, sent, matched.unknown, numRows)
    : completeColumns(schema, sent, matched.unknown, numRows);
  return ColumnBatch.create({ rowCount: numRows, columns });
}

/** What a partial update sent, as rows of their own: keys that have no row yet. @throws invalid_parameter for a field that must be there */
export function completeRows(schema: CollectionSchema, { rowCount, columns }: ColumnBatch): ColumnBatch {
  const sent = schema.fields.map((field) => columns.find(({ fieldId }) => fieldId === field.fieldID));
  for (const [at, field] of schema.fields.entries())
    if (sent[at] === undefined && !field.isFunctionOutput) checkMayBeMissing(field);
  return ColumnBatch.create({ rowCount, columns: completeColumns(schema, sent, [], rowCount) });
}

function partialColumns(
  schema: CollectionSchema,
  sent: SentColumns,
  unknown: readonly FieldData[],
  numRows: number,
): Column[] {
  return schema.fields.flatMap((field, at): Column[] => {
    const column = sent[at];
    if (field.isDynamic && (column !== undefined || unknown.length > 0))
      return [metaColumn(schema, field, column, unknown, numRows)];
    return column === undefined ? [] : [column];
  });
}

interface MatchedFields {
  readonly known: ReadonlyMap<bigint, FieldData>;
  readonly unknown: readonly FieldData[];
}

function matchFields(schema: CollectionSchema, fieldsData: readonly FieldData[]): MatchedFields {
  const byName = new Map(schema.fields.map((field) => [field.name, field]));
  const meta = dynamicField(schema);
  const known = new Map<bigint, FieldData>();
  const unknown: FieldData[] = [];
  const names = new Set<string>();
  for (const sent of fieldsData) {
    const isMeta = meta !== undefined && (sent.isDynamic || sent.fieldName === meta.name);
    const field = isMeta ? meta : byName.get(sent.fieldName);
    const name = field?.name ?? sent.fieldName;
    if (names.has(name)) refuse(`duplicated field data: field ${name} is sent more than once`);
    names.add(name);
    if (field !== undefined) known.set(field.fieldID, sent);
    else if (meta !== undefined && sent.fieldName !== '') unknown.push(sent);
    else
      refuse(
        `field ${sent.fieldName} not exist in collection ${schema.name}; send only columns of its schema, or enable dynamic fields`,
      );
  }
  return { known, unknown };
}

/** By the place of its field in the schema; undefined where none was sent. Whether it may be missing is decided here. */
type SentColumns = readonly (Column | undefined)[];

function sentColumns(
  schema: CollectionSchema,
  known: MatchedFields['known'],
  numRows: number,
  options: BatchOptions,
): SentColumns {
  const zone = options.zone ?? 'UTC';
  const columns: (Column | undefined)[] = [];
  for (const field of schema.fields) {
    const sent = known.get(field.fieldID);
    if (field.isFunctionOutput) {
      if (sent !== undefined)
        refuse(
          `attempt to insert into function output field ${field.name}: the server makes its values; leave it out`,
        );
      columns.push(undefined);
      continue;
    }
    if (field.isPrimaryKey && field.autoID) checkAutoKey(field, sent !== undefined, options);
    else if (sent === undefined && (!options.partialUpdate || field.isPrimaryKey)) checkMayBeMissing(field);
    columns.push(sent === undefined ? undefined : columnFromField(field, sent, numRows, zone));
  }
  return columns;
}

function checkAutoKey(field: FieldSchema, isSent: boolean, options: BatchOptions): void {
  if (options.upsert && !isSent) refuse(`must assign pk when upsert, primary field: ${field.name}`);
  if (!options.upsert && isSent && !options.allowInsertAutoId) {
    refuse(
      `the value for primary field ${field.name} is auto generated (autoID), no input is needed; leave the column out`,
    );
  }
}

function checkMayBeMissing(field: FieldSchema): void {
  if (field.nullable || field.isDynamic || defaultBytes(field) !== undefined) return;
  refuse(`fieldSchema(${field.name}) has no corresponding fieldData pass in`);
}

function completeColumns(
  schema: CollectionSchema,
  sent: SentColumns,
  unknown: readonly FieldData[],
  numRows: number,
): Column[] {
  const columns: Column[] = [];
  for (const [at, field] of schema.fields.entries()) {
    const column = sent[at];
    if (field.isDynamic) columns.push(metaColumn(schema, field, column, unknown, numRows));
    else if (column === undefined) {
      if (field.isPartitionKey) columns.push(filledColumn(field, numRows));
    } else if (!isAllNullVectors(column)) columns.push(column);
  }
  return columns;
}

const isAllNullVectors = ({ dataType, valid }: Column): boolean =>
  isDenseVector(dataType) && valid.length > 0 && !valid.includes(1);

/** The dynamic field's objects, with the columns that the schema does not know as keys of them. */
function metaColumn(
  schema: CollectionSchema,
  field: FieldSchema,
  sent: Column | undefined,
  unknown: readonly FieldData[],
  numRows: number,
): Column {
  const meta = sent ?? emptyMetaColumn(field, numRows);
  const names = unknown.map(({ fieldName }) => fieldName);
  if (sent !== undefined) checkMetaKeys(schema, field, sent, numRows, names);
  return unknown.length === 0 ? meta : mergeIntoMeta(field, meta, unknown, numRows);
}

/** The default, or null, in each row. */
function filledColumn(field: FieldSchema, numRows: number): Column {
  const filler = defaultBytes(field);
  const width = fixedWidth(field.dataType, 0);
  const valid = filler === undefined ? new Uint8Array(numRows) : new Uint8Array(0);
  if (width !== undefined) {
    return column(
      field.fieldID,
      field.dataType,
      repeatFixed(filler ?? new Uint8Array(width), numRows),
      new Uint8Array(0),
      valid,
    );
  }
  const { data, offsets } = repeatVariable(filler ?? new Uint8Array(0), numRows);
  return column(field.fieldID, field.dataType, data, offsets, valid);
}
