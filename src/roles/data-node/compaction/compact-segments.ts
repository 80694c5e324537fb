// Writes the rows of some segments that are not deleted into new ones, and the deletes of level zero into the segment that they hit. What it
// writes nobody names until data-coord commits it. At a time the keys and times of all sources are in memory, and
// the columns of one file of each source.
import { must } from '#base/assert.js';
import { messageOf } from '#base/errors.js';
import { orderColumn } from '#model/columns/value-order.js';
import { isInFiles, lackedOutputs, schemaOfRows } from '#model/functions/late-outputs.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import { type ColumnBatch, type FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CompactSegmentsRequest, SpreadDeletesRequest } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { writeDeletes } from '#segment/files/delta-log.js';
import { throwIfAborted } from '#segment/files/insert-log.js';
import { manifestKey, writeManifest } from '#segment/files/manifest.js';
import { fieldGroups, readFields, writeFields } from '#segment/files/segment-columns.js';
import type { Embedder } from '#text/functions/embedder.js';
import { KeyDeletes, readTimedRows, type Survivors, survivorsOf, type TimedRows } from './deleted-rows.js';
import { madeOutput } from './made-output.js';
import { OutputColumns, withTimes } from './output-columns.js';
import { type OutputRows, outputRows, sortedPlaces } from './output-rows.js';
import { readOwnExpiries } from './own-expiries.js';
import { type RefusedRow, rowsRefused, splitOutput } from './refused-rows.js';

export interface CompactionParts {
  readonly platform: Platform;
  readonly allocateIds: (count: number) => Promise<bigint>;
  readonly signal: AbortSignal;
  /** Makes what functions make that ask a model. */
  readonly embedder: Embedder;
}

export type Compaction = Omit<CompactSegmentsRequest, 'schema'> & { readonly schema: CollectionSchema };

interface ReadSource {
  readonly record: SegmentRecord;
  readonly timed: TimedRows;
  readonly left: Survivors;
}

export interface Compacted {
  readonly segments: readonly SegmentRecord[];
  /** No row is deleted, and there is nothing to put together: nothing was written. */
  readonly unchanged: boolean;
  /** Reads at an earlier time need the sources. */
  readonly readableFrom: bigint;
}

/** @throws data_corrupt, object_not_found, cancelled; rows_refused when no row is better off; then nothing that it wrote is left */
export async function compactSegments(parts: CompactionParts, asked: Compaction): Promise<Compacted> {
  const sources = await readSources(parts, asked);
  const isKept = ({ left, timed }: ReadSource): boolean => left.rows.length === timed.times.length;
  const isWhole = (source: ReadSource): boolean =>
    isKept(source) && lackedOutputs(asked.schema, isInFiles(source.record.files)).length === 0;
  if (sources.length === 1 && asked.sortFieldId === 0n && sources.every(isWhole))
    return { segments: [], unchanged: true, readableFrom: 0n };
  const outputs = await outputsOf(parts.platform, asked, sources);
  // A source may have lost rows before.
  const readableFrom = sources
    .flatMap(({ left, record }) => [left.readableFrom, record.readableFrom])
    .reduce((newest, one) => (one > newest ? one : newest), 0n);
  if (outputs.length === 0) return { segments: [], unchanged: false, readableFrom };
  const begun: SegmentRecord[] = [];
  const segments: SegmentRecord[] = [];
  try {
    const firstId = await parts.allocateIds(outputs.length * 2);
    const write = async (output: OutputRows, id: bigint, late: LateColumns, schema: CollectionSchema) => {
      if (output.rows.length === 0) return;
      const record = { ...recordOf(asked, sources, output, id), readableFrom };
      begun.push(record);
      const written = { output, record, logId: record.id + 1n, late };
      const files = await writeOutput(parts, schema, sources, written);
      const whole = { ...record, files, manifestKey: manifestKey({ ...record, segmentId: record.id }) };
      await writeManifest(parts.platform, { schema, segment: { ...whole, manifestKey: '' } });
      segments.push(whole);
    };
    const refusals: Refusal[] = [];
    for (const [index, output] of outputs.entries()) {
      const late = await lateColumns(parts, asked.schema, sources, output);
      const { made, left } = splitOutput(output, late.refused);
      refusals.push(...late.refusals.map((one) => ({ ...one, left })));
      await write(made, firstId + BigInt(index * 2), late, asked.schema);
    }
    // Nothing is better than it was.
    if (refusals.length > 0 && segments.length === 0 && sources.every(isKept))
      throw await rowsRefused(parts.platform, asked.schema, refusals);
    for (const left of new Set(refusals.map((one) => one.left)))
      await write(left, await parts.allocateIds(2), noLateColumns, schemaWithout(asked.schema, sources));
    return { segments, unchanged: false, readableFrom };
  } catch (error) {
    for (const record of begun) await discard(parts.platform, record);
    throw error;
  }
}

