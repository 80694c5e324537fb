// Files of scalar indexes: built from a segment's column, and brought into a loaded segment. A file that is damaged or gone costs speed, never
// an answer: the columns themselves are in the segment and are read instead, and the index is built again.
import { ElanusError, messageOf } from '#base/errors.js';
import { readJsonPath } from '#expr/json-path.js';
import type { ScalarBuildInput } from '#index/scalar/build-scalar-index.js';
import type { JsonCast } from '#index/scalar/column-entries.js';
import type { ScalarIndexSpec } from '#index/scalar/scalar-index.js';
import { decodeScalarIndexFile } from '#index/scalar/scalar-index-file.js';
import {
  type JsonCastType,
  type ScalarBuildParams,
  storedScalarBuild,
} from '#model/params/scalar-index-params.js';
import { DataType, isVectorType } from '#model/schema/data-type.js';
import type { Platform } from '#platform/platform.js';
import type { Column, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { BuildIndexRequest } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { isLostFile } from '#segment/fields/file-vectors.js';
import type { SegmentData } from '#segment/segment-data.js';
import { isScalarIndexFile, SCALAR_FILE } from './scalar-file-key.js';

/** Builds the index over a column of all rows on a worker thread, and writes its file. */
export async function writeScalarIndex(
  platform: Platform,
  { buildId, partitionId, segmentId, index, rowCount }: BuildIndexRequest,
  field: FieldSchema,
  rows: Column,
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly bytes: number; readonly builtAs: string }> {
  const build = storedScalarBuild(field, index?.indexType ?? '', index?.params ?? {});
  const { elementType } = field;
  const input: ScalarBuildInput = {
    column: rows,
    elementType,
    rowCount: Number(rowCount),
    spec: specOf(field, build),
  };
  const bytes = await platform.workers.run<Uint8Array>('scalarBuild', input, [], signal);
  const key = `index_files/${buildId}/1/${partitionId}/${segmentId}/${SCALAR_FILE}`;
  await platform.objectStore.put(key, [bytes]);
  return { key, bytes: bytes.length, builtAs: describeScalar(build) };
}

/** The longest run of bytes that is looked up at once: more narrow it little further, and a character has one byte or more. */
const GRAM_BYTES_MAX = 3;

function specOf(field: FieldSchema, { grams, json }: ScalarBuildParams): ScalarIndexSpec {
  const path = json && readJsonPath(field, json.path);
  if (grams !== undefined) {
    const sizes = new Set([Math.min(grams.min, GRAM_BYTES_MAX), Math.min(grams.max, GRAM_BYTES_MAX)]);
    return { kind: 'grams', sizes: [...sizes], path };
  }
  if (json !== undefined && path !== undefined) {
    if (json.castType === 'JSON') return { kind: 'paths', path };
    const isList = json.castType.startsWith('ARRAY_');
    return { kind: 'path', path, cast: castOf(json.castType), isList };
  }
  switch (field.dataType) {
    case DataType.Array:
      return { kind: 'elements' };
    case DataType.Geometry:
      return { kind: 'boxes' };
    default:
      return { kind: 'values' };
  }
}

function castOf(type: JsonCastType): JsonCast {
  if (type.endsWith('BOOL')) return 'bool';
  return type.endsWith('DOUBLE') ? 'double' : 'text';
}

/** As DescribeIndex shows it. */
function describeScalar({ kind, grams, json }: ScalarBuildParams): string {
  const parts = [kind as string];
  if (grams !== undefined) parts.push(`min_gram=${grams.min}`, `max_gram=${grams.max}`);
  if (json !== undefined) parts.push(`${json.path ?? 'the whole field'} as ${json.castType}`);
  return parts.join(' ');
}

/**
 * Brings the scalar indexes of a loaded segment in line with its record: those with a file are loaded, others dropped.
 * @returns ids of indexes whose files are damaged or gone
 */
export async function attachScalarIndexes(
  platform: Platform,
  record: SegmentRecord,
  data: SegmentData,
): Promise<bigint[]> {
  const { sealed } = data;
  if (sealed === undefined) return [];
  const wanted = new Map<bigint, IndexFileRecord>();
  for (const file of record.indexes)
    if (file.state === 'finished' && isScalarIndexFile(file.key)) wanted.set(file.indexId, file);
  for (const { indexId, key } of sealed.indexes) {
    if (wanted.get(indexId)?.key === key) wanted.delete(indexId);
    else sealed.detach(indexId);
  }
  const damaged: bigint[] = [];
  for (const file of wanted.values()) {
    try {
      const index = decodeScalarIndexFile(await platform.objectStore.get(file.key), platform.crc32);
      checkIsOf(file, index, data);
      const { indexId, key, indexType } = file;
      if (!data.isReleased) sealed.attach({ indexId, key, indexType, bytes: Number(file.bytes), index });
    } catch (error) {
      platform.logger.warn('index_not_loaded', {
        segmentId: record.id,
        fieldId: file.fieldId,
        key: file.key,
        reason: messageOf(error),
      });
      if (isLostFile(error)) damaged.push(file.indexId);
    }
  }
  return damaged;
}

/** A file of other rows would name wrong ones. */
function checkIsOf(
  file: IndexFileRecord,
  index: { readonly fieldId: bigint; readonly rowCount: number },
  data: SegmentData,
): void {
  if (index.fieldId === file.fieldId && index.rowCount === data.rowCount) return;
  const fact = `${file.key} is of field ${index.fieldId} and ${index.rowCount} rows, expected field ${file.fieldId} and the ${data.rowCount} of its segment`;
  throw new ElanusError('data_corrupt', `${fact}; the index has to be built again`);
}

export const isScalarField = ({ dataType }: FieldSchema): boolean => !isVectorType(dataType);
