// Hits of a search, as they are held and as they go over the wire between roles.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { lengthProblem } from '#model/columns/column.js';
import { DataType, fixedWidth } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import type { WireReport } from './search-report.js';

/** Hits of all queries one after another; `counts[q]` cuts them. A hit's address is (segment, row). */
export interface Hits {
  readonly counts: Uint32Array;
  readonly scores: Float32Array;
  readonly segmentIds: BigInt64Array;
  readonly rows: Uint32Array;
  readonly keys: Column;
  readonly timestamps: BigUint64Array;
}

export interface KeyField {
  readonly fieldId: bigint;
  readonly dataType: number;
}

/** No keys, in the type of the field. */
export const emptyKeys = ({ fieldId, dataType }: KeyField): Column => ({
  fieldId,
  dataType,
  data: new Uint8Array(0),
  // Only values of variable width have offsets.
  offsets: new Uint8Array(dataType === DataType.VarChar ? 4 : 0),
  valid: new Uint8Array(0),
});

/** Bytes of the wire in a buffer of their own, for a typed array over them. */
export const aligned = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
/** The same bytes, copied only when they are not aligned for a typed array. */
const at8 = (bytes: Uint8Array): Uint8Array => (bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes));
export const uint32sOf = (bytes: Uint8Array): Uint32Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
};

const floatsOf = (bytes: Uint8Array): Float32Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new Float32Array(buffer, byteOffset, byteLength / 4);
};

const int64sOf = (bytes: Uint8Array): BigInt64Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new BigInt64Array(buffer, byteOffset, byteLength / 8);
};

const uint64sOf = (bytes: Uint8Array): BigUint64Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new BigUint64Array(buffer, byteOffset, byteLength / 8);
};

/**
 * A message that was made in this process: it has the hits themselves, and bytes of them when someone asks. In one process nobody does, and each
 * view would be an object with memory of its own behind it. It is not to be spread: the bytes belong to its prototype.
 */
class HitsMessage implements ShardSearchResponse {
  readonly hits: Hits;
  readonly status = undefined;
  readonly readTimestamp: bigint;
  readonly searchedRows: bigint;
  readonly recall: number;
  readonly plans: ShardSearchResponse['plans'];
  /** The shard says what of imports was read. */
  importsKnown = 0n;
  importsSeen = 0n;

  constructor(hits: Hits, readTimestamp: bigint, { searchedRows, recall, plans }: WireReport) {
    this.hits = hits;
    this.readTimestamp = readTimestamp;
    this.searchedRows = searchedRows;
    this.recall = recall;
    this.plans = plans;
  }

  get counts(): Uint8Array {
    return bytesView(this.hits.counts);
  }

  get scores(): Uint8Array {
    return bytesView(this.hits.scores);
  }

  get segmentIds(): Uint8Array {
    return bytesView(this.hits.segmentIds);
  }

  get rows(): Uint8Array {
    return bytesView(this.hits.rows);
  }

  get keys(): Column {
    return this.hits.keys;
  }

  get timestamps(): Uint8Array {
    return bytesView(this.hits.timestamps);
  }
}

const noReport: WireReport = { searchedRows: 0n, recall: 0, plans: [] };

/** The answer of a shard or a node: bytes for the wire, and the hits themselves for `decodeHits` in this process. */
export const encodeHits = (
  hits: Hits,
  readTimestamp: bigint,
  report: WireReport = noReport,
): ShardSearchResponse => new HitsMessage(hits, readTimestamp, report);

/** @throws internal when the parts do not fit together: nothing behind this reads past an end. */
export function decodeHits(response: ShardSearchResponse): Hits {
  if (response instanceof HitsMessage) return response.hits;
  const hitCount = response.scores.length / 4;
  const keys = response.keys ?? emptyKeys({ fieldId: 0n, dataType: DataType.Int64 });
  const fits =
    response.counts.length % 4 === 0 &&
    Number.isInteger(hitCount) &&
    response.rows.length === hitCount * 4 &&
    response.segmentIds.length === hitCount * 8 &&
    response.timestamps.length === hitCount * 8;
  const counts = fits ? uint32sOf(response.counts) : new Uint32Array(0);
  if (!fits || counts.reduce((sum, count) => sum + count, 0) !== hitCount)
    throw unfit(response, 'hits of different lengths');
  const problem = lengthProblem(keys, hitCount, fixedWidth(keys.dataType, 0));
  if (problem !== undefined) throw unfit(response, `the key column ${problem}`);
  return {
    counts,
    scores: floatsOf(response.scores),
    segmentIds: int64sOf(response.segmentIds),
    rows: uint32sOf(response.rows),
    keys,
    timestamps: uint64sOf(response.timestamps),
  };
}

const unfit = (response: ShardSearchResponse, why: string): ElanusError =>
  new ElanusError(
    'internal',
    `a search answer of ${response.scores.length / 4} hits: ${why}, expected whole hits; check the peer's version`,
  );
