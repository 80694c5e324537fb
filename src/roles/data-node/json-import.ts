// Runs an import job over JSON files: objects are read in slices, rows go from their text into columns, columns into segments, and what
// comes back are the records of segments that no one sees until the data coordinator commits them together.
import { ElanusError } from '#base/errors.js';
import { type JsonBytes, jsonBytesOf } from '#model/json/json-bytes.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { JsonRowSplitter, type JsonRowsKind } from '#model/rows/json-rows.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import type { ReadFile } from '#platform/files.js';
import type { Platform } from '#platform/platform.js';
import type { ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { importFileKind } from './import-file-name.js';
import { ImportSegments } from './import-segments.js';

export interface ImportLimits {
  readonly sliceBytes: number;
  /** A batch is handed over when it has as many rows, or as many bytes. */
  readonly batchRows: number;
  readonly batchBytes: number;
  /** Memory of all segments being filled. */
  readonly segmentBytes: number;
  readonly fileBytesMax: number;
}

export const importLimits: ImportLimits = {
  sliceBytes: 4 << 20,
  batchRows: 4096,
  batchBytes: 4 << 20,
  segmentBytes: 512 << 20,
  fileBytesMax: 16 * 1024 ** 3,
};

export interface ImportResult {
  readonly segments: SegmentRecord[];
  /** Rows in the segments: of rows with the same key in one segment only the last is there. */
  readonly rowCount: bigint;
}

/**
 * On any failure nothing that was written stays.
 * @throws import_failed naming file, row and field; unsupported; cancelled; memory_limit
 */
export async function importJsonFiles(
  platform: Platform,
  job: ImportJobRecord,
  segmentIds: readonly bigint[],
  signal: AbortSignal,
  allocateIds: (count: number) => Promise<bigint>,
  limits: ImportLimits = importLimits,
): Promise<ImportResult> {
  const schema = checkJob(job, segmentIds);
  const files = job.files.map((key) => ({ key, kind: importFileKind(key) }));
  const columns = new JsonColumns(schema, zoneOf(schema));
  const segmentBytesMax = Math.ceil(limits.segmentBytes / job.vchannels.length);
  const segments = new ImportSegments({
    platform,
    job,
    schema,
    segmentIds,
    allocateIds,
    segmentBytesMax,
    signal,
  });
  try {
    for (const { key, kind } of files)
      await importFile({ platform, key, kind, columns, segments, signal, limits });
    const records = await segments.finish();
    return { segments: records, rowCount: records.reduce((sum, record) => sum + record.rowCount, 0n) };
  } catch (error) {
    await segments.discard();
    throw error;
  } finally {
    segments.release();
  }
}

/** Times without an offset are of the zone of the collection, as in inserts. Jobs of older versions do not say it. */
const zoneOf = ({ properties }: CollectionSchema): string | undefined =>
  properties.find(({ key }) => key === 'timezone')?.value;

function checkJob(job: ImportJobRecord, segmentIds: readonly bigint[]): CollectionSchema {
  const { schema, vchannels } = job;
  if (schema === undefined || vchannels.length === 0 || segmentIds.length < vchannels.length) {
    throw new ElanusError(
      'import_failed',
      `import job ${job.id} has ${schema ? 'a' : 'no'} schema, ${vchannels.length} channels and ${segmentIds.length} segment ids, expected a schema and one id per channel: create the job again`,
    );
  }
  const partitionKey = partitionKeyField(schema);
  if (partitionKey) {
    throw new ElanusError(
      'unsupported',
      `collection ${schema.name} has the partition key field ${JSON.stringify(partitionKey.name)}, import into such collections is not supported in this version; insert the rows instead`,
    );
  }
  return schema;
}

interface FileImport {
  readonly platform: Platform;
  readonly key: string;
  readonly kind: JsonRowsKind;
  readonly columns: JsonColumns;
  readonly segments: ImportSegments;
  readonly signal: AbortSignal;
  readonly limits: ImportLimits;
}

async function importFile(options: FileImport): Promise<void> {
  const { platform, key } = options;
  const file = await openFile(platform, key);
  try {
    await importRows(file, options);
  } finally {
    await file.close();
  }
}

async function openFile(platform: Platform, key: string): Promise<ReadFile> {
  try {
    const file = await platform.objectStore.openRead(key);
    if (file !== undefined) return file;
  } catch (error) {
    if (!(error instanceof ElanusError) || error.key !== 'invalid_parameter') throw error;
    throw new ElanusError('import_failed', error.message, { cause: error });
  }
  throw fileMissing(key);
}

async function importRows(
  file: ReadFile,
  { platform, key, kind, columns, segments, signal, limits }: FileImport,
): Promise<void> {
  const { size } = file;
  if (size > limits.fileBytesMax) {
    throw new ElanusError(
      'import_failed',
      `file ${JSON.stringify(key)} has ${size} bytes, expected at most ${limits.fileBytesMax}; split it`,
    );
  }
  const splitter = new JsonRowSplitter(kind);
  let row = 0;
  const flush = async (): Promise<void> => {
    if (columns.rowCount > 0) await segments.append(columns.finish());
    columns.reset();
    await platform.timers.yield();
    throwIfAborted(signal);
  };
  const addRows = async (texts: Iterable<Uint8Array>): Promise<void> => {
    const source = texts[Symbol.iterator]();
    for (;;) {
      // Only these two know a row; a failure to store a batch is no fault of the row that completed it.
      const isEnd = atRow(key, row + 1, () => {
        const next = source.next();
        if (!next.done) columns.addWhole(jsonRow(next.value));
        return next.done === true;
      });
      if (isEnd) return;
      row++;
      if (columns.rowCount >= limits.batchRows || columns.bytes >= limits.batchBytes) await flush();
    }
  };
  for (let begin = 0; begin < size; begin += limits.sliceBytes) {
    const end = Math.min(size, begin + limits.sliceBytes);
    const slice = await readSlice(file, key, begin, end);
    await addRows(splitter.push(slice));
    await platform.timers.yield();
    throwIfAborted(signal);
  }
  await addRows(splitter.finish());
  await flush();
}

async function readSlice(file: ReadFile, key: string, begin: number, end: number): Promise<Uint8Array> {
  const slice = await file.read(begin, end);
  if (slice.length === end - begin) return slice;
  throw new ElanusError(
    'import_failed',
    `file ${JSON.stringify(key)} changed while it was read: ${slice.length} bytes at ${begin}, expected ${end - begin}; import it again`,
  );
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

/** Says where in the files an error of `run` is. */
function atRow<T>(key: string, row: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ElanusError) || error.key !== 'import_failed') throw error;
    throw new ElanusError('import_failed', `file ${JSON.stringify(key)} row ${row}: ${error.message}`, {
      cause: error,
    });
  }
}

const fileMissing = (key: string): ElanusError =>
  new ElanusError(
    'import_failed',
    `file ${JSON.stringify(key)} not found in the object store, expected it to be there before the import; upload it`,
  );
function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new ElanusError(
      'cancelled',
      'the import was cancelled, expected it to run to its end; start it again',
    );
}
