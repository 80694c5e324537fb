// The bytes of a log record. The generated codec moves all that a message holds once a level, as the length before it becomes longer, grows
// its buffer by doubling it, and cuts it to size in the end: a record of a megabyte is copied six times. Here a large record is the list of its
// parts, columns as they are and what stands between them, and nothing is copied. The bytes are the same.
import type { LogPayload } from '#platform/log.js';
import { Column, ColumnBatch, LogRecord, SegmentRows, Write } from '#proto/elanus/data.js';

/** Records with fewer bytes of columns cost less by the codec. */
const LARGE_BYTES = 4096;
const NOTHING = new Uint8Array(0);

/** Fields of the messages, as their tags: number and wire type. */
const tags = {
  write: 26,
  deletedKeys: 10,
  inserts: 18,
  rows: 26,
  columns: 18,
  data: 26,
  offsets: 34,
  valid: 42,
} as const;

const empty: LogRecord = {
  vchannel: '',
  timestamp: 0n,
  write: undefined,
  seal: undefined,
  dropPartition: undefined,
  writeId: undefined,
};

export function encodeLogRecord(record: LogRecord): LogPayload {
  const { write } = record;
  if (write === undefined || columnBytesOf(write) < LARGE_BYTES) return LogRecord.encode(record).finish();
  const parts = new Parts();
  const { vchannel, timestamp, ...rest } = record;
  parts.add(LogRecord.encode({ ...empty, vchannel, timestamp }).finish());
  parts.addMessage(tags.write, writeParts(write));
  parts.add(LogRecord.encode({ ...empty, ...rest, write: undefined }).finish());
  return parts.list;
}

/** What follows one another. */
class Parts {
  readonly list: Uint8Array[] = [];
  #bytes = 0;

  add(part: Uint8Array): void {
    if (part.length === 0) return;
    this.list.push(part);
    this.#bytes += part.length;
  }

  addBytes(tag: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.add(headOf(tag, bytes.length));
    this.add(bytes);
  }

  addMessage(tag: number, parts: Parts): void {
    this.add(headOf(tag, parts.#bytes));
    for (const part of parts.list) this.add(part);
  }
}

/** A tag below 128, and a length. */
function headOf(tag: number, length: number): Uint8Array {
  const head = [tag];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) head.push((rest % 0x80) | 0x80);
  head.push(rest);
  return Uint8Array.from(head);
}

function writeParts({ deletedKeys, inserts, deletedPartitionId }: Write): Parts {
  const parts = new Parts();
  if (deletedKeys !== undefined) parts.addMessage(tags.deletedKeys, columnParts(deletedKeys));
  for (const insert of inserts) parts.addMessage(tags.inserts, insertParts(insert));
  parts.add(Write.encode({ deletedKeys: undefined, inserts: [], deletedPartitionId }).finish());
  return parts;
}

function insertParts({ partitionId, segmentId, rows }: SegmentRows): Parts {
  const parts = new Parts();
  parts.add(SegmentRows.encode({ partitionId, segmentId, rows: undefined }).finish());
  if (rows === undefined) return parts;
  const batch = new Parts();
  batch.add(ColumnBatch.encode({ rowCount: rows.rowCount, columns: [] }).finish());
  for (const column of rows.columns) batch.addMessage(tags.columns, columnParts(column));
  parts.addMessage(tags.rows, batch);
  return parts;
}

function columnParts({ fieldId, dataType, data, offsets, valid, packed }: Column): Parts {
  const parts = new Parts();
  parts.add(Column.encode({ ...noBytes, fieldId, dataType }).finish());
  parts.addBytes(tags.data, data);
  parts.addBytes(tags.offsets, offsets);
  parts.addBytes(tags.valid, valid);
  if (packed !== undefined) parts.add(Column.encode({ ...noBytes, packed }).finish());
  return parts;
}

const noBytes: Column = { fieldId: 0n, dataType: 0, data: NOTHING, offsets: NOTHING, valid: NOTHING };

function columnBytesOf({ deletedKeys, inserts }: Write): number {
  const bytesOf = ({ data, offsets, valid }: Column): number => data.length + offsets.length + valid.length;
  let bytes = deletedKeys === undefined ? 0 : bytesOf(deletedKeys);
  for (const { rows } of inserts) for (const column of rows?.columns ?? []) bytes += bytesOf(column);
  return bytes;
}
