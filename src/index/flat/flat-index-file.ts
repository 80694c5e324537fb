// The file of a FLAT index: what exact search wants besides the vectors, which stay in their segment's files.
// Byte table: docs/formats/flat-index.md. Decoding trusts nothing: any changed byte is data_corrupt.
import { assert } from '#base/assert.js';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { metricCodes } from '#index/block/metric.js';
import type { MetricName } from '#model/schema/metric-type.js';

export interface FlatIndex {
  readonly metric: MetricName;
  /** Bits, when the vectors are binary. */
  readonly dim: number;
  readonly rowCount: number;
  /** COSINE: one per row. Absent for the other metrics. */
  readonly inverseNorms?: Float32Array;
}

const flatMetrics: readonly MetricName[] = [
  'L2',
  'IP',
  'COSINE',
  'HAMMING',
  'JACCARD',
  'SUBSTRUCTURE',
  'SUPERSTRUCTURE',
];
/** "ELFI" in the order of the bytes. */
const MAGIC = 0x49464c45;
const FLAT_INDEX_VERSION = 1;
const HEADER_BYTES = 20;
const CRC_BYTES = 4;

export function encodeFlatIndex({ metric, dim, rowCount, inverseNorms }: FlatIndex): Uint8Array<ArrayBuffer> {
  assert(
    (metric === 'COSINE') === (inverseNorms !== undefined),
    `inverse norms belong to COSINE, metric is ${metric}`,
  );
  assert(inverseNorms === undefined || inverseNorms.length === rowCount, 'one inverse norm per row');
  const bytes = new Uint8Array(HEADER_BYTES + (inverseNorms?.length ?? 0) * 4 + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, FLAT_INDEX_VERSION, true);
  view.setUint8(6, metricCodes[metric]);
  view.setUint32(8, dim, true);
  view.setUint32(12, rowCount, true);
  inverseNorms?.forEach((norm, row) => {
    view.setFloat32(HEADER_BYTES + row * 4, norm, true);
  });
  view.setUint32(bytes.length - CRC_BYTES, crc32(bytes.subarray(0, -CRC_BYTES)), true);
  return bytes;
}

/** @throws data_corrupt, naming `what` (the file). */
export function decodeFlatIndex(bytes: Uint8Array, what = 'FLAT index file'): FlatIndex {
  const corrupt = (fact: string): ElanusError =>
    new ElanusError(
      'data_corrupt',
      `${what}: ${fact}; restore the file, or drop the index and build it again`,
    );
  if (bytes.length < HEADER_BYTES + CRC_BYTES) {
    throw corrupt(`${bytes.length} bytes, expected at least ${HEADER_BYTES + CRC_BYTES}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) throw corrupt('the first four bytes are not ELFI');
  // The checksum goes first: a version is worth believing only in a file that is whole.
  const stored = view.getUint32(bytes.length - CRC_BYTES, true);
  const computed = crc32(bytes.subarray(0, -CRC_BYTES));
  if (stored !== computed)
    throw corrupt(`checksum ${computed.toString(16)}, expected ${stored.toString(16)}`);
  const version = view.getUint16(4, true);
  if (version !== FLAT_INDEX_VERSION)
    throw corrupt(`format version ${version}, expected ${FLAT_INDEX_VERSION}`);
  const metric = flatMetrics.find((name) => metricCodes[name] === view.getUint8(6));
  if (!metric || view.getUint8(7) !== 0 || view.getUint32(16, true) !== 0)
    throw corrupt('unknown metric or flags');
  const dim = view.getUint32(8, true);
  if (dim === 0) throw corrupt('dim is 0');
  const rowCount = view.getUint32(12, true);
  const normCount = metric === 'COSINE' ? rowCount : 0;
  const expected = HEADER_BYTES + normCount * 4 + CRC_BYTES;
  if (bytes.length !== expected)
    throw corrupt(`${bytes.length} bytes, expected ${expected} for ${rowCount} rows`);
  if (metric !== 'COSINE') return { metric, dim, rowCount };
  const inverseNorms = new Float32Array(rowCount);
  for (let row = 0; row < rowCount; row++) inverseNorms[row] = view.getFloat32(HEADER_BYTES + row * 4, true);
  return { metric, dim, rowCount, inverseNorms };
}
