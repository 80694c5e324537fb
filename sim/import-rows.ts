// Rows of the collection that imports fill, and files of them in the formats that tools write. A row may have a time at which it is gone.
import { parquetWriteBuffer } from 'hyparquet-writer';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { CollectionSchema, DataType, type FieldData } from '#proto/milvus/schema.js';
import { floatsOf, noteBegin, vectorOf } from './rows.js';

const DIM = 4;
export const UNTIL = 'until';

export interface ImportRow {
  readonly key: number;
  readonly version: number;
  /** ms of the oracle; undefined: it stays. */
  readonly untilMs: number | undefined;
}

export const importFormats = ['json', 'jsonl', 'csv', 'parquet'] as const;
export type ImportFormatName = (typeof importFormats)[number];

const noteOf = ({ key, version }: ImportRow): string => `${noteBegin(key)}${version}`;
const untilOf = ({ untilMs }: ImportRow): string | undefined =>
  untilMs === undefined ? undefined : new Date(untilMs).toISOString();

export const importSchema = (name: string): Uint8Array =>
  CollectionSchema.encode(
    CollectionSchema.fromPartial({
      name,
      fields: [
        { name: 'pk', dataType: DataType.Int64, isPrimaryKey: true },
        { name: 'note', dataType: DataType.VarChar, typeParams: [{ key: 'max_length', value: '64' }] },
        { name: UNTIL, dataType: DataType.Timestamptz, nullable: true },
        { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
      ],
    }),
  ).finish();

/** @param isWrong the last row has no vector: the file must fail as a whole */
export function importFile(
  format: ImportFormatName,
  rows: readonly ImportRow[],
  isWrong: boolean,
): Uint8Array {
  const vectors = rows.map(({ key, version }, at) =>
    isWrong && at === rows.length - 1 ? [] : [...floatsOf(key, version)],
  );
  const objects = rows.map((row, at) => ({
    ...{ pk: row.key, note: noteOf(row), [UNTIL]: untilOf(row) ?? null, vec: vectors[at] ?? [] },
  }));
  switch (format) {
    case 'json':
      return utf8(JSON.stringify(objects));
    case 'jsonl':
      return utf8(objects.map((one) => JSON.stringify(one)).join('\n'));
    case 'csv': {
      const lines = rows.map(
        (row, at) => `${row.key},${noteOf(row)},${untilOf(row) ?? ''},"${JSON.stringify(vectors[at])}"`,
      );
      return utf8([`pk,note,${UNTIL},vec`, ...lines].join('\n'));
    }
    case 'parquet':
      return new Uint8Array(
        parquetWriteBuffer({
          columnData: [
            { name: 'pk', data: rows.map(({ key }) => BigInt(key)), type: 'INT64' },
            { name: 'note', data: rows.map(noteOf), type: 'STRING' },
            { name: UNTIL, data: rows.map((row) => untilOf(row) ?? null), type: 'STRING', nullable: true },
            {
              name: 'vec',
              data: vectors.map((vector) => new Uint8Array(Float32Array.from(vector).buffer)),
              type: 'BYTE_ARRAY',
            },
          ],
        }),
      );
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const common = { fieldId: 0n, isDynamic: false, validData: [] };

/** The rows as an insert sends them. */
export function insertedFields(rows: readonly ImportRow[]): FieldData[] {
  const vectors = new Uint8Array(rows.length * DIM * 4);
  for (const [at, { key, version }] of rows.entries()) vectors.set(vectorOf(key, version), at * DIM * 4);
  const keys = new Uint8Array(BigInt64Array.from(rows, ({ key }) => BigInt(key)).buffer);
  const longs = { $case: 'longData' as const, value: { data: encodeInt64s(keys) } };
  const notes = { $case: 'stringData' as const, value: { data: rows.map(noteOf) } };
  const untils = { $case: 'stringData' as const, value: { data: rows.map((row) => untilOf(row) ?? '') } };
  const floats = { $case: 'floatVector' as const, value: { data: vectors } };
  return [
    { ...common, type: DataType.Int64, fieldName: 'pk', field: { $case: 'scalars', value: { data: longs } } },
    {
      ...common,
      type: DataType.VarChar,
      fieldName: 'note',
      field: { $case: 'scalars', value: { data: notes } },
    },
    {
      ...common,
      type: DataType.Timestamptz,
      fieldName: UNTIL,
      field: { $case: 'scalars', value: { data: untils } },
      validData: rows.map(({ untilMs }) => untilMs !== undefined),
    },
    {
      ...common,
      type: DataType.FloatVector,
      fieldName: 'vec',
      field: { $case: 'vectors', value: { dim: BigInt(DIM), data: floats } },
    },
  ];
}
