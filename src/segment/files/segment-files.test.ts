// Files of a segment: every type there and back, several logs, fields added later, and damage. A flipped byte is always found by the checksum;
// bytes damaged under a right checksum still end in a typed error or in columns that fit, never in a hang.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { textArrayBytes } from '#model/columns/array-column.js';
import {
  batchOf,
  checkBatch,
  column,
  columnFromBytes,
  columnFromInt64,
  columnFromStrings,
  isNull,
} from '#model/columns/column.js';
import { DataType, fixedWidth } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { type Column, type ColumnBatch, FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, type FieldSchema } from '#proto/milvus/schema.js';
import { SegmentData } from '#segment/segment-data.js';
import { KEY, NAME, testBatch, testSchema, VECTOR } from '../../../test/support/segments.js';
import { readDeletes, writeDeletes } from './delta-log.js';
import { readColumn, readInsertFile, writeSegment } from './insert-log.js';
import { listManifests, readManifest, writeManifest } from './manifest.js';
import { readSegment } from './read-segment.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
const LATEST = 1n << 62n;
const emptySegment = (schema: CollectionSchema) =>
  new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
const recordOf = (files: FileRecord[], rowCount: number): SegmentRecord =>
  SegmentRecord.fromPartial({ id: 1n, collectionId: 2n, partitionId: 3n, rowCount: BigInt(rowCount), files });

const scalarTypes = [
  'Bool',
  'Int8',
  'Int16',
  'Int32',
  'Int64',
  'Float',
  'Double',
  'VarChar',
  'JSON',
  'Timestamptz',
  'Geometry',
] as const;

const vectorTypes = [
  'FloatVector',
  'Float16Vector',
  'BFloat16Vector',
  'BinaryVector',
  'Int8Vector',
  'SparseFloatVector',
] as const;

const elementTypes = [
  'Bool',
  'Int8',
  'Int16',
  'Int32',
  'Int64',
  'Float',
  'Double',
  'VarChar',
  'FloatVector',
  'Float16Vector',
  'BFloat16Vector',
  'BinaryVector',
  'Int8Vector',
] as const;

const dimParams = (type: string) => (type.endsWith('Vector') ? [{ key: 'dim', value: '16' }] : []);
const everyType = CollectionSchema.fromPartial({
  name: 'all',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.VarChar, isPrimaryKey: true },
    ...[...scalarTypes, ...vectorTypes].flatMap((type, i) =>
      [false, true].map((nullable, j) => ({
        fieldID: BigInt(101 + i * 2 + j),
        name: `${type}${nullable}`,
        dataType: DataType[type],
        nullable,
        typeParams: dimParams(type),
      })),
    ),
    ...elementTypes.flatMap((type, i) =>
      [false, true].map((nullable, j) => ({
        fieldID: BigInt(201 + i * 2 + j),
        name: `lists${type}${nullable}`,
        dataType: DataType[type.endsWith('Vector') ? 'ArrayOfVector' : 'Array'],
        elementType: DataType[type],
        nullable,
        typeParams: dimParams(type),
      })),
    ),
  ],
});

