// Files of every format as earlier versions wrote them: what they hold is read, one changed byte is refused, and today's writer makes the
// same bytes where no float of a build is in them.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { crc32 } from '#base/crc32.js';
import type { FieldRef, Leaf, Operand } from '#expr/typed.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { decodeDiskHead, SECTOR_BYTES } from '#index/disk/disk-layout.js';
import { decodeFlatIndex } from '#index/flat/flat-index-file.js';
import { loadMinhashIndex } from '#index/minhash/minhash-index.js';
import { minhashSearch } from '#index/minhash/minhash-search.js';
import { decodeOrderedIndex } from '#index/scalar/ordered-index-bytes.js';
import { decodeScalarIndexFile } from '#index/scalar/scalar-index-file.js';
import { hashOfKey } from '#index/scalar/statistics/key-hash.js';
import { hasBlock, learnedLevels, loadVectorIndex } from '#index/vector-indexes.js';
import { columnFromInt64, concatBatches } from '#model/columns/column.js';
import { indexTypeNames, indexTypeSpec } from '#model/params/index-types.js';
import { DataType, isVectorType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { readDeletes } from '#segment/files/delta-log.js';
import { readInsertFile } from '#segment/files/insert-log.js';
import { readManifest } from '#segment/files/manifest.js';
import { ParquetFileReader } from '#segment/files/parquet/parquet-reader.js';
import { readSegment } from '#segment/files/read-segment.js';
import { decodeFrame, decodeHeader } from '#wal/frame.js';
import { type DiskFixture, loadFile, searchDisk } from '../support/disk-index.js';
import { bits, exact, type Fixture, find } from '../support/vector-index.js';
import * as golden from './formats.js';
import { typedBatch, typedFormats, typedSchema } from './typed-rows.js';

const folder = new URL('./', import.meta.url);
const read = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(name, folder)));
const flipped = (bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte));
const query = (row: number): Uint8Array =>
  new Uint8Array(golden.vectors.slice(row * golden.DIM, (row + 1) * golden.DIM).buffer);
const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());

async function stored(key: string, name: string): Promise<FileRecord> {
  const bytes = read(name);
  await platform.objectStore.put(key, [bytes]);
  return FileRecord.fromPartial({ key, bytes: BigInt(bytes.length), crc32: crc32(bytes), rowCount: 3n });
}

/** The files of a log with columns of every type, and their records. */
async function storedTyped(version: string, logId: bigint): Promise<FileRecord[]> {
  const groups = JSON.parse(new TextDecoder().decode(read(`insert-log/v${version}.typed`)));
  const scalars = typedSchema.fields.filter(({ dataType }) => !isVectorType(dataType));
  const files: FileRecord[] = [];
  for (const [group, text] of Object.entries<string>(groups)) {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const key = `insert_log/2/3/1/${group}/${logId}`;
    await platform.objectStore.put(key, [bytes]);
    const fieldIds = group === '0' ? [0n, 1n, ...scalars.map(({ fieldID }) => fieldID)] : [BigInt(group)];
    const { length } = bytes;
    files.push({ key, bytes: BigInt(length), crc32: crc32(bytes), rowCount: 4n, fieldIds });
  }
  return files;
}

const typedRecord = (files: FileRecord[]): SegmentRecord => {
  const logs = new Set(files.map(({ key }) => key.split('/').at(-1))).size;
  return SegmentRecord.fromPartial({ ...golden.record, rowCount: BigInt(logs * 4), files });
};

