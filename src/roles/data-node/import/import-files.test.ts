// Whole jobs on a simulated platform: what is in the files is in the segments, in the right shard; a failed job leaves nothing behind.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { int64At, isNull, stringAt } from '#model/columns/column.js';
import { shardOfKey } from '#model/columns/row-key.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { DataType } from '#model/schema/data-type.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { ImportJobRecord, type SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, FunctionType } from '#proto/milvus/schema.js';
import { readManifest } from '#segment/files/manifest.js';
import { readSegment } from '#segment/files/read-segment.js';
import { importLimits } from '#segment/imports/reading.js';
import type { Embedder } from '#text/functions/embedder.js';
import { noEmbedder } from '../../../../test/support/no-embedder.js';
import { importFiles } from './import-files.js';

const schemaOf = (key: object = {}): CollectionSchema =>
  CollectionSchema.fromPartial({
    name: 'books',
    enableDynamicField: true,
    fields: [
      { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true, ...key },
      { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
      {
        fieldID: 102n,
        name: 'name',
        dataType: DataType.VarChar,
        nullable: true,
        typeParams: [{ key: 'max_length', value: '64' }],
      },
      { fieldID: 103n, name: '$meta', dataType: DataType.JSON, isDynamic: true },
    ],
  });
interface Setup {
  readonly files: Record<string, string | Uint8Array>;
  readonly schema?: CollectionSchema;
  readonly shards?: number;
  readonly limits?: Partial<typeof importLimits>;
  readonly names?: readonly string[];
  readonly abort?: boolean;
  readonly embedder?: Embedder;
}

async function setUp({
  files,
  schema = schemaOf(),
  shards = 2,
  limits = {},
  names = Object.keys(files),
  abort = false,
  embedder = noEmbedder,
}: Setup) {
  const cluster = simulatedCluster(7);
  const platform = openMemoryPlatform({ cluster, host: 'data-1' });
  const drive = <T>(work: Promise<T>): Promise<T> => cluster.world.runUntil(work);
  for (const [key, text] of Object.entries(files))
    await drive(
      platform.objectStore.put(key, [typeof text === 'string' ? new TextEncoder().encode(text) : text]),
    );
  const vchannels = Array.from({ length: shards }, (_, shard) => `channel_${shard}`);
  const job = ImportJobRecord.fromPartial({
    id: 5n,
    collectionId: 2n,
    partitionId: 3n,
    files: [...names],
    createTimestamp: 77n,
    vchannels,
    schema,
  });
  let next = 1000n;
  const allocateIds = async (count: number): Promise<bigint> => {
    next += BigInt(count);
    return next - BigInt(count);
  };
  const signal = abort ? AbortSignal.abort() : new AbortController().signal;
  const ids = vchannels.map((_, shard) => BigInt(10 + shard));
  const run = () =>
    drive(
      importFiles({
        embedder,
        platform,
        job,
        taskIndex: 0,
        segmentIds: ids,
        allocateIds,
        signal,
        limits: { ...importLimits, ...limits },
      }),
    );
  const rowsOf = async (record: SegmentRecord) => {
    const data = await drive(readSegment(platform, record, schema));
    const rows = Uint32Array.from({ length: data.rowCount }, (_, row) => row);
    const { columns } = data.fetch(rows, [102n, 103n]);
    const found = Array.from(rows, (row) => ({
      id: data.keyOf(row),
      v: Array.from(data.vectorAt(101n, row)),
      name: columns[0] && !isNull(columns[0], row) ? stringAt(columns[0], row) : null,
      meta: columns[1] ? stringAt(columns[1], row) : '',
      timestamp: data.timestampOf(row),
      rowId: int64At(data.fetch(rows, [0n]).columns[0] as never, row),
    }));
    data.release();
    return found;
  };
  const allRows = async (segments: readonly SegmentRecord[]) => {
    const all: Awaited<ReturnType<typeof rowsOf>> = [];
    for (const segment of segments) all.push(...(await rowsOf(segment)));
    return all.sort((a, b) => (a.rowId < b.rowId ? -1 : 1));
  };
  const keys = async () => (await drive(platform.objectStore.list(''))).filter((key) => !(key in files));
  return { platform, run, rowsOf, allRows, keys, drive };
}

const row = (id: bigint | number, more = ''): string => `{"id":${id},"v":[${Number(id) % 7},0.5]${more}}`;

describe('importFiles', () => {
  it('asks for the vectors that functions make, of all rows of a batch at once; a failure leaves nothing', async () => {
    const { fields, ...rest } = schemaOf();
    const schema = withFunctions(
      CollectionSchema.fromPartial({
        ...rest,
        fields: fields.filter(({ name }) => name !== '$meta').map((field) => ({ ...field, nullable: false })),
        functions: [
          {
            name: 'embed',
            type: FunctionType.TextEmbedding,
            inputFieldNames: ['name'],
            outputFieldNames: ['v'],
            params: [{ key: 'provider', value: 'any' }],
          },
        ],
      }),
    );
    const asked: string[][] = [];
    const embedder = (fails: boolean): Embedder => ({
      embed: async ({ texts, isBulk }) => {
        if (fails) throw new ElanusError('provider_unavailable', 'busy');
        asked.push([...texts, String(isBulk)]);
        return new Uint8Array(Float32Array.from(texts.flatMap(({ length }) => [length, 1])).buffer);
      },
    });
    const files = { 'a.json': '{"rows":[{"id":1,"name":"one"},{"id":2,"name":"three"}]}' };
    const { run, rowsOf } = await setUp({ files, schema, shards: 1, embedder: embedder(false) });
    const [segment] = (await run()).segments;
    expect((await rowsOf(must(segment, 'segment'))).map(({ v }) => v)).toEqual([
      [3, 1],
      [5, 1],
    ]);
    expect(asked).toEqual([['one', 'three', 'true']]);
    const failing = await setUp({ files, schema, shards: 1, embedder: embedder(true) });
    await expect(failing.run()).rejects.toThrowError(/busy/);
    expect(await failing.keys()).toEqual([]);
  });

  it.each([
    [[], 1_735_689_600_000_000n],
    [[{ key: 'timezone', value: 'Asia/Shanghai' }], 1_735_660_800_000_000n],
  ])(
    'reads times without an offset in the zone of the collection, of properties %j',
    async (properties, micros) => {
      const { fields } = schemaOf();
      const at = { fieldID: 104n, name: 'at', dataType: DataType.Timestamptz };
      const schema = CollectionSchema.fromPartial({
        name: 'books',
        fields: [...fields.slice(0, 2), at],
        properties,
      });
      const files = {
        'a.json': `{"rows":[${row(1, ',"at":"2025-01-01T00:00:00"')},${row(2, ',"at":"2025-01-01T00:00:00Z"')}]}`,
      };
      const { run, platform, drive } = await setUp({ files, schema, shards: 1 });
      const [segment] = (await run()).segments;
      const data = await drive(readSegment(platform, must(segment, 'segment'), schema));
      const [column] = data.fetch(Uint32Array.of(0, 1), [104n]).columns;
      expect([0, 1].map((at) => int64At(must(column, 'column'), at))).toEqual([
        micros,
        1_735_689_600_000_000n,
      ]);
      data.release();
    },
  );

  it('puts the rows of several files into the segments of their shards', async () => {
    const big = 9_007_199_254_740_993n;
    const { run, rowsOf, allRows, platform, drive } = await setUp({
      files: {
        'a/1.json': `{"rows":[${row(1, ',"name":"é"')},${row(big, ',"k":9007199254740995')}]}`,
        'a/2.JSONL': `${row(3)}\n${row(4)}\n`,
      },
    });
    const { segments, rowCount } = await run();
    expect(rowCount).toBe(4n);
    const all = await allRows(segments);
    expect(all).toEqual([
      { id: 1n, v: [1, 0.5], name: 'é', meta: '{}', timestamp: 77n, rowId: 1000n },
      {
        id: big,
        v: [Number(big) % 7, 0.5],
        name: null,
        meta: '{"k":9007199254740995}',
        timestamp: 77n,
        rowId: 1001n,
      },
      { id: 3n, v: [3, 0.5], name: null, meta: '{}', timestamp: 77n, rowId: 1002n },
      { id: 4n, v: [4, 0.5], name: null, meta: '{}', timestamp: 77n, rowId: 1003n },
    ]);
    for (const segment of segments) {
      const shard = Number(segment.id - 10n);
      expect(segment).toMatchObject({
        collectionId: 2n,
        partitionId: 3n,
        vchannel: `channel_${shard}`,
        state: 'importing',
        commitTimestamp: 0n,
      });
      for (const { id } of await rowsOf(segment)) expect(shardOfKey(id, 2)).toBe(shard);
      expect((await drive(readManifest(platform, segment.manifestKey))).segment).toEqual(segment);
    }
  });
  it('gives the same rows for any size of slices, batches and segments', async () => {
    const anyRow = fc.record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      name: fc.option(fc.string({ maxLength: 8 })),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyRow, { selector: ({ id }) => id, maxLength: 30 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1, 1 << 30),
        fc.integer({ min: 1, max: 3 }),
        async (rows, sliceBytes, batchRows, segmentBytes, shards) => {
          const text = `[${rows.map(({ id, name }) => `{"id":${id},"v":[1,2],"name":${JSON.stringify(name)}}`).join()}]`;
          const { run, allRows } = await setUp({
            files: { 'f.json': text },
            shards,
            limits: { sliceBytes, batchRows, segmentBytes },
          });
          const { segments, rowCount } = await run();
          const all = await allRows(segments);
          expect(all.map(({ id, name }) => ({ id, name }))).toEqual(rows);
          expect(rowCount).toBe(BigInt(rows.length));
        },
      ),
      { numRuns: 30 },
    );
  });
  it('keeps the last of the rows with one key', async () => {
    const { run, allRows } = await setUp({
      files: { 'f.json': `[${row(1, ',"name":"a"')},${row(2)},${row(1, ',"name":"b"')}]` },
      shards: 1,
    });
    const { segments, rowCount } = await run();
    expect(rowCount).toBe(2n);
    expect((await allRows(segments)).map(({ id, name }) => [id, name])).toEqual([
      [2n, null],
      [1n, 'b'],
    ]);
  });
  it('makes keys for autoID', async () => {
    const { run, allRows } = await setUp({
      files: { 'f.jsonl': '{"v":[1,2]}\n{"v":[3,4]}' },
      schema: schemaOf({ autoID: true }),
      shards: 1,
    });
    const { segments } = await run();
    expect((await allRows(segments)).map(({ id, v }) => [id, v])).toEqual([
      [1000n, [1, 2]],
      [1001n, [3, 4]],
    ]);
  });
  it.each(['{"rows":[]}', '[]'])('has no segments for %s', async (text) => {
    const { run, keys } = await setUp({ files: { 'f.json': text } });
    expect(await run()).toEqual({ segments: [], rowCount: 0n, groupRows: [0n] });
    expect(await keys()).toEqual([]);
  });

  const good = Array.from({ length: 40 }, (_, id) => row(id)).join();
  it.each<[string, Setup, RegExp, string]>([
    [
      'a bad row after written segments',
      { files: { 'f.json': `[${good},{"id":"x"}]` }, limits: { segmentBytes: 1, batchRows: 4 } },
      /^file "f.json" row 41: field "id": .*expected/,
      'import_failed',
    ],
    [
      'a cut file',
      { files: { 'f.json': `[${good}` }, limits: { segmentBytes: 1, batchRows: 4 } },
      /^file "f.json" row 41: the text ends/,
      'import_failed',
    ],
    ['an empty file', { files: { 'f.json': '' } }, /the file is empty/, 'import_failed'],
    ['an empty file of lines', { files: { 'f.jsonl': '\n' } }, /the file is empty/, 'import_failed'],
    ['an encoded path', { files: {}, names: ['a/%2e%2e%5cf.json'] }, /encoded separators/, 'import_failed'],
    ['a drive', { files: {}, names: ['C:f.json'] }, /a colon/, 'import_failed'],
    ['a URL', { files: {}, names: ['file:///etc/f.json'] }, /not a valid object key/, 'import_failed'],
    ['an absolute path', { files: {}, names: ['/etc/f.json'] }, /not a valid object key/, 'import_failed'],
    ['a NUL', { files: {}, names: ['f\0.json'] }, /not a valid object key/, 'import_failed'],
    ['a backslash', { files: {}, names: ['..\\f.json'] }, /not a valid object key/, 'import_failed'],
    ['an object of ours', { files: {}, names: ['manifest/1/2/3.json'] }, /its own files/, 'import_failed'],
    [
      'a key twice',
      { files: { 'f.json': `[${row(1)},${row(2, ',"x":6,"$meta":{"x":8}')}]` } },
      /row 2: field "x": is given twice/,
      'import_failed',
    ],
    [
      'a million keys',
      { files: { 'f.json': `[{${Array.from({ length: 1e6 }, (_, at) => `"k${at}":1`).join()}}]` } },
      /row 1: field "\$meta": JSON has more/,
      'import_failed',
    ],
    [
      'a missing file',
      { files: { 'f.json': `[${good}]` }, names: ['f.json', 'g.json'] },
      /"g.json" not found in the object store/,
      'import_failed',
    ],
    ['another format', { files: {}, names: ['f.xml'] }, /ends in \.json, \.jsonl/, 'import_failed'],
    ['a device', { files: {}, names: ['up/NUL.json'] }, /the name of a device/, 'import_failed'],
    [
      'a path out of the store',
      { files: {}, names: ['../f.json'] },
      /not a valid object key/,
      'import_failed',
    ],
    [
      'bytes that are no UTF-8',
      { files: { 'f.jsonl': Uint8Array.of(0x7b, 0xff, 0x7d) } },
      /row 1: .*not valid UTF-8/,
      'import_failed',
    ],
    ['a cancelled job', { files: { 'f.json': `[${good}]` }, abort: true }, /cancelled/, 'cancelled'],
    [
      'a file too large',
      { files: { 'f.json': `[${good}]` }, limits: { fileBytesMax: 10 } },
      /at most 10/,
      'import_failed',
    ],
  ])('leaves nothing behind after %s', async (_, setup, message, key) => {
    const { run, keys } = await setUp(setup);
    const error: unknown = await run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ key, message: expect.stringMatching(message) });
    expect(await keys()).toEqual([]);
  });
});