function randomColumn(field: FieldSchema, rows: number, seed: number): Column {
  const random = seededRandom(seed);
  const bytes = (length: number) => Uint8Array.from({ length }, () => nextBelow(random, 256));
  const randomList = ({ elementType }: FieldSchema, length: number): Uint8Array => {
    const elementWidth = fixedWidth(elementType, dimOf(field));
    if (elementWidth === undefined)
      return textArrayBytes(Array.from({ length }, () => 'é'.repeat(nextBelow(random, 4))));
    const data = bytes(length * elementWidth);
    return elementType === DataType.Bool ? data.map((byte) => byte & 1) : data;
  };
  const width = fixedWidth(field.dataType, dimOf(field));
  const isNullRow = () => field.nullable && nextBelow(random, 3) === 0;
  if (width === undefined) {
    const values = Array.from({ length: rows }, () =>
      isNullRow()
        ? null
        : field.elementType > 0
          ? randomList(field, nextBelow(random, 3) === 0 ? nextBelow(random, 40) : nextBelow(random, 3))
          : field.dataType === DataType.VarChar
            ? bytes(nextBelow(random, 9)).map((b) => b & 127)
            : bytes(
                field.dataType === DataType.SparseFloatVector
                  ? nextBelow(random, 5) * 8
                  : nextBelow(random, 40),
              ),
    );
    return columnFromBytes(field.fieldID, field.dataType, values);
  }
  const flags = Uint8Array.from({ length: rows }, () => (isNullRow() ? 0 : 1));
  const data = field.dataType === DataType.Bool ? bytes(rows).map((b) => b & 1) : bytes(rows * width);
  for (let row = 0; row < rows; row++) if (flags[row] === 0) data.fill(0, row * width, (row + 1) * width); // The file keeps nothing of a null row.
  return column(field.fieldID, field.dataType, data, undefined, flags.includes(0) ? flags : undefined);
}

function randomBatch(rows: number, seed: number): ColumnBatch {
  return batchOf(rows, [
    columnFromInt64(
      0n,
      Array.from({ length: rows }, (_, i) => BigInt(i * seed)),
    ),
    columnFromInt64(
      1n,
      Array.from({ length: rows }, (_, i) => BigInt(i * 3 + 1) << 40n),
    ),
    ...everyType.fields.map((field, i) =>
      i === 0
        ? columnFromStrings(
            100n,
            DataType.VarChar,
            Array.from({ length: rows }, (_, r) => `k${r}`),
          )
        : randomColumn(field, rows, seed + i),
    ),
  ]);
}

const everyField = [0n, 1n, ...everyType.fields.map((field) => field.fieldID)];
const rowsUpTo = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);

describe('insert logs', () => {
  it('bring back every type, with nulls, in several logs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 300 }),
        fc.nat(1000),
        async (first, second, seed) => {
          const data = emptySegment(everyType);
          data.appendBatch(randomBatch(first, seed));
          if (second > 0) data.appendBatch(randomBatch(second, seed + 50));
          const common = { address, schema: everyType, data };
          const files = [
            ...(await writeSegment(platform, { ...common, rowBegin: 0, rowEnd: first, logId: 9n })),
            ...(await writeSegment(platform, {
              ...common,
              rowBegin: first,
              rowEnd: first + second,
              logId: 10n,
            })),
          ];
          const back = await readSegment(platform, recordOf(files, first + second), everyType);
          const rows = rowsUpTo(first + second);
          expect(back.fetch(rows, everyField)).toEqual(data.fetch(rows, everyField));
          for (const field of everyType.fields) {
            const read = await readColumn(platform, { files }, field);
            const wanted = data.fetch(rows, [field.fieldID]).columns[0] as Column;
            expect({ ...read, valid: read.valid.includes(0) ? read.valid : wanted.valid }).toEqual(wanted);
          }
          data.release();
          back.release();
        },
      ),
      { numRuns: 10 },
    );
  });
  it('hold many pages and row groups, and can be read by the field', async () => {
    const schema = testSchema();
    const data = emptySegment(schema);
    const count = 120_000;
    data.appendBatch(
      testBatch(
        Array.from({ length: count }, (_, i) => BigInt(i) - 7n),
        seededRandom(3),
      ),
      5n,
    );
    data.applyDelete(0n, 6n);
    const files = await writeSegment(platform, {
      address,
      schema,
      data,
      rowBegin: 0,
      rowEnd: count,
      logId: 1n,
    });
    expect(files.map((file) => [file.key, file.fieldIds, file.rowCount])).toEqual([
      ['insert_log/2/3/1/0/1.parquet', [0n, 1n, KEY, NAME], BigInt(count)],
      ['insert_log/2/3/1/101/1.parquet', [VECTOR], BigInt(count)],
    ]);
    const back = await readSegment(platform, recordOf(files, count), schema);
    const rows = Uint32Array.from({ length: 1000 }, (_, i) => (i * 119_999) % count);
    expect(back.fetch(rows, [0n, 1n, KEY, VECTOR, NAME])).toEqual(
      data.fetch(rows, [0n, 1n, KEY, VECTOR, NAME]),
    );
    expect([back.rowCount, back.find(0n, LATEST), back.timestampTo]).toEqual([count, 7, 5n]);
    const only = await readInsertFile(platform, files[0] as FileRecord, schema, [KEY]);
    expect(only.columns.map((c) => c.fieldId)).toEqual([KEY]);
    data.release();
    back.release();
  });
  it('give rows of logs from before a field null, and skip fields that are gone', async () => {
    const old = testSchema();
    const data = emptySegment(old);
    data.appendBatch(testBatch([1n, 2n], seededRandom(3)), 5n);
    const files = await writeSegment(platform, {
      address,
      schema: old,
      data,
      rowBegin: 0,
      rowEnd: 2,
      logId: 1n,
    });
    const changed = CollectionSchema.fromPartial({
      ...old,
      fields: [
        ...old.fields.filter((field) => field.fieldID !== NAME),
        { fieldID: 110n, name: 'new', dataType: DataType.Float, nullable: true },
      ],
    });
    const back = await readSegment(platform, recordOf(files, 2), changed);
    const added = back.fetch(rowsUpTo(2), [110n]).columns[0] as Column;
    expect([back.hasField(NAME), isNull(added, 0), isNull(added, 1)]).toEqual([false, true, true]);
    const column110 = await readColumn(
      platform,
      { files },
      changed.fields.find((field) => field.fieldID === 110n) as FieldSchema,
    );
    expect(column110.valid).toEqual(new Uint8Array(2));
    data.release();
    back.release();
  });
});

