// Rows with a column of every type, once required and once nullable: what golden insert logs of each version hold. Imports by `#` name
// alone, so that `make.mjs` runs it on the build of an earlier release too.
import { bytesView } from '#base/bytes.js';
import { textArrayBytes } from '#model/columns/array-column.js';
import { batchOf, column, columnFromBytes, columnFromInt64 } from '#model/columns/column.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { writeSegment } from '#segment/files/insert-log.js';
import { SegmentData } from '#segment/segment-data.js';

const DIM = 8;
const NULL_ROW = 1;
const TYPED_ROWS = 4;
const encoder = new TextEncoder();
const int64s = (...values: bigint[]): Uint8Array => bytesView(BigInt64Array.from(values));
const floats = (...values: number[]): Uint8Array => bytesView(Float32Array.from(values));
const NONE = new Uint8Array(0);
/** Bits of 16-bit floats: 1, -0, infinity, the smallest and others. */
const halves = bytesView(Uint16Array.of(0x3c00, 0x8000, 0x7c00, 1, 0x3c00, 0xbc00, 0, 2));
const vector = floats(0.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, -3, 4, 5);

function point(x: number, y: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(21));
  view.setUint8(0, 1);
  view.setUint32(1, 1, true);
  view.setFloat64(5, x, true);
  view.setFloat64(13, y, true);
  return new Uint8Array(view.buffer);
}

interface TypedColumn {
  readonly type: keyof typeof DataType;
  readonly elementType?: keyof typeof DataType;
  /** The bytes of each row; the nullable column has none of the second. */
  readonly rows: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
}

const same = (row: Uint8Array): TypedColumn['rows'] => [row, row.slice().reverse(), row, row];

const columns: readonly TypedColumn[] = [
  { type: 'Bool', rows: [Uint8Array.of(1), Uint8Array.of(1), Uint8Array.of(0), Uint8Array.of(1)] },
  { type: 'Int8', rows: [Uint8Array.of(128), Uint8Array.of(255), Uint8Array.of(0), Uint8Array.of(127)] },
  { type: 'Int16', rows: same(Uint8Array.of(0, 128)) },
  { type: 'Int32', rows: same(Uint8Array.of(0, 0, 1, 128)) },
  { type: 'Int64', rows: [int64s(-(2n ** 63n)), int64s(7n), int64s(2n ** 63n - 1n), int64s(0n)] },
  { type: 'Float', rows: [floats(Number.NaN), floats(-0), floats(1.5), floats(-3e38)] },
  { type: 'Double', rows: same(bytesView(Float64Array.of(-0.1))) },
  { type: 'VarChar', rows: [encoder.encode('é🎈'), encoder.encode('b'), NONE, encoder.encode('\u0000')] },
  { type: 'JSON', rows: same(encoder.encode('{"a":{"b":[1,null,9007199254740993]}}')) },
  { type: 'Geometry', rows: [point(1, 2), point(-3, 0.5), point(0, 0), point(1e300, 5)] },
  { type: 'Timestamptz', rows: [int64s(1_700_000_000_000_001n), int64s(-1n), int64s(0n), int64s(5n)] },
  { type: 'FloatVector', rows: same(vector) },
  { type: 'Float16Vector', rows: same(halves) },
  { type: 'BFloat16Vector', rows: same(halves) },
  { type: 'Int8Vector', rows: same(Uint8Array.of(0, 1, 127, 128, 255, 4, 5, 6)) },
  { type: 'BinaryVector', rows: [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(255), Uint8Array.of(0)] },
  { type: 'SparseFloatVector', rows: [floats(0, 1), NONE, floats(0, 0.5, 1e-44, 2), floats(0, 3)] },
  {
    type: 'Array',
    elementType: 'Bool',
    rows: [Uint8Array.of(1, 0, 1), Uint8Array.of(1), NONE, Uint8Array.of(0)],
  },
  {
    type: 'Array',
    elementType: 'Int8',
    rows: [Uint8Array.of(1, 128), Uint8Array.of(3), NONE, Uint8Array.of(255)],
  },
  { type: 'Array', elementType: 'Int16', rows: same(Uint8Array.of(0, 128, 1, 0)) },
  {
    type: 'Array',
    elementType: 'Int32',
    rows: [bytesView(Int32Array.of(1, -2)), NONE, NONE, new Uint8Array(4)],
  },
  { type: 'Array', elementType: 'Int64', rows: [int64s(1n, -2n, 3n), int64s(4n), NONE, int64s(2n ** 62n)] },
  { type: 'Array', elementType: 'Float', rows: [vector, floats(1), NONE, floats(2, 3)] },
  { type: 'Array', elementType: 'Double', rows: [NONE, NONE, NONE, bytesView(Float64Array.of(1, 2))] },
  {
    type: 'Array',
    elementType: 'VarChar',
    rows: [textArrayBytes(['a', '', 'é']), textArrayBytes(['x']), NONE, textArrayBytes(['', ''])],
  },
  {
    type: 'ArrayOfVector',
    elementType: 'FloatVector',
    rows: [Uint8Array.of(...vector, ...vector), vector, NONE, vector],
  },
  { type: 'ArrayOfVector', elementType: 'Float16Vector', rows: [halves, halves, NONE, halves] },
  {
    type: 'ArrayOfVector',
    elementType: 'Int8Vector',
    rows: [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 255), new Uint8Array(16), NONE, new Uint8Array(8)],
  },
  { type: 'ArrayOfVector', elementType: 'BinaryVector', rows: [Uint8Array.of(7, 8), NONE, NONE, NONE] },
];

