// Batches of a write: rows, or columns, to the fields of a request with one number of rows.
import { ClientError } from '#client/errors.js';
import type { AnyDeclaration } from '#client/schema/collection.js';
import { dataTypes } from '#client/schema/field-spec.js';
import type { FieldData } from '#proto/milvus/schema.js';
import { type ColumnValues, sentColumn } from './columns-in.js';
import { jsonBytes } from './exact-json.js';

export interface SentBatch {
  readonly fieldsData: readonly FieldData[];
  readonly numRows: number;
}

/** What a write sends of each row. */
export interface BatchRules {
  /** A key that the server gives is not sent. */
  readonly withoutAutoKey: boolean;
  /** What all rows leave out is not sent and stays as it is. */
  readonly isPartial: boolean;
}

type AnyRow = Readonly<Record<string, unknown>>;

/** @throws InvalidRequestError for a name or value that does not fit */
export function batchOfRows(
  declaration: AnyDeclaration,
  rows: readonly AnyRow[],
  rules: BatchRules,
): SentBatch {
  checkRows(rows);
  checkNotEmpty(declaration, rows.length);
  const fieldsData: FieldData[] = [];
  for (const [name, { spec }] of Object.entries(declaration.fields)) {
    if (spec.isAutoId === true && rules.withoutAutoKey) continue;
    const values = rows.map((row) => row[name]);
    if (spec.wordsOf !== undefined) {
      if (values.some((value) => value !== undefined)) throw madeByServer(name, spec.wordsOf);
      continue;
    }
    const missing = values.filter((value) => value === undefined).length;
    if (missing === rows.length && (rules.isPartial || spec.isNullable || spec.defaultValue !== undefined))
      continue;
    if (rules.isPartial && missing > 0)
      throw ClientError.ofInput(
        `field "${name}" is in ${rows.length - missing} of ${rows.length} rows of an update, expected it in all or none; update the others in a call of their own`,
      );
    fieldsData.push(sentColumn(name, spec, values).field);
  }
  const dynamic = dynamicField(declaration, rows, rules);
  return { fieldsData: dynamic === undefined ? fieldsData : [...fieldsData, dynamic], numRows: rows.length };
}

/** Programs without types may give anything. */
function checkRows(rows: unknown): void {
  const isRecord = (row: unknown): boolean => typeof row === 'object' && row !== null && !Array.isArray(row);
  if (!Array.isArray(rows))
    throw ClientError.ofInput(`rows are ${shownKind(rows)}, expected a list of objects`);
  // Holes of the list count as well.
  const at = rows.findIndex((row) => !isRecord(row));
  if (at >= 0) throw ClientError.ofInput(`row ${at} is ${shownKind(rows[at])}, expected an object`);
}

const shownKind = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;

function checkNotEmpty({ name }: AnyDeclaration, count: number): void {
  if (count === 0) throw ClientError.ofInput(`no rows are written to ${name}, expected at least one`);
}

/** Keys of rows that are no fields, as one JSON object a row. */
function dynamicField(
  { name, fields, settings }: AnyDeclaration,
  rows: readonly AnyRow[],
  rules: BatchRules,
): FieldData | undefined {
  const isField = (key: string): boolean => Object.hasOwn(fields, key);
  let isAny = false;
  const objects = rows.map((row, at) => {
    const keys = Object.keys(row).filter((key) => !isField(key) && row[key] !== undefined);
    if (keys.length === 0) return {};
    if (settings.dynamic !== true)
      throw ClientError.ofInput(
        `row ${at} has "${keys[0]}", which is no field of ${name}; declare it, or the collection with dynamic: true`,
      );
    isAny = true;
    return Object.fromEntries(keys.map((key) => [key, row[key]]));
  });
  const autoKey = Object.entries(fields).find(([, { spec }]) => spec.isAutoId === true)?.[0];
  if (autoKey !== undefined && rules.withoutAutoKey && rows.some((row) => row[autoKey] !== undefined))
    throw ClientError.ofInput(`rows have "${autoKey}", which the server gives; leave it out, or use upsert`);
  if (!isAny) return undefined;
  const data = objects.map((object, at) => jsonBytes(object, `row ${at}`));
  return {
    fieldName: '$meta',
    type: dataTypes.JSON,
    isDynamic: true,
    fieldId: 0n,
    validData: [],
    field: { $case: 'scalars', value: { data: { $case: 'jsonData', value: { data } } } },
  };
}

/** @throws InvalidRequestError for a name or value that does not fit, and columns of several lengths */
export function batchOfColumns(
  declaration: AnyDeclaration,
  columns: Readonly<Record<string, ColumnValues | undefined>>,
): SentBatch {
  let numRows = -1;
  let first = '';
  const fieldsData: FieldData[] = [];
  for (const [name, values] of Object.entries(columns)) {
    if (values === undefined) continue;
    const spec = Object.hasOwn(declaration.fields, name) ? declaration.fields[name]?.spec : undefined;
    if (spec === undefined)
      throw ClientError.ofInput(`column "${name}" is no field of ${declaration.name}; name its fields`);
    if (spec.wordsOf !== undefined) throw madeByServer(name, spec.wordsOf);
    const { field, rowCount } = sentColumn(name, spec, values);
    if (numRows >= 0 && rowCount !== numRows)
      throw ClientError.ofInput(
        `column "${name}" has ${rowCount} rows and "${first}" has ${numRows}; send as many of each`,
      );
    if (numRows < 0) [numRows, first] = [rowCount, name];
    fieldsData.push(field);
  }
  checkNotEmpty(declaration, Math.max(0, numRows));
  return { fieldsData, numRows };
}

const madeByServer = (name: string, input: string): ClientError =>
  ClientError.ofInput(`field "${name}" has a value, which the server makes of "${input}"; leave it out`);
