// The rows of the simulation: every value a function of key and version, so that a read can be checked to the bit.
import { encodeInt64s } from '#model/columns/packed-array.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import { CollectionSchema, DataType, type FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { type CollectionSpec, groupOf } from './collection-spec.js';
import { EXTRA } from './extra-field.js';

const DIM = 4;
/** What one write makes of one key. Versions rise with every write of the run; 0: the key is deleted. */
export interface KeyVersion {
  readonly key: number;
  readonly version: number;
}

export interface Row extends KeyVersion {
  readonly vector: Uint8Array;
}

function mix(value: number): number {
  let z = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

export const floatsOf = (key: number, version: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(
    { length: DIM },
    (_, at) => mix(key * 7919 + version * 104_729 + at * 31 + 1) / 2 ** 31 - 1,
  );
export const vectorOf = (key: number, version: number): Uint8Array =>
  new Uint8Array(floatsOf(key, version).buffer);
/** It begins with the key, so that rows can be found by their notes too, and ends with words that some rows have more often than others. */
export const noteOf = ({ key, version }: KeyVersion): string =>
  [`${noteBegin(key)}${version}`, ...wordsOf(key, version)].join(' ');
export const noteWords = ['am', 'bi', 'ce', 'de', 'em', 'fo', 'gu'] as const;
const wordsOf = (key: number, version: number): readonly string[] =>
  Array.from(
    { length: mix(key * 31 + version * 17) % 5 },
    (_, at) => noteWords[mix(key * 5 + version * 11 + at) % noteWords.length] as string,
  );
export const noteBegin = (key: number): string => `key ${key} version `;
export const versionOf = (note: string): number =>
  Number(/^key \d+ version (\d+)(?: [a-z]{2})*$/.exec(note)?.[1] ?? Number.NaN);

export function schemaBytes(spec: CollectionSpec): Uint8Array {
  const schema = CollectionSchema.fromPartial({
    name: spec.name,
    fields: [
      { name: 'pk', dataType: DataType.Int64, isPrimaryKey: true },
      {
        ...{ name: 'note', dataType: DataType.VarChar },
        typeParams: [
          { key: 'max_length', value: '64' },
          { key: 'enable_analyzer', value: 'true' },
        ],
      },
      { name: 'left', dataType: DataType.Int64, nullable: true },
      { name: 'right', dataType: DataType.Int64, nullable: true },
      { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
      ...(spec.partitions === 'key'
        ? [{ name: 'team', dataType: DataType.Int64, isPartitionKey: true }]
        : []),
    ],
  });
  return CollectionSchema.encode(schema).finish();
}

/** The field that comes and goes, with the default of one of its lives. */
export const extraFieldBytes = (defaultValue: number): Uint8Array =>
  FieldSchema.encode(
    FieldSchema.fromPartial({
      name: EXTRA,
      dataType: DataType.Int64,
      nullable: true,
      defaultValue: { data: { $case: 'longData', value: BigInt(defaultValue) } },
    }),
  ).finish();

const common = { fieldId: 0n, isDynamic: false, validData: [] };

function longs(fieldName: string, values: readonly number[]): FieldData {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  const data = { $case: 'longData' as const, value: { data: encodeInt64s(bytes) } };
  return { ...common, type: DataType.Int64, fieldName, field: { $case: 'scalars', value: { data } } };
}

/** Fields that no version of a row sets, and partial updates change. */
export type Side = 'left' | 'right';

/** The columns of a partial update that sets one of them. */
export const sideFields = (keys: readonly number[], side: Side, value: number): FieldData[] => [
  longs('pk', keys),
  longs(
    side,
    keys.map(() => value),
  ),
];

/** @param hasExtra the field that comes and goes is sent along, with the versions */
export function fieldsOf(spec: CollectionSpec, rows: readonly KeyVersion[], hasExtra: boolean): FieldData[] {
  const vectors = new Uint8Array(rows.length * DIM * 4);
  for (const [at, { key, version }] of rows.entries()) vectors.set(vectorOf(key, version), at * DIM * 4);
  const texts = { $case: 'stringData' as const, value: { data: rows.map(noteOf) } };
  const floats = { $case: 'floatVector' as const, value: { data: vectors } };
  return [
    longs(
      'pk',
      rows.map(({ key }) => key),
    ),
    {
      ...common,
      type: DataType.VarChar,
      fieldName: 'note',
      field: { $case: 'scalars', value: { data: texts } },
    },
    {
      ...common,
      type: DataType.FloatVector,
      fieldName: 'vec',
      field: { $case: 'vectors', value: { dim: BigInt(DIM), data: floats } },
    },
    ...(spec.partitions === 'key'
      ? [
          longs(
            'team',
            rows.map(({ key, version }) => groupOf(key, version)),
          ),
        ]
      : []),
    ...(hasExtra
      ? [
          longs(
            EXTRA,
            rows.map(({ version }) => version),
          ),
        ]
      : []),
  ];
}

/** The rows as a file to import. */
export function importFileOf(rows: readonly KeyVersion[]): Uint8Array {
  const objects = rows.map(({ key, version }) => ({
    pk: key,
    note: noteOf({ key, version }),
    vec: [...floatsOf(key, version)],
  }));
  return new TextEncoder().encode(JSON.stringify(objects));
}

export function placeholderOf(vector: Uint8Array): Uint8Array {
  const placeholder = { tag: '$0', type: PlaceholderType.FloatVector, values: [vector], elementLevel: false };
  return PlaceholderGroup.encode(PlaceholderGroup.fromPartial({ placeholders: [placeholder] })).finish();
}