test('every format of docs/formats has golden files', () => {
  // The file of each of these holds an index block of that kind.
  const within = { 'graph-index': 'HNSW', 'ivf-index': 'IVF_FLAT', 'qg-index': 'QG' } as const;
  const have = readdirSync(folder);
  const missing = readdirSync(new URL('../../docs/formats/', import.meta.url))
    .map((name) => name.replace('.md', ''))
    .filter((name) => !(name in within) && !have.includes(name));
  expect(missing).toEqual([]);
  expect(readdirSync(new URL('index-block/', folder)).sort()).toEqual(
    [
      ...Object.keys(golden.denseKinds).map((kind) => `v1.${kind}`),
      ...Object.keys(golden.copiedKinds).map((kind) => `v2.${kind}`),
      'v1.BIN_IVF_FLAT',
      'v1.HNSW-levels',
    ].sort(),
  );
  for (const kind of Object.values(within)) expect(Object.keys(golden.denseKinds)).toContain(kind);
  // Types with a block are all there, by the table that clients choose from.
  const builtAs = new Set<string>(indexTypeNames.map((type) => indexTypeSpec(type).builtAs).filter(hasBlock));
  const pinned = [...Object.keys(golden.denseKinds), 'BIN_IVF_FLAT', 'MINHASH_LSH'];
  expect([...builtAs].filter((type) => !pinned.includes(type))).toEqual([]);
});

test('today they are written with the same bytes', async () => {
  for (const [name, bytes] of [...(await golden.exactFormats()), ...(await typedFormats())])
    if (!name.startsWith('manifest/')) expect({ name, bytes }).toEqual({ name, bytes: read(name) });
});

describe('logs', () => {
  test('version 2', () => {
    const bytes = read('wal/v2.log');
    const header = decodeHeader(bytes, crc32);
    expect(header).toEqual({ version: 2, ...golden.header });
    if (header === undefined) return;
    let at = 48;
    for (const [index, text] of golden.payloads.entries()) {
      const frame = decodeFrame(bytes, at, BigInt(index + 1), header, crc32);
      expect(new TextDecoder().decode(frame?.payload)).toBe(text);
      expect(frame?.groupLsn).toBe(1n);
      expect(decodeFrame(flipped(bytes, at), at, BigInt(index + 1), header, crc32)).toBeUndefined();
      at = frame?.end ?? 0;
    }
    expect(at).toBe(bytes.length);
  });

  test('version 1', () => {
    const bytes = read('wal/v1.log');
    const header = decodeHeader(bytes, crc32);
    expect(header).toMatchObject({ version: 1, epoch: 3n, firstLsn: 1n, term: 0n, salt: 0 });
    if (header === undefined) return;
    const frame = decodeFrame(bytes, 32, 1n, header, crc32);
    expect(new TextDecoder().decode(frame?.payload)).toBe('hello');
    expect(frame?.end).toBe(bytes.length);
  });
});

