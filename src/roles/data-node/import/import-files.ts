// Runs one task of an import job: its files go through the reader of their format into columns, columns into segments, and what comes back
// are the records of segments that no one sees until the data coordinator commits them with those of all other tasks.
import { ElanusError } from '#base/errors.js';
import { groupFiles, type ImportKind } from '#model/imports/import-format.js';
import { csvOptions } from '#model/imports/import-options.js';
import type { Platform } from '#platform/platform.js';
import type { ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { readCsv } from '#segment/imports/csv-reader.js';
import { throwIfAborted } from '#segment/imports/file-errors.js';
import { readJson } from '#segment/imports/json-reader.js';
import { readNumpy } from '#segment/imports/numpy-reader.js';
import { readParquet } from '#segment/imports/parquet/parquet-reader.js';
import {
  type FileGroup,
  type FileReader,
  type ImportCount,
  importLimits,
  type Reading,
} from '#segment/imports/reading.js';
import type { Embedder } from '#text/functions/embedder.js';
import { checkedFormat } from './file-name.js';
import { ImportSegments } from './import-segments.js';

const readers: Readonly<Record<ImportKind, FileReader>> = {
  json: readJson,
  jsonl: readJson,
  csv: readCsv,
  parquet: readParquet,
  numpy: readNumpy,
};

export interface ImportTask {
  readonly embedder: Embedder;
  readonly platform: Platform;
  readonly job: ImportJobRecord;
  /** Which of its tasks; a job of an older version has none, and its files are one. */
  readonly taskIndex: number;
  readonly segmentIds: readonly bigint[];
  readonly allocateIds: (count: number) => Promise<bigint>;
  readonly signal: AbortSignal;
  readonly count?: ImportCount;
  readonly limits?: typeof importLimits;
}

export interface ImportResult {
  readonly segments: SegmentRecord[];
  /** Rows in the segments: of rows with the same key in one segment only the last is there. */
  readonly rowCount: bigint;
  /** Rows that were read, of each group of files. */
  readonly groupRows: bigint[];
}

/**
 * On any failure nothing that was written stays.
 * @throws import_failed naming file, row and field; unsupported; cancelled; memory_limit
 */
export async function importFiles(task: ImportTask): Promise<ImportResult> {
  const { platform, job, segmentIds, allocateIds, signal, limits = importLimits } = task;
  const schema = checkJob(job);
  const groups = groupsOf(job, task.taskIndex);
  const reading: Reading = {
    platform,
    schema,
    zone: zoneOf(schema),
    csv: csvOptions(job.options),
    limits,
    signal,
    count: task.count ?? { bytes: 0, rows: 0 },
  };
  const bytesMax = limits.segmentBytes;
  const segments = new ImportSegments({
    platform,
    job,
    schema,
    segmentIds,
    allocateIds,
    bytesMax,
    signal,
    embedder: task.embedder,
  });
  try {
    const groupRows: bigint[] = [];
    for (const group of groups) groupRows.push(BigInt(await importGroup(group, reading, segments)));
    const records = await segments.finish();
    return {
      segments: records,
      rowCount: records.reduce((sum, record) => sum + record.rowCount, 0n),
      groupRows,
    };
  } catch (error) {
    await segments.discard();
    throw error;
  } finally {
    segments.release();
  }
}

async function importGroup(group: FileGroup, reading: Reading, segments: ImportSegments): Promise<number> {
  let rows = 0;
  for await (const batch of readers[group.format.kind](group, reading)) {
    await segments.append(batch);
    rows += batch.rowCount;
    reading.count.rows += batch.rowCount;
    await reading.platform.timers.yield();
    throwIfAborted(reading.signal);
  }
  return rows;
}

function groupsOf(job: ImportJobRecord, taskIndex: number): FileGroup[] {
  const paths = job.tasks[taskIndex]?.groups.map((group) => group.paths) ?? groupFiles(job.files);
  return paths.map((keys) => {
    const formats = keys.map(checkedFormat);
    const [format] = formats;
    if (format === undefined || (format.kind !== 'numpy' && keys.length > 1))
      throw new ElanusError(
        'import_failed',
        `${keys.length} files are to be read as one set of rows, expected one file, or NumPy files of a column each`,
      );
    return { keys, format };
  });
}

/** Times without an offset are of the zone of the collection, as in inserts. Jobs of older versions do not say it. */
const zoneOf = ({ properties }: CollectionSchema): string | undefined =>
  properties.find(({ key }) => key === 'timezone')?.value;

function checkJob(job: ImportJobRecord): CollectionSchema {
  const { schema, vchannels } = job;
  if (schema !== undefined && vchannels.length > 0) return schema;
  throw new ElanusError(
    'import_failed',
    `import job ${job.id} has ${schema ? 'a' : 'no'} schema and ${vchannels.length} channels, expected a schema and a channel: create the job again`,
  );
}