describe('delta logs', () => {
  it.each([DataType.Int64, DataType.VarChar])(
    'bring back keys and timestamps and delete on loading, key type %i',
    async (type) => {
      const schema = testSchema(type);
      const data = emptySegment(schema);
      const keys = [5n, -6n, 7n].map((key) => (type === DataType.Int64 ? key : String(key)));
      data.appendBatch(testBatch(keys, seededRandom(3)), 5n);
      const files = await writeSegment(platform, {
        address,
        schema,
        data,
        rowBegin: 0,
        rowEnd: 3,
        logId: 1n,
      });
      const { columns } = data.fetch(Uint32Array.of(1, 2), [KEY]);
      const deletes = { keys: columns[0] as Column, timestamps: BigUint64Array.of(5n, (1n << 64n) - 1n) };
      const file = await writeDeletes(platform, { address, schema, logId: 4n, deletes });
      expect([file.key, file.fieldIds, file.rowCount]).toEqual(['delta_log/2/3/1/4.parquet', [], 2n]);
      expect(await readDeletes(platform, file, schema)).toEqual(deletes);
      const back = await readSegment(platform, recordOf([...files, file], 3), schema);
      expect([...back.visibleRows((1n << 64n) - 1n)]).toEqual([0, 1]);
      data.release();
      back.release();
    },
  );
});

describe('manifests', () => {
  it('bring back schema and record', async () => {
    const segment = SegmentRecord.fromPartial({
      id: 1n,
      collectionId: 2n,
      partitionId: 3n,
      vchannel: 'v"é',
      rowCount: 7n,
      timestampTo: (1n << 64n) - 1n,
      commitTimestamp: 4n,
      files: [{ key: 'a', bytes: 5n, crc32: 0xfffffff0, fieldIds: [1n], rowCount: 7n }],
    });
    const schema = CollectionSchema.fromPartial({ ...everyType, properties: [{ key: 'a', value: 'b' }] });
    const key = await writeManifest(platform, { schema, segment });
    expect(key).toBe('manifest/2/3/1.json');
    expect(await readManifest(platform, key)).toEqual({ schema, segment });
    expect(await listManifests(platform)).toEqual([key]);
    expect([await listManifests(platform, 2n), await listManifests(platform, 22n)]).toEqual([[key], []]);
  });
});

