// Rows of a CSV file: a line of names, then a cell for each. A cell that is `nullKey` stands for no value where a field may have none.
import { ElanusError } from '#base/errors.js';
import { type CellColumn, CellColumns } from '#model/rows/cell-columns.js';
import { isStringType } from '#model/schema/data-type.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { type CsvCell, CsvSplitter } from './csv-splitter.js';
import { atRow, fileFailed } from './file-errors.js';
import { slicesOf } from './open-file.js';
import type { FileGroup, Reading } from './reading.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export async function* readCsv(
  group: FileGroup,
  reading: Reading,
): AsyncGenerator<ColumnBatch, void, undefined> {
  const { limits, csv } = reading;
  const key = group.keys[0] ?? '';
  const columns = new CellColumns(reading.schema, reading.zone);
  const splitter = new CsvSplitter(csv.separator);
  let fields: readonly CsvField[] | undefined;
  let row = 0;
  let open = 0;
  let bytes = 0;
  const close = (): void => {
    columns.endRows(open, (index, run) => atRow(key, row - open + index + 1, run));
    open = 0;
    bytes = 0;
  };
  const batches = function* (lines: Iterator<readonly CsvCell[], void, undefined>) {
    for (;;) {
      const next = atRow(key, row + 1, () => lines.next());
      if (next.done === true) return;
      if (fields === undefined) {
        fields = header(key, next.value, columns, csv.nullKey);
        continue;
      }
      const cells = next.value;
      atRow(key, row + 1, () => addRow(fields ?? [], cells));
      row++;
      open++;
      for (const cell of cells) bytes += cell.bytes.length;
      if (open < limits.batchRows && bytes < limits.batchBytes) continue;
      close();
      yield columns.finish();
      columns.reset();
    }
  };
  for await (const slice of slicesOf(group, reading)) yield* batches(splitter.push(slice));
  yield* batches(splitter.finish());
  if (fields === undefined)
    throw fileFailed(key, 'is empty, expected a line of column names: write it again');
  close();
  if (columns.rowCount > 0) yield columns.finish();
}

function header(key: string, cells: readonly CsvCell[], columns: CellColumns, nullKey: string): CsvField[] {
  const names = cells.map(({ bytes }) => textOf(bytes));
  return atRow(key, 0, () => columns.open(names)).map((column) => new CsvField(column, nullKey));
}

function addRow(fields: readonly CsvField[], cells: readonly CsvCell[]): void {
  if (cells.length !== fields.length)
    throw new ElanusError(
      'import_failed',
      `the line has ${cells.length} cells, expected ${fields.length} as its first line; correct the file`,
    );
  for (let at = 0; at < cells.length; at++) fields[at]?.add((cells[at] as CsvCell).bytes);
}

class CsvField {
  readonly #column: CellColumn;
  readonly #nullKey: string;
  readonly #mayMiss: boolean;

  constructor(column: CellColumn, nullKey: string) {
    this.#column = column;
    this.#nullKey = nullKey;
    const { field } = column;
    // A text that must be there is the empty one.
    this.#mayMiss =
      field === undefined ||
      field.nullable ||
      field.defaultValue !== undefined ||
      !isStringType(field.dataType);
  }

  add(bytes: Uint8Array): void {
    if (this.#column.addTextBytes(bytes)) return;
    const text = textOf(bytes);
    if (text === this.#nullKey && this.#mayMiss) this.#column.add(null);
    else this.#column.addText(text);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new ElanusError('import_failed', 'the text is not valid UTF-8, expected UTF-8: convert the file', {
      cause: error,
    });
  }
}
