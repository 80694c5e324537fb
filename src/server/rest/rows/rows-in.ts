// Rows of a REST insert or upsert: JSON objects as text, to the columns of the messages that all clients send. Values go from the text into the
// columns, one row after the other, so int64 stays exact and no row is an object; what rows would take that say little is bounded as well.
import { ElanusError } from '#base/errors.js';
import { fieldsFromBatch } from '#model/columns/field-data-out.js';
import { type JsonBytes, spaceEnd, valueEnd, walkElements } from '#model/json/json-bytes.js';
import { forEachElement, forEachMember } from '#model/json/json-members.js';
import { isNamespaceField } from '#model/properties/namespaces.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { ownNames, structArrays } from '#model/schema/struct-arrays.js';
import { CollectionSchema, type FieldData, type FieldSchema } from '#proto/milvus/schema.js';
import { RawJson } from '#server/rest/raw-json.js';
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
 * @param data a list of objects, or one object
 * @throws RestFailure bad_rows
 */
export function readRows(schema: CollectionSchema, data: RawJson, options: RowsOptions): ReadRows {
  try {
    const first = firstRow(data);
    if (first === undefined) return wrong('data has no rows, send at least one');
    const filled = options.isPartial ? partialSchema(schema, data, first) : schema;
    const given = withoutMadeFields(filled, first, options);
    const columns = new JsonColumns(given, options.zone);
    const max = options.columnBytesMax ?? COLUMN_BYTES_MAX;
    eachRow(data, (begin, at) => addRow(columns, data.source, { begin, at, max }));
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

/** @param visit gets the place and the number of a row, and says where the row ends */
function eachRow({ source, begin, end }: RawJson, visit: (begin: number, at: number) => number): void {
  const { bytes } = source;
  let at = 0;
  const isList = bytes[begin] === 0x5b;
  const behind = isList ? walkElements(bytes, begin, (row) => visit(row, at++)) : visit(begin, at);
  if (behind < 0) {
    // The reader of text says what is wrong.
    forEachElement(source.text(begin, end), () => {});
    wrong('data is no list of rows');
  }
  expectEnd(behind, { source, end });
}

function expectEnd(behind: number, { source, end }: Pick<RawJson, 'source' | 'end'>): void {
  if (spaceEnd(source.bytes, behind) < end)
    wrong(`data goes on behind its rows, at ${source.text(behind, end).slice(0, 24)}`);
}

/** Undefined: there are no rows. */
function firstRow({ source, begin, end }: RawJson): RawJson | undefined {
  const isList = source.bytes[begin] === 0x5b;
  const row = isList ? spaceEnd(source.bytes, begin + 1) : begin;
  if (isList && source.bytes[row] === 0x5d) return undefined;
  const rowEnd = valueEnd(source.bytes, row);
  return new RawJson(source, row, rowEnd < 0 ? end : rowEnd);
}

function addRow(
  columns: JsonColumns,
  source: JsonBytes,
  row: { readonly begin: number; readonly at: number; readonly max: number },
): number {
  const end = ofRow(row.at, () => columns.add(source, row.begin));
  if (columns.bytes > row.max)
    wrong(`the rows take more than ${row.max} bytes as columns; send fewer at once`);
  return end;
}

function ofRow<T>(at: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ElanusError) throw new ElanusError(error.key, `row ${at}: ${error.message}`);
    throw error;
  }
}

function keysOf(row: string): Set<string> {
  const keys = new Set<string>();
  forEachMember(row, (key) => void keys.add(key));
  return keys;
}

/**
 * What the collection makes itself is no field of its rows: outputs of functions, keys unless the rows have them, and the namespace that the
 * request says.
 */
function withoutMadeFields(
  schema: CollectionSchema,
  first: RawJson,
  { withKeys }: RowsOptions,
): CollectionSchema {
  const made = new Set(schema.functions.flatMap(({ outputFieldNames }) => outputFieldNames));
  const fields = schema.fields.filter(
    (field) => !made.has(field.name) && !field.isFunctionOutput && !isNamespaceField(field),
  );
  const key = fields.find(isMadeKey);
  const hasKey = key !== undefined && withKeys && keysOf(first.text).has(key.name);
  return CollectionSchema.create({
    ...schema,
    fields: hasKey ? fields.map((field) => (field === key ? { ...field, autoID: false } : field)) : fields,
  });
}

/** The fields that the rows have. One request changes the same fields of all its rows: otherwise nothing would say what the others keep. */
function partialSchema(schema: CollectionSchema, data: RawJson, first: RawJson): CollectionSchema {
  const names = new Set(ownNames(schema));
  const sent = [...keysOf(first.text)].filter((key) => names.has(key)).sort();
  eachRow(data, (begin, at) => {
    const end = valueEnd(data.source.bytes, begin);
    const row = data.source.text(begin, end < 0 ? data.end : end);
    const own = [...ofRow(at, () => keysOf(row))].filter((key) => names.has(key)).sort();
    if (own.join('\n') !== sent.join('\n'))
      wrong(
        `row ${at}: has the fields ${own.join(', ')}, the first row ${sent.join(', ')}; a partial update has the same fields in all rows`,
      );
    return end;
  });
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