describe('damage', () => {
  const schema = testSchema();
  async function makeFiles() {
    const data = emptySegment(schema);
    data.appendBatch(testBatch([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n], seededRandom(3)), 5n);
    const inserts = await writeSegment(platform, {
      address,
      schema,
      data,
      rowBegin: 0,
      rowEnd: 9,
      logId: 77n,
    });
    const deletes = { keys: data.column(KEY) as Column, timestamps: new BigUint64Array(9) };
    const delta = await writeDeletes(platform, { address, schema, logId: 77n, deletes });
    data.release();
    return { inserts, delta };
  }
  it('of any byte is found', async () => {
    const { inserts, delta } = await makeFiles();
    const manifest = await writeManifest(platform, { schema, segment: recordOf(inserts, 9) });
    const cases: [string, () => Promise<unknown>][] = [
      ...inserts.map((file): [string, () => Promise<unknown>] => [
        file.key,
        () => readInsertFile(platform, file, schema),
      ]),
      [delta.key, () => readDeletes(platform, delta, schema)],
      [manifest, () => readManifest(platform, manifest)],
    ];
    for (const [key, read] of cases) {
      const good = await platform.objectStore.get(key);
      await read();
      for (let at = 0; at < good.length; at++) {
        const bad = good.slice();
        bad[at] = (bad[at] as number) ^ (1 << (at & 7));
        await platform.objectStore.put(key, [bad]);
        await expect(read(), `${key} at ${at}`).rejects.toMatchObject({ key: 'data_corrupt' });
      }
      for (const bad of [
        good.subarray(0, good.length - 1),
        new Uint8Array([...good, 0]),
        new Uint8Array(0),
      ]) {
        await platform.objectStore.put(key, [bad]);
        await expect(read()).rejects.toMatchObject({ key: 'data_corrupt' });
      }
      await platform.objectStore.remove(key);
      await expect(read()).rejects.toMatchObject({ key: 'object_not_found' });
      await platform.objectStore.put(key, [good]);
    }
  }, 120_000);
  it('names the object and both checksums', async () => {
    const { inserts } = await makeFiles();
    const file = FileRecord.create({ ...(inserts[0] as FileRecord), crc32: 0xabc });
    await expect(readInsertFile(platform, file, schema)).rejects.toThrow(
      /insert_log\/2\/3\/1\/0\/77\.parquet has CRC-32 [0-9a-f]{8} .*00000abc/,
    );
  });
  it('under a right checksum gives a typed error or columns that fit', async () => {
    const { inserts, delta } = await makeFiles();
    const random = seededRandom(11);
    let refused = 0;
    for (const file of [...inserts, delta]) {
      const good = await platform.objectStore.get(file.key);
      for (let round = 0; round < 4000; round++) {
        const bad = good.slice(0, nextBelow(random, 20) === 0 ? nextBelow(random, good.length) : good.length);
        for (let i = nextBelow(random, 4); i >= 0 && bad.length > 0; i--)
          bad[nextBelow(random, bad.length)] = nextBelow(random, 256);
        const record = FileRecord.create({ ...file, crc32: platform.crc32(bad), bytes: BigInt(bad.length) });
        await platform.objectStore.put(file.key, [bad]);
        try {
          if (file === delta) await readDeletes(platform, record, schema);
          else checkBatch(await readInsertFile(platform, record, schema), schema);
        } catch (error) {
          refused++;
          if (!(error instanceof ElanusError) || error.key !== 'data_corrupt') throw error;
        }
      }
    }
    expect(refused).toBeGreaterThan(1000);
  }, 120_000);
});
