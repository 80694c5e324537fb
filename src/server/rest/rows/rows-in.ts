// Rows of a REST insert or upsert: JSON objects as text, to the columns of the messages that all clients send. Values go from the text into the
// columns, one row after the other, so int64 stays exact and no row is an object; what rows would take that say little is bounded as well.
import { ElanusError } from '#base/errors.js';
import { fieldsFromBatch } from '#model/columns/field-data-out.js';
import { forEachElement, forEachMember } from '#model/json/json-members.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { ownNames, structArrays } from '#model/schema/struct-arrays.js';
import { CollectionSchema, type FieldData, type FieldSchema } from '#proto/milvus/schema.js';
import { RestFailure, restCodes } from '#server/rest/rest-failure.js';

export interface ReadRows {
  readonly fieldsData: FieldData[];
  readonly numRows: number;
}

export interface RowsOptions {
  /** Rows have their key, whoever makes keys otherwise. */
  readonly withKeys: boolean;
  /** Fields that the first row leaves out are left out of all. */
  readonly isPartial: boolean;
  /** Time zone of times that are written without an offset. Default: UTC. */
  readonly zone?: string | undefined;
  /** What the columns may take: a row of few bytes can stand for many of defaults and nulls. */
  readonly columnBytesMax?: number;
}

const COLUMN_BYTES_MAX = 256 * 2 ** 20;

/**
 * @param text a list of objects, or one object
 * @throws RestFailure bad_rows
 */
export function readRows(schema: CollectionSchema, text: string, options: RowsOptions): ReadRows {
  try {
    const rows = rowTexts(text);
    const [first] = rows;
    if (first === undefined) return wrong('data has no rows, send at least one');
    const filled = options.isPartial ? partialSchema(schema, rows, first) : schema;
    const given = withoutMadeFields(filled, first, options);
    const columns = new JsonColumns(given, options.zone);
    for (const [at, row] of rows.entries())
      addRow(columns, row, at, options.columnBytesMax ?? COLUMN_BYTES_MAX);
    const batch = columns.finish();
    const ids = given.fields.filter((field) => !isMadeKey(field)).map(({ fieldID }) => fieldID);
    return { fieldsData: fieldsFromBatch(given, batch, ids), numRows: batch.rowCount };
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'import_failed') return wrong(error.message);
    throw error;
  }
}

const isMadeKey = ({ isPrimaryKey, autoID }: FieldSchema): boolean => isPrimaryKey && autoID;

function wrong(text: string): never {
  throw new RestFailure(
    restCodes.bad_rows,
    `fail to deal the insert data, error: ${text.replaceAll('correct the file', 'correct the value')}`,
  );
}

function rowTexts(text: string): string[] {
  const rows: string[] = [];
  if (!forEachElement(text, (raw) => void rows.push(raw))) rows.push(text);
  return rows;
}

function addRow(columns: JsonColumns, row: string, at: number, bytesMax: number): void {
  try {
    columns.add(row);
  } catch (error) {
    if (error instanceof ElanusError) throw new ElanusError(error.key, `row ${at}: ${error.message}`);
    throw error;
  }
  if (columns.bytes > bytesMax)
    wrong(`the rows take more than ${bytesMax} bytes as columns; send fewer at once`);
}

function keysOf(row: string): Set<string> {
  const keys = new Set<string>();
  forEachMember(row, (key) => void keys.add(key));
  return keys;
}

/** What the collection makes itself is no field of its rows: outputs of functions, and keys unless the rows have them. */
function withoutMadeFields(
  schema: CollectionSchema,
  first: string,
  { withKeys }: RowsOptions,
): CollectionSchema {
  const made = new Set(schema.functions.flatMap(({ outputFieldNames }) => outputFieldNames));
  const fields = schema.fields.filter((field) => !made.has(field.name) && !field.isFunctionOutput);
  const key = fields.find(isMadeKey);
  const hasKey = key !== undefined && withKeys && keysOf(first).has(key.name);
  return CollectionSchema.create({
    ...schema,
    fields: hasKey ? fields.map((field) => (field === key ? { ...field, autoID: false } : field)) : fields,
  });
}

/** The fields that the rows have. One request changes the same fields of all its rows: otherwise nothing would say what the others keep. */
function partialSchema(schema: CollectionSchema, rows: readonly string[], first: string): CollectionSchema {
  const names = new Set(ownNames(schema));
  const sent = [...keysOf(first)].filter((key) => names.has(key)).sort();
  for (const [at, row] of rows.entries()) {
    const own = [...keysOf(row)].filter((key) => names.has(key)).sort();
    if (own.join('\n') !== sent.join('\n'))
      wrong(
        `row ${at}: has the fields ${own.join(', ')}, the first row ${sent.join(', ')}; a partial update has the same fields in all rows`,
      );
  }
  const kept = new Set(sent);
  const columns = structArrays(schema).flatMap(({ struct, columns }) =>
    kept.has(struct.name) ? columns : [],
  );
  const ids = new Set(columns.map(({ fieldID }) => fieldID));
  return CollectionSchema.create({
    ...schema,
    fields: schema.fields.filter(
      (field) => kept.has(field.name) || ids.has(field.fieldID) || field.isDynamic || field.isPrimaryKey,
    ),
    structArrayFields: schema.structArrayFields.filter(({ name }) => kept.has(name)),
  });
}