describe('files of segments', () => {
  // 2.1 is version 2 with statistics and a bloom filter.
  describe.each(['1', '2', '2.1'])('version %s', (version) => {
    test('insert logs', async () => {
      const scalars = await stored('insert_log/2/3/1/0/1', `insert-log/v${version}.group-0.parquet`);
      const vectors = await stored('insert_log/2/3/1/101/1', `insert-log/v${version}.group-101.parquet`);
      const columns = [
        ...(await readInsertFile(platform, { ...scalars, fieldIds: [0n, 1n, 100n, 102n] }, golden.schema))
          .columns,
        ...(await readInsertFile(platform, { ...vectors, fieldIds: [101n] }, golden.schema)).columns,
      ];
      const wanted = golden.batch().columns;
      for (const column of wanted)
        expect(columns.find(({ fieldId }) => fieldId === column.fieldId)).toEqual(column);
    });

    test('insert logs of struct arrays', async () => {
      const { listSchema } = golden;
      const scalars = await stored('insert_log/2/3/1/0/2', `insert-log/v${version}.lists-0.parquet`);
      const vectors = await stored('insert_log/2/3/1/103/2', `insert-log/v${version}.lists-103.parquet`);
      const columns = [
        ...(await readInsertFile(platform, { ...scalars, fieldIds: [0n, 1n, 100n, 102n] }, listSchema))
          .columns,
        ...(await readInsertFile(platform, { ...vectors, fieldIds: [103n] }, listSchema)).columns,
      ];
      for (const column of golden.listBatch().columns)
        expect(columns.find(({ fieldId }) => fieldId === column.fieldId)).toEqual(column);
    });

    test('insert logs of every type', async () => {
      const files = await storedTyped(version, 3n);
      const back = await readSegment(platform, typedRecord(files), typedSchema);
      const wanted = typedBatch();
      const rows = Uint32Array.from({ length: wanted.rowCount }, (_, row) => row);
      for (const column of wanted.columns) {
        const [found] = back.fetch(rows, [column.fieldId]).columns;
        expect(found, `field ${column.fieldId}`).toEqual(column);
      }
      back.release();
    });

    test('delta logs', async () => {
      const file = await stored('delta_log/2/3/1/1', `delta-log/v${version.charAt(0)}.parquet`);
      const { keys, timestamps } = await readDeletes(platform, file, golden.schema);
      expect(keys.data).toEqual(columnFromInt64(100n, golden.keys).data);
      expect([...timestamps]).toEqual(golden.timestamps);
    });
  });

  test('statistics, where there are any', () => {
    const statisticsIn = (version: string, fieldId: bigint) =>
      new ParquetFileReader(read(`insert-log/v${version}.group-0.parquet`), version).statistics({
        ...{ fieldId, name: '', dim: 0, elementType: 0 },
        dataType: fieldId === 100n ? DataType.Int64 : DataType.VarChar,
      });
    for (const version of ['1', '2']) expect(statisticsIn(version, 100n)).toEqual([undefined]);
    const [keys] = statisticsIn('2.1', 100n);
    expect(keys).toMatchObject({ nulls: 0, least: -7n, most: 9007199254740993n });
    expect(golden.keys.every((key) => keys?.bloom?.mayHold(hashOfKey(key)))).toBe(true);
    expect(keys?.bloom?.mayHold(hashOfKey(6n))).toBe(false);
    const [names] = statisticsIn('2.1', 102n);
    const textOf = (text: string) => new TextEncoder().encode(text);
    expect(names).toEqual({ nulls: 1, least: textOf('a'), most: textOf('é'), bloom: undefined });
  });

  test('logs of all versions in one segment', async () => {
    const files = [
      ...(await storedTyped('2', 8n)),
      ...(await storedTyped('1', 9n)),
      ...(await storedTyped('2.1', 10n)),
    ];
    const back = await readSegment(platform, typedRecord(files), typedSchema);
    const one = typedBatch();
    const both = concatBatches([one, one, one]);
    const rows = Uint32Array.from({ length: both.rowCount }, (_, row) => row);
    for (const column of both.columns)
      expect(back.fetch(rows, [column.fieldId]).columns[0], `field ${column.fieldId}`).toEqual(column);
    back.release();
  });

  test('manifests', async () => {
    await stored('manifest/2/3/1.json', 'manifest/v1.manifest');
    const { schema, segment } = await readManifest(platform, 'manifest/2/3/1.json');
    expect(schema).toEqual(golden.schema);
    expect(segment).toEqual(golden.record);
  });

  test('data folders', () => {
    for (const version of [1, 2, 3])
      expect(new TextDecoder().decode(read(`data-folder/v${version}.FORMAT`))).toBe(
        `elanus data folder, version ${version}\n`,
      );
  });
});

test.each(['L2', 'COSINE'] as const)('FLAT index files (%s)', (metric) => {
  const bytes = read(`flat-index/v1.${metric}`);
  expect(decodeFlatIndex(bytes)).toEqual({ inverseNorms: undefined, ...golden.flat[metric] });
  expect(() => decodeFlatIndex(flipped(bytes, bytes.length - 5))).toThrow('checksum');
});

test.each(['int64', 'text'] as const)('scalar index files (%s)', (name) => {
  const bytes = read(`scalar-index/v1.${name}`);
  const index = decodeOrderedIndex(bytes);
  expect(index.parts.rows).toEqual(Uint32Array.from(name === 'int64' ? [3, 0, 2] : [0, 2, 3]));
  const value = name === 'int64' ? 7n : new TextEncoder().encode('b');
  expect(index.countRows(index.equalTo(value))).toBe(2);
  expect(() => decodeOrderedIndex(flipped(bytes, bytes.length - 5))).toThrow('checksum');
});

