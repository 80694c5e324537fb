// Rows of an answer: the columns of a query or a search to one JSON object a row, written as text at once.
import { forEachElement, forEachMember } from '#model/json/json-members.js';
import type { FieldData } from '#proto/milvus/schema.js';
import { type Cells, scalarCells, vectorCells } from './cells.js';

export interface RowColumn {
  /** The members that a row has from this column, `"name":value`; empty where it has none. */
  membersAt(row: number): string;
}

export interface OutOptions {
  readonly int64AsText: boolean;
  /** What was asked for: of the dynamic keys only these are written, unless `*` or `$meta` is among them. */
  readonly outputFields: readonly string[];
}

const member = (name: string, value: string): string => `${JSON.stringify(name)}:${value}`;

/**
 * A row is one object in this answer. A field that was added later hides a dynamic key of its name in older rows, here as in filters: what
 * is written last counts with most readers of JSON, so the key is left out.
 */
export function rowColumns(fields: readonly FieldData[], options: OutOptions): readonly RowColumn[] {
  const taken = new Set(fields.filter(({ isDynamic }) => !isDynamic).map(({ fieldName }) => fieldName));
  return fields.map((field) => rowColumn(field, options, taken));
}

function rowColumn(field: FieldData, options: OutOptions, taken: ReadonlySet<string>): RowColumn {
  if (field.isDynamic) return dynamicColumn(field, options, taken);
  const values = valuesOf(field, options.int64AsText);
  const key = `${JSON.stringify(field.fieldName)}:`;
  return { membersAt: (row) => key + values(row) };
}

/** Text of the value of each row; nulls may have a place in the data, or none. */
function valuesOf(field: FieldData, asText: boolean): (row: number) => string {
  if (field.field?.$case === 'structArrays')
    return structValues(field.field.value.fields, field.field.value.fields[0]?.validData ?? [], asText);
  const cells = cellsOf(field, asText);
  const { validData } = field;
  if (validData.length === 0) return (row) => cells.at(row);
  const places = new Int32Array(validData.length);
  let present = 0;
  for (const [row, isValid] of validData.entries()) places[row] = isValid ? present++ : -1;
  const isDense = cells.count === validData.length;
  return (row) => {
    const place = places[row] ?? -1;
    return place < 0 ? 'null' : cells.at(isDense ? row : place);
  };
}

function cellsOf({ field }: FieldData, asText: boolean): Cells {
  if (field?.$case === 'scalars') return scalarCells(field.value, asText);
  if (field?.$case === 'vectors') return vectorCells(field.value);
  return { count: 0, at: () => 'null' };
}

/** A struct array: the lists of its sub-fields become one list of objects. */
function structValues(
  fields: readonly FieldData[],
  validData: readonly boolean[],
  asText: boolean,
): (row: number) => string {
  const columns = fields.map((field) => ({ name: field.fieldName, textAt: valuesOf(field, asText) }));
  return (row) => {
    if (validData[row] === false) return 'null';
    const structs: string[][] = [];
    for (const { name, textAt } of columns) {
      const text = textAt(row);
      if (text === 'null') return 'null';
      let index = 0;
      forEachElement(text, (raw) => {
        const own = structs[index] ?? [];
        structs[index++] = own;
        own.push(member(name, raw));
      });
    }
    return `[${structs.map((own) => `{${own.join(',')}}`).join(',')}]`;
  };
}

const utf8 = new TextDecoder();

/** @param taken names of the other columns */
function dynamicColumn(
  field: FieldData,
  { outputFields }: OutOptions,
  taken: ReadonlySet<string>,
): RowColumn {
  const wanted = new Set(outputFields);
  const isAll = wanted.has('*') || wanted.has(field.fieldName) || wanted.has('$meta');
  const scalars = field.field?.$case === 'scalars' ? field.field.value.data : undefined;
  const rows = scalars?.$case === 'jsonData' ? scalars.value.data : [];
  return {
    membersAt: (row) => {
      const text = utf8.decode(rows[row]);
      const members: string[] = [];
      if (text.trim() !== '')
        forEachMember(text, (key, raw) => {
          if ((isAll || wanted.has(key)) && !taken.has(key)) members.push(member(key, raw));
        });
      return members.join(',');
    },
  };
}

/** @param first members that the row begins with */
export function rowText(columns: readonly RowColumn[], row: number, first = ''): string {
  let members = first;
  for (const column of columns) {
    const text = column.membersAt(row);
    if (text !== '') members += members === '' ? text : `,${text}`;
  }
  return `{${members}}`;
}

export function rowCountOf(field: FieldData | undefined): number {
  if (field === undefined) return 0;
  if (field.validData.length > 0) return field.validData.length;
  if (field.field?.$case === 'structArrays') return rowCountOf(field.field.value.fields[0]);
  return cellsOf(field, false).count;
}
