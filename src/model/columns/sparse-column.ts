// Sparse vectors between the public messages and columns: rows of a write in, rows of an answer out, the queries of a search.
// A column keeps the wire's bytes row after row with offsets, so nothing is converted on the way.
import { ElanusError } from '#base/errors.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldData, FieldSchema, SparseFloatArray, VectorField } from '#proto/milvus/schema.js';
import { bytesAt, column } from './column.js';
import { VariableWriter } from './column-values.js';
import { sparseDim, sparseProblem } from './sparse-vector.js';

const EMPTY = new Uint8Array(0);
const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/** @param valid one byte a row, 0 for null; null rows may be left out of the contents. @throws invalid_parameter */
export function sparseColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const slot = sent.field?.$case === 'vectors' ? sent.field.value.data : undefined;
  if (slot !== undefined && slot.$case !== 'sparseFloatVector') {
    return refuse(`the data of field(${field.name}) is of another type, expected SparseFloatVector values`);
  }
  const rows = slot?.value.contents ?? [];
  const present = valid === undefined ? numRows : valid.reduce((sum, flag) => sum + flag, 0);
  if (rows.length !== numRows && rows.length !== present) {
    return refuse(
      `the num_rows (${rows.length}) of field (${field.name}) is not equal to passed num_rows (${numRows})`,
    );
  }
  const isDense = rows.length === numRows;
  const writer = new VariableWriter(
    numRows,
    rows.reduce((sum, row) => sum + row.length, 0),
  );
  let next = 0;
  for (let row = 0; row < numRows; row++) {
    if (valid?.[row] === 0) {
      writer.addBytes(EMPTY);
      continue;
    }
    const bytes = rows[isDense ? row : next++] ?? EMPTY;
    const problem = sparseProblem(bytes);
    if (problem !== undefined)
      refuse(`${problem}, field ${field.name}, row number: ${row}; send pairs of ascending index and value`);
    writer.addBytes(bytes);
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets, valid ?? EMPTY);
}

/** The vectors of an answer; rows that are null are left out, as clients expect of vectors. */
export function sparseFieldOf(from: Column, rowCount: number): VectorField {
  const contents: Uint8Array[] = [];
  let dim = 0;
  for (let row = 0; row < rowCount; row++) {
    if (from.valid.length > 0 && from.valid[row] === 0) continue;
    const bytes = bytesAt(from, row);
    dim = Math.max(dim, sparseDim(bytes));
    contents.push(bytes);
  }
  const value: SparseFloatArray = { contents, dim: BigInt(dim) };
  return { dim: BigInt(dim), data: { $case: 'sparseFloatVector', value } };
}

/** Query vectors as one block of bytes: a uint32 count of pairs before each query's pairs. @throws invalid_parameter */
export function packSparseQueries(values: readonly Uint8Array[], field: FieldSchema): Uint8Array {
  const block = new Uint8Array(values.reduce((sum, value) => sum + 4 + value.length, 0));
  const view = new DataView(block.buffer);
  let at = 0;
  for (const [query, value] of values.entries()) {
    const problem = sparseProblem(value);
    if (problem !== undefined)
      refuse(`${problem}, query ${query} of field ${field.name}; send pairs of ascending index and value`);
    view.setUint32(at, value.length / 8, true);
    block.set(value, at + 4);
    at += 4 + value.length;
  }
  return block;
}