test('scalar index files whose rows are in containers', () => {
  const bytes = read('scalar-index/v2.packed');
  const index = decodeOrderedIndex(bytes);
  for (const value of [0n, 2n, 3n]) {
    const bits = new Uint32Array(Math.ceil(index.parts.rowCount / 32));
    index.addRows(index.equalTo(value), bits);
    for (let row = 0; row < index.parts.rowCount; row++)
      if (((((bits[row >>> 5] as number) >>> (row & 31)) & 1) === 1) !== (golden.packedValue(row) === value))
        expect.fail(`row ${row} of value ${value}`);
  }
  expect(() => decodeOrderedIndex(flipped(bytes, bytes.length - 5))).toThrow('checksum');
});

const fieldOf = (fieldId: bigint): FieldRef => ({
  ...{ fieldId, name: 'x', dataType: 0, elementType: 0, nullable: true },
});
const path: Operand = { kind: 'json', type: 'json', field: fieldOf(200n), path: ['a'] };
const below: Operand = { ...path, field: fieldOf(203n) };
const text: Operand = { kind: 'field', type: 'text', field: fieldOf(201n) };

test.each([
  ['ordered', { kind: 'compare', operand: path, op: '==', value: { type: 'double', value: -3 } }, [2]],
  ['grams', { kind: 'like', operand: text, pattern: { kind: 'infix', text: 'gre' } }, [0, 2]],
  ['boxes', { kind: 'near', field: fieldOf(202n), longitude: 0, latitude: 0, metres: 200_000 }, [2, 3]],
  ['paths', { kind: 'compare', operand: below, op: '==', value: { type: 'text', value: 'y' } }, [2]],
] satisfies [string, Leaf, number[]][])(
  'scalar index files with what they index (%s)',
  (name, leaf, rows) => {
    const bytes = read(`scalar-index/v${name === 'paths' ? 2 : 1}.file.${name}`);
    const bits = new Uint32Array(1);
    decodeScalarIndexFile(bytes).answer(leaf)?.addTo(bits);
    expect([0, 1, 2, 3].filter((row) => ((bits[0] as number) >>> row) & 1)).toEqual(rows);
    for (const at of [13, 20, bytes.length - 5])
      expect(() => decodeScalarIndexFile(flipped(bytes, at))).toThrow(/scalar index/);
  },
);

