// Segments, channels and their places in the log as Milvus's own messages describe them. Pure.
import { assertNever } from '#base/assert.js';
import type { Channel } from '#model/states/channel.js';
import { isFlushed, type Segment } from '#model/states/segment.js';
import { SegmentLevel, SegmentState } from '#proto/milvus/common.js';
import type { SegmentBinlogs } from '#proto/milvus/data_coord.js';
import type { DeepPartial } from '#rpc/service.js';

/** Flushed rows that count: deletes of level zero are in no list of segments with rows. */
export const isVisible = (segment: Segment): boolean => isFlushed(segment) && !segment.isLevelZero;

export function wireState(segment: Segment): SegmentState {
  switch (segment.state) {
    case 'importing':
      return SegmentState.Importing;
    case 'flushed':
      return SegmentState.Flushed;
    case 'dropped':
      return SegmentState.Dropped;
    default:
      return assertNever(segment);
  }
}

/** Where the log is needed from: everything before is in files. */
export const checkpointOf = (channel: Channel) => ({
  channelName: channel.vchannel,
  timestamp: channel.checkpointTimestamp,
  msgID: lsnBytes(channel.checkpointLsn),
});

function lsnBytes(lsn: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, lsn, true);
  return bytes;
}

/** Paths of a segment's files by field, fields rising, paths in the order in which they were written. */
export function pathsByField(segment: Segment): readonly (readonly [fieldId: bigint, paths: string[]])[] {
  const paths = new Map<bigint, string[]>();
  for (const { fieldIds, key } of segment.files)
    for (const fieldId of fieldIds) {
      const known = paths.get(fieldId);
      if (known === undefined) paths.set(fieldId, [key]);
      else known.push(key);
    }
  return [...paths].sort(([a], [b]) => (a < b ? -1 : 1));
}

function logsOf(segment: Segment, isDelete: boolean) {
  return segment.files
    .filter((file) => (file.fieldIds.length === 0) === isDelete)
    .flatMap((file) =>
      (isDelete ? [0n] : file.fieldIds).map((fieldID) => ({
        fieldID,
        binlogs: [
          {
            entriesNum: file.rowCount,
            timestampFrom: segment.timestampFrom,
            timestampTo: segment.timestampTo,
            logPath: file.key,
            logSize: file.bytes,
            memorySize: file.bytes,
          },
        ],
      })),
    );
}

/** @param later segments that this one became, over any number of compactions: deletes that came since are in their files alone */
export function segmentInfo(record: Segment, later: readonly Segment[] = []) {
  return {
    ID: record.id,
    collectionID: record.collectionId,
    partitionID: record.partitionId,
    insertChannel: record.vchannel,
    numOfRows: record.rowCount,
    state: wireState(record),
    binlogs: logsOf(record, false),
    deltalogs: [record, ...later].flatMap((segment) => logsOf(segment, true)),
    level: record.isLevelZero ? SegmentLevel.L0 : SegmentLevel.L1,
    manifestPath: record.manifestKey,
    childManifestPaths: later.map(({ manifestKey }) => manifestKey).filter((key) => key !== ''),
    commitTimestamp: record.state === 'importing' ? 0n : record.commitTimestamp,
    createdByCompaction: record.compactedFrom.length > 0,
    compactionFrom: [...record.compactedFrom],
    compacted: record.compactedTo.length > 0,
    isImporting: record.state === 'importing',
    droppedAt: (record.droppedTimestamp >> 18n) * 1_000_000n,
  };
}

export const segmentBinlogs = (segment: Segment): DeepPartial<SegmentBinlogs> => ({
  segmentID: segment.id,
  fieldBinlogs: logsOf(segment, false),
  numOfRows: segment.rowCount,
  deltalogs: logsOf(segment, true),
  insertChannel: segment.vchannel,
});

/** What the segment became, nearest first; each once, whatever the records say. */
export function successorsOf(
  { id, compactedTo }: Segment,
  segments: ReadonlyMap<bigint, Segment>,
): readonly Segment[] {
  const seen = new Set([id]);
  const found: Segment[] = [];
  const waiting = [...compactedTo];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const successor = segments.get(next);
    if (seen.has(next) || successor === undefined) continue;
    seen.add(next);
    found.push(successor);
    waiting.push(...successor.compactedTo);
  }
  return found;
}
