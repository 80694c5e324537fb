// When rows of a segment expire by a field of times: for a compaction that takes them out, and for data-coord, which decides whether one pays.
import { int64Values } from '#model/columns/column.js';
import type { Platform } from '#platform/platform.js';
import type { Column, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { readFields } from '#segment/files/segment-columns.js';

/** Times in microseconds since 1970, by row. */
export interface OwnExpiries {
  readonly values: BigInt64Array;
  /** 0: null, the row never expires. Empty: none is. */
  readonly valid: Uint8Array;
}

/** @throws data_corrupt, object_not_found */
export async function readOwnExpiries(
  platform: Platform,
  { files }: Pick<SegmentRecord, 'files'>,
  schema: CollectionSchema,
  fieldId: bigint,
): Promise<OwnExpiries> {
  const { columns, rowCount } = await readFields(platform, files, schema, [fieldId]);
  const [column] = columns as [Column];
  const { valid } = column;
  // A column of nulls alone has no values.
  const values = column.data.length === 0 ? new BigInt64Array(rowCount) : int64Values(column).slice();
  return { values, valid };
}

export const isExpired = ({ values, valid }: OwnExpiries, row: number, micros: bigint): boolean =>
  (valid.length === 0 || valid[row] === 1) && (values[row] as bigint) <= micros;

/** Parts of a segment whose expiry is known one by one. */
const EXPIRY_PARTS = 20;

/** The time by which the first row has expired, then each further twentieth of all rows. Short where the others never do. */
export function expiryQuantiles({ values, valid }: OwnExpiries): bigint[] {
  const times = valid.length === 0 ? values.slice() : values.filter((_, row) => valid[row] === 1);
  times.sort();
  const quantiles: bigint[] = [];
  for (let part = 0; part <= EXPIRY_PARTS; part++) {
    const last = Math.max(1, Math.ceil((values.length * part) / EXPIRY_PARTS)) - 1;
    if (last >= times.length) break;
    quantiles.push(times[last] as bigint);
  }
  return quantiles;
}