describe('index blocks', () => {
  const names = [
    ...Object.keys(golden.denseKinds).map((kind) => `index-block/v1.${kind}`),
    ...Object.keys(golden.copiedKinds).map((kind) => `index-block/v2.${kind}`),
    ...[
      'index-block/v1.BIN_IVF_FLAT',
      'index-block/v1.HNSW-levels',
      'sparse-index/v1.block',
      'sparse-index/v1.bm25.block',
      'minhash-index/v1.block',
    ],
  ];

  test.each(names)('%s: sections and description stay as they are; a changed byte is refused', (name) => {
    const bytes = read(name);
    const { meta, sections } = decodeIndexBlock(bytes);
    const { indexType, rowCount } = meta;
    expect(encodeIndexBlock(meta, sections)).toEqual(bytes);
    expect(name).toMatch(new RegExp(`${indexType}$|block$|levels$`));
    expect(rowCount).toBeGreaterThan(0);
    for (const at of [0, 5, 13, 20, bytes.length - 1])
      expect(() => decodeIndexBlock(flipped(bytes, at)), `byte ${at}`).toThrow();
  });

  /** What each finds of the five nearest; the codes of few bits have no vectors to score by. */
  const recallMin: Readonly<Record<string, number>> = { IVF_PQ: 0.3, IVF_SQ8: 0.8 };
  test.each(Object.entries(golden.denseKinds))('%s is searched', (name, build) => {
    const { region, store } = golden.denseSource();
    const block = read(`index-block/v1.${name}`);
    const index = loadVectorIndex(golden.workers, block, name);
    const fixture: Fixture = { store, region, index, block, spec: golden.denseSpec(build) };
    const params = { ef: 96, nprobe: 4, refineK: 8, reorderK: 96 };
    let [found, wanted] = [0, 0];
    for (let row = 0; row < golden.ROWS; row += 7) {
      const nearest = new Set(exact(fixture, query(row), 5).rows);
      wanted += nearest.size;
      for (const hit of find(fixture, query(row), 5, { params }).rows) if (nearest.has(hit)) found++;
    }
    expect(found / wanted).toBeGreaterThanOrEqual(recallMin[name] ?? 0.99);
    const excluded = bits(golden.ROWS, (row) => row % 2 === 0);
    const odd = [...find(fixture, query(0), 5, { params, excluded, passing: golden.ROWS / 2 }).rows];
    expect(odd.length).toBe(5);
    expect(odd.every((row) => row % 2 === 1)).toBe(true);
  });

  test('what a build learned of levels', () => {
    const loaded = loadVectorIndex(golden.workers, read('index-block/v1.HNSW-levels'), 'levels');
    expect(learnedLevels(loaded)).toEqual(golden.learnedLevels);
    expect(
      learnedLevels(loadVectorIndex(golden.workers, read('index-block/v1.HNSW'), 'none')),
    ).toBeUndefined();
  });

  test.each(Object.entries(golden.copiedKinds))('version 2: %s finds copies of rows', (name, build) => {
    const { region, store } = golden.denseSource(golden.copiedVectors);
    const block = read(`index-block/v2.${name}`);
    expect(new DataView(block.buffer).getUint16(4, true)).toBe(2);
    const index = loadVectorIndex(golden.workers, block, name);
    const fixture: Fixture = { store, region, index, block, spec: golden.denseSpec(build) };
    const half = golden.ROWS / 2;
    for (const row of [0, 17, 47]) {
      const found = [...find(fixture, query(row), 2, { params: { ef: 96 } }).rows].sort((a, b) => a - b);
      expect(found).toEqual([row, row + half]);
    }
  });

  test('BIN_IVF_FLAT is searched', () => {
    const { region, store } = golden.binarySource();
    const block = read('index-block/v1.BIN_IVF_FLAT');
    const index = loadVectorIndex(golden.workers, block, 'BIN_IVF_FLAT');
    const fixture: Fixture = { store, region, index, block, spec: golden.binarySpec };
    for (const row of [0, 40, 95]) {
      const bits = golden.binaryVectors.slice(row * 8, row * 8 + 8);
      const { rows, scores } = find(fixture, bits, 1, { params: { nprobe: 4 } });
      expect([[...rows], [...scores]]).toEqual([[row], [0]]);
    }
  });

  test('MINHASH_LSH is searched', () => {
    const { region, placement } = loadMinhashIndex(
      golden.workers,
      decodeIndexBlock(read('minhash-index/v1.block')),
    );
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    new Uint8Array(memory.buffer).set(golden.signatures);
    const queries = golden.signatures.slice(16, 32);
    const vectors = { dim: golden.MINHASH.dim, vectorsOffset: 0 };
    const input = { index: placement, vectors, queries, k: 3, params: {} };
    const { rows } = minhashSearch(input, { memories: [memory, region.memory], thread: 0 });
    expect([...rows]).toEqual([1, 5, 9]);
  });
});

test('disk index files are searched', async () => {
  const file = read('disk-index/v1.file');
  const { region, store } = golden.denseSource();
  const disk = loadFile(file);
  const spec = golden.denseSpec(golden.denseKinds.HNSW);
  const fixture: DiskFixture = {
    ...{ store, region, disk, file, spec },
    block: file,
    index: { ...disk, task: 'none' },
  };
  for (const row of [0, 31, 95]) {
    const { rows } = await searchDisk(fixture, query(row), 5, { params: { searchList: 96 } });
    expect([...rows]).toEqual([...exact(fixture, query(row), 5).rows]);
  }
  expect(() => loadFile(flipped(file, 8))).toThrow();
});

test('coded index files hold a graph and the vectors', () => {
  const file = read('coded-index/v1.file');
  const head = decodeDiskHead(file.slice(0, SECTOR_BYTES), 'golden', crc32);
  const { meta } = decodeIndexBlock(file.slice(SECTOR_BYTES, SECTOR_BYTES + head.blockBytes));
  expect(meta).toMatchObject({
    indexType: 'HNSW_SQ',
    metric: 'L2',
    elementType: 'float32',
    rowCount: golden.ROWS,
  });
  const vector = file.slice(head.pagesOffset, head.pagesOffset + golden.DIM * 4);
  expect(vector).toEqual(query(0));
});