async function readSources(
  { platform, signal }: CompactionParts,
  asked: Compaction,
): Promise<readonly ReadSource[]> {
  const { schema, deleteSegments } = asked;
  const pace = new Pace(platform, { signal });
  const common = new KeyDeletes(schema);
  await common.add(
    platform,
    deleteSegments.flatMap(({ files }) => files),
    schema,
    pace,
  );
  const sources: ReadSource[] = [];
  for (const record of asked.sources) {
    const own = new KeyDeletes(schema);
    await own.add(
      platform,
      record.files.filter(({ fieldIds }) => fieldIds.length === 0),
      schema,
      pace,
    );
    const timed = await readTimedRows(platform, record, schema);
    const { expiryField, expiryMicros: micros } = asked;
    const expiry = {
      ...{ until: asked.expiredUntil, at: asked.expiredAt },
      own:
        expiryField === 0n
          ? undefined
          : { times: await readOwnExpiries(platform, record, schema, expiryField), micros },
    };
    sources.push({ record, timed, left: await survivorsOf(timed, [own, common], expiry, pace) });
    pace.check();
  }
  return sources;
}

async function outputsOf(
  platform: Platform,
  { schema, sortFieldId, targetBytes }: Compaction,
  sources: readonly ReadSource[],
): Promise<readonly OutputRows[]> {
  const kept = sources.map(({ left }) => left.rows);
  const rowCount = sources.reduce((sum, { timed }) => sum + timed.times.length, 0);
  const bytes = sources
    .flatMap(({ record }) => record.files)
    .reduce((sum, file) => sum + (file.fieldIds.length === 0 ? 0 : Number(file.bytes)), 0);
  const perRow = bytes / Math.max(1, rowCount);
  let order: Uint32Array | undefined;
  if (sortFieldId !== 0n) {
    const values = [];
    for (const { record } of sources) {
      const { columns } = await readFields(platform, record.files, schema, [sortFieldId]);
      values.push(orderColumn(columns[0]));
    }
    order = sortedPlaces(kept, values);
  }
  return outputRows(kept, order, { perRow, target: Number(targetBytes) });
}

/** The new segment, before it has files. */
function recordOf(
  asked: Compaction,
  sources: readonly ReadSource[],
  { sources: of, rows }: OutputRows,
  id: bigint,
): SegmentRecord {
  const first = sources[0]?.record ?? SegmentRecord.create({});
  let [from, to] = [0n, 0n];
  for (let at = 0; at < rows.length; at++) {
    const time = sources[of[at] as number]?.timed.times[rows[at] as number] ?? 0n;
    if (from === 0n || time < from) from = time;
    if (time > to) to = time;
  }
  const { collectionId, partitionId, vchannel } = first;
  return SegmentRecord.create({
    ...{ id, collectionId, partitionId, vchannel, state: 'flushed' },
    rowCount: BigInt(rows.length),
    timestampFrom: from,
    timestampTo: to,
    compactedFrom: sources.map(({ record }) => record.id),
    deletesAppliedUntil: asked.deletesAppliedUntil,
  });
}

/** What functions make of rows of an output that lacked it. */
interface LateColumns {
  /** By source, then by field. */
  readonly columns: ReadonlyMap<number, ReadonlyMap<bigint, ColumnBatch>>;
  /** Rows that have none, by source. */
  readonly refused: ReadonlyMap<number, ReadonlySet<number>>;
  readonly refusals: readonly { readonly record: SegmentRecord; readonly refused: readonly RefusedRow[] }[];
}

/** Rows of one source that were refused, and what of the output goes into a segment without what was refused. */
type Refusal = LateColumns['refusals'][number] & { readonly left: OutputRows };

const noLateColumns: LateColumns = { columns: new Map(), refused: new Map(), refusals: [] };