const nameOf = ({ type, elementType }: TypedColumn, nullable: boolean): string =>
  `${type}${elementType ? `<${elementType}>` : ''}${nullable ? '?' : ''}`;

export const typedSchema: CollectionSchema = CollectionSchema.fromPartial({
  name: 'typed',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    ...columns.flatMap((one, i) =>
      [false, true].map((nullable, j) => ({
        ...{ fieldID: BigInt(101 + i * 2 + j), name: nameOf(one, nullable), nullable },
        dataType: DataType[one.type],
        ...(one.elementType && { elementType: DataType[one.elementType] }),
        typeParams: /Vector/.test(one.type + one.elementType) ? [{ key: 'dim', value: String(DIM) }] : [],
      })),
    ),
  ],
});

function columnOf(fieldId: bigint, { type, rows }: TypedColumn, nullable: boolean): Column {
  const dataType = DataType[type];
  const values = rows.map((row, at) => (nullable && at === NULL_ROW ? null : row));
  const isVariable = /^(VarChar|JSON|Geometry|Array.*|SparseFloatVector)$/.test(type);
  if (isVariable) return columnFromBytes(fieldId, dataType, values);
  const data = values.flatMap((value) => Array.from(value ?? new Uint8Array(rows[0].length)));
  const valid = nullable ? Uint8Array.from(values, (value) => (value ? 1 : 0)) : undefined;
  return column(fieldId, dataType, Uint8Array.from(data), undefined, valid);
}

export const typedBatch = (): ColumnBatch =>
  batchOf(TYPED_ROWS, [
    columnFromInt64(0n, [0n, 0n, 0n, 0n]),
    columnFromInt64(1n, [1n << 40n, 1n << 41n, 3n << 40n, (1n << 62n) + 1n]),
    columnFromInt64(100n, [5n, -7n, 9007199254740993n, 8n]),
    ...columns.flatMap((one, i) =>
      [false, true].map((nullable, j) => columnOf(BigInt(101 + i * 2 + j), one, nullable)),
    ),
  ]);

/** What the writer of today makes of them: the name of a file → a JSON object of group to base64. */
export async function typedFormats(): Promise<Map<string, Uint8Array>> {
  const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  try {
    const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
    const data = new SegmentData(platform, { ...address, id: 1n, schema: typedSchema });
    data.appendBatch(typedBatch());
    const write = { address, schema: typedSchema, data, rowBegin: 0, rowEnd: TYPED_ROWS, logId: 3n };
    const groups: Record<string, string> = {};
    for (const { key } of await writeSegment(platform, write)) {
      const bytes = await platform.objectStore.get(key);
      const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
      groups[key.split('/').at(-2) ?? ''] = btoa(text);
    }
    data.release();
    return new Map([['insert-log/v2.1.typed', encoder.encode(`${JSON.stringify(groups, undefined, 1)}\n`)]]);
  } finally {
    await platform.close();
  }
}
