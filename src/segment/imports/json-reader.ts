// Rows of a JSON or JSON-lines file: from their text into columns, no row is kept as an object.
import { ElanusError } from '#base/errors.js';
import { type JsonBytes, jsonBytesOf } from '#model/json/json-bytes.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { JsonRowSplitter } from '#model/rows/json-rows.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { atRow } from './file-errors.js';
import { slicesOf } from './open-file.js';
import type { FileGroup, Reading } from './reading.js';

export async function* readJson(
  group: FileGroup,
  reading: Reading,
): AsyncGenerator<ColumnBatch, void, undefined> {
  const { limits } = reading;
  const key = group.keys[0] ?? '';
  const columns = new JsonColumns(reading.schema, reading.zone);
  const splitter = new JsonRowSplitter(group.format.kind === 'json' ? 'json' : 'jsonl');
  let row = 0;
  /** @returns whether there is a batch; false: no row is left in `source` */
  const fill = (source: Iterator<Uint8Array, void, undefined>): boolean => {
    for (;;) {
      // Only these two know a row; a failure to store a batch is no fault of the row that completed it.
      const isEnd = atRow(key, row + 1, () => {
        const next = source.next();
        if (!next.done) columns.addWhole(jsonRow(next.value));
        return next.done === true;
      });
      if (isEnd) return false;
      row++;
      if (columns.rowCount >= limits.batchRows || columns.bytes >= limits.batchBytes) return true;
    }
  };
  const batches = function* (rows: Iterator<Uint8Array, void, undefined>) {
    while (fill(rows)) {
      yield columns.finish();
      columns.reset();
    }
  };
  for await (const slice of slicesOf(group, reading)) yield* batches(splitter.push(slice));
  yield* batches(splitter.finish());
  if (columns.rowCount > 0) yield columns.finish();
}

function jsonRow(bytes: Uint8Array): JsonBytes {
  try {
    return jsonBytesOf(bytes);
  } catch (error) {
    throw new ElanusError('import_failed', 'the text is not valid UTF-8, expected UTF-8: convert the file', {
      cause: error,
    });
  }
}