async function lateColumns(
  parts: CompactionParts,
  schema: CollectionSchema,
  sources: readonly ReadSource[],
  output: OutputRows,
): Promise<LateColumns> {
  const columns = new Map<number, Map<bigint, ColumnBatch>>();
  const refused = new Map<number, Set<number>>();
  const refusals: LateColumns['refusals'][number][] = [];
  for (const index of new Set(output.sources)) {
    const { record } = must(sources[index], 'source of an output');
    const own = new Map<bigint, ColumnBatch>();
    for (const fieldId of lackedOutputs(schema, isInFiles(record.files))) {
      const made = await madeOutput(parts, schema, { record, rows: rowsOf(output, index), fieldId });
      if (made.batch !== undefined) own.set(fieldId, made.batch);
      if (made.refused.length === 0) continue;
      refusals.push({ record, refused: made.refused });
      refused.set(index, new Set([...(refused.get(index) ?? []), ...made.refused.map(({ row }) => row)]));
    }
    columns.set(index, own);
  }
  return { columns, refused, refusals };
}

/** Without the fields that any of the sources lacks. */
const schemaWithout = (schema: CollectionSchema, sources: readonly ReadSource[]): CollectionSchema =>
  schemaOfRows(schema, (id) => sources.every(({ record }) => isInFiles(record.files)(id)));

interface WrittenOutput {
  readonly output: OutputRows;
  readonly record: SegmentRecord;
  readonly logId: bigint;
  readonly late: LateColumns;
}

async function writeOutput(
  parts: CompactionParts,
  schema: CollectionSchema,
  sources: readonly ReadSource[],
  { output, record, logId, late }: WrittenOutput,
): Promise<FileRecord[]> {
  const { platform, signal } = parts;
  const files: FileRecord[] = [];
  const address = { ...record, segmentId: record.id };
  const taken = new Set(output.sources);
  for (const group of fieldGroups(schema)) {
    const columns: (ColumnBatch | undefined)[] = [];
    for (const [index, { record, timed }] of sources.entries()) {
      throwIfAborted(signal);
      if (!taken.has(index)) columns.push(undefined);
      else {
        const [lacked] = lackedOutputs(schema, isInFiles(record.files)).filter((id) =>
          group.fieldIds.includes(id),
        );
        // The file of a vector field has no other field.
        const read =
          lacked === undefined
            ? await readFields(platform, record.files, schema, group.fieldIds)
            : must(late.columns.get(index)?.get(lacked), `what a function makes, in field ${lacked}`);
        columns.push(withTimes(read, timed));
      }
      await platform.timers.yield();
    }
    const rows = new OutputColumns(output, columns);
    files.push(await writeFields(platform, { address, schema, group, logId, rows, signal }));
  }
  return files;
}

/** Rows of a source that are in the output, ascending. */
const rowsOf = ({ sources, rows }: OutputRows, index: number): Uint32Array =>
  rows.filter((_, at) => sources[at] === index).sort();

async function discard(platform: Platform, { collectionId, partitionId, id }: SegmentRecord): Promise<void> {
  try {
    const prefix = `insert_log/${collectionId}/${partitionId}/${id}/`;
    for (const key of await platform.objectStore.list(prefix)) await platform.objectStore.remove(key);
    await platform.objectStore.remove(manifestKey({ collectionId, partitionId, segmentId: id }));
  } catch (error) {
    // The next start removes it.
    platform.logger.warn('compaction_files_kept', { segmentId: id, reason: messageOf(error) });
  }
}

export type DeletesToSpread = Omit<SpreadDeletesRequest, 'schema' | 'segment'> & {
  readonly segment: SegmentRecord;
  readonly schema: CollectionSchema;
};

/** @returns the delta log of the deletes that hit a row of the segment; undefined: none does */
export async function spreadDeletes(
  { platform, allocateIds, signal }: CompactionParts,
  { segment, deleteSegments, schema, deletesAppliedUntil }: DeletesToSpread,
): Promise<FileRecord | undefined> {
  const pace = new Pace(platform, { signal });
  const known = new KeyDeletes(schema);
  await known.add(
    platform,
    deleteSegments.flatMap(({ files }) => files),
    schema,
    pace,
  );
  const timed = await readTimedRows(platform, segment, schema);
  const range = { after: segment.deletesAppliedUntil, until: deletesAppliedUntil };
  const deletes = await known.hitting(timed, range, pace);
  if (deletes.timestamps.length === 0) return undefined;
  const { collectionId, partitionId, id: segmentId } = segment;
  const logId = await allocateIds(1);
  return writeDeletes(platform, {
    address: { collectionId, partitionId, segmentId },
    schema,
    logId,
    deletes,
  });
}
