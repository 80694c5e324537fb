// Insert, upsert and delete with shards that remember what they were handed.
import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { columnFromInt64, findColumn, int64Values } from '#model/columns/column.js';
import { decodeInt64s, encodeInt64s } from '#model/columns/packed-array.js';
import { shardOfRow } from '#model/columns/row-key.js';
import type { AppendRequest } from '#proto/elanus/roles.js';
import type { MutationResult } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, FieldData, IDs } from '#proto/milvus/schema.js';
import { collectionRecord, openProxyWorld, schema, VCHANNELS } from '../../../../test/support/proxy-world.js';

const longs = (fieldName: string, values: readonly bigint[]) =>
  FieldData.fromPartial({
    fieldName,
    type: DataType.Int64,
    field: {
      $case: 'scalars',
      value: {
        data: { $case: 'longData', value: { data: encodeInt64s(bytesView(BigInt64Array.from(values))) } },
      },
    },
  });

const vectors = (count: number) =>
  FieldData.fromPartial({
    fieldName: 'v',
    type: DataType.FloatVector,
    field: {
      $case: 'vectors',
      value: {
        dim: 2n,
        data: { $case: 'floatVector', value: { data: bytesView(new Float32Array(2 * count)) } },
      },
    },
  });

const rows = (keys: readonly bigint[], values = keys.map((key) => key * 100n)) => ({
  collectionName: 'c',
  numRows: keys.length,
  fieldsData: [longs('id', keys), vectors(keys.length), longs('n', values)],
});

const KEYS = Array.from({ length: 12 }, (_, key) => BigInt(key));
const shardOf = (key: bigint): number => shardOfRow(columnFromInt64(100n, [key]), 0, VCHANNELS.length);
const idsOf = ({ IDs }: MutationResult): bigint[] =>
  IDs?.idField?.$case === 'intId'
    ? [...new BigInt64Array(decodeInt64s(IDs.idField.value.data, 'test').slice().buffer)]
    : [];

function openWrites(change: Parameters<typeof collectionRecord>[0] = {}) {
  const appended: AppendRequest[] = [];
  let failing: string | undefined;
  let failure = new ElanusError('queue_full', 'too much at once');
  const proxy = openProxyWorld(
    {
      rootCoord: {
        allocTimestamp: async () => ({ timestamp: 99n }),
        allocID: async ({ count }) => ({ ID: 5000n, count }),
      },
      streamingNode: {
        append: async (request) => {
          if (request.vchannel === failing) throw failure;
          appended.push(request);
          return { timestamp: BigInt(50 + VCHANNELS.indexOf(request.vchannel)) };
        },
      },
    },
    collectionRecord(change),
  );
  return {
    ...proxy,
    appended,
    fail: (vchannel: string, how = failure) => {
      failing = vchannel;
      failure = how;
    },
  };
}

/** The channel, partition, key and `n` of every row that was handed to a shard. */
const insertsOf = (appended: readonly AppendRequest[]) =>
  appended.flatMap(({ vchannel, inserts }) =>
    inserts.flatMap(({ partitionId, rows: batch }) => {
      const column = (id: bigint) => batch && findColumn(batch, id);
      const [keys, values] = [column(100n), column(102n)];
      if (keys === undefined || values === undefined) return [];
      const numbers = int64Values(values);
      return [...int64Values(keys)].map((key, row) => ({ vchannel, partitionId, key, n: numbers[row] }));
    }),
  );

const deletesOf = (appended: readonly AppendRequest[]) =>
  appended.flatMap(({ vchannel, deletedKeys, deletedPartitionId }) =>
    deletedKeys === undefined
      ? []
      : [...int64Values(deletedKeys)].map((key) => ({ vchannel, key, deletedPartitionId })),
  );

const inKeyOrder = <T extends { readonly key: bigint }>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => Number(a.key - b.key));

describe('insert', () => {
  it('takes what a client made by the fields of now, however often properties changed since, and nothing else', async () => {
    const { call } = openWrites({ createdTimestamp: 10n, schemaTimestamp: 20n, updateTimestamp: 30n });
    const codes: (readonly [bigint, number | undefined])[] = [];
    for (const schemaTimestamp of [0n, 10n, 19n, 20n, 25n, 30n, 31n])
      codes.push([schemaTimestamp, (await call('insert', { ...rows(KEYS), schemaTimestamp })).status?.code]);
    expect(codes).toEqual([
      [0n, 0],
      [10n, 109],
      [19n, 109],
      [20n, 0],
      [25n, 0],
      [30n, 0],
      [31n, 109],
    ]);
  });

  it('hands every row to the shard of its key, once, and answers its keys in order', async () => {
    const { call, appended } = openWrites();
    const answer = await call('insert', { ...rows(KEYS), partitionName: 'other' });
    expect(answer).toMatchObject({ status: { code: 0 }, insertCnt: 12n, timestamp: 51n });
    expect(idsOf(answer)).toEqual(KEYS);
    expect(inKeyOrder(insertsOf(appended))).toEqual(
      KEYS.map((key) => ({ vchannel: VCHANNELS[shardOf(key)], partitionId: 11n, key, n: key * 100n })),
    );
    expect(deletesOf(appended)).toEqual([]);
  });

  it('fails when one shard fails, and writes nothing when the request is wrong', async () => {
    const { call, appended, fail } = openWrites();
    const wrong: [object, number][] = [
      [{ ...rows(KEYS), partitionName: 'absent' }, 200],
      [{ ...rows(KEYS), schemaTimestamp: 4n }, 109],
      [{ ...rows(KEYS), numRows: 3 }, 1100],
      [{ ...rows(KEYS), fieldsData: [] }, 1100],
    ];
    for (const [request, code] of wrong) expect((await call('insert', request)).status?.code).toBe(code);
    expect(appended).toEqual([]);
    fail(VCHANNELS[1] ?? '');
    // Code 4 would say that nothing was done, and clients would send all of it again.
    expect(await call('insert', rows(KEYS))).toMatchObject({
      status: { code: 2, reason: expect.stringContaining('1 of 2 shards have their part') },
      insertCnt: 0n,
    });
    const others = KEYS.filter((key) => shardOf(key) === 1);
    expect(insertsOf(appended).length).toBe(KEYS.length - others.length);
    expect(await call('insert', rows(others))).toMatchObject({
      status: { code: 4, reason: 'too much at once', retriable: true },
    });
  });

  it('does not ask for a new schema and the same rows again where one shard has its part', async () => {
    const { call, fail } = openWrites();
    fail(VCHANNELS[1] ?? '', new ElanusError('schema_mismatch', 'rows of another schema'));
    // By code 109 clients describe the collection again and send all rows once more.
    expect(await call('insert', rows(KEYS))).toMatchObject({
      status: {
        code: 2,
        reason: expect.stringMatching(/rows of another schema.*1 of 2 shards have their part/),
      },
    });
    const others = KEYS.filter((key) => shardOf(key) === 1);
    expect(await call('insert', rows(others))).toMatchObject({ status: { code: 109 } });
  });

  it('takes keys from the oracle where the collection gives them', async () => {
    const fields = schema.fields.map((field) => ({ ...field, autoID: field.isPrimaryKey }));
    const { call, appended } = openWrites({ schema: CollectionSchema.fromPartial({ ...schema, fields }) });
    const answer = await call('insert', { ...rows(KEYS), fieldsData: rows(KEYS).fieldsData.slice(1) });
    expect(idsOf(answer)).toEqual(KEYS.map((key) => key + 5000n));
    expect(inKeyOrder(insertsOf(appended)).map(({ n }) => n)).toEqual(KEYS.map((key) => key * 100n));
  });
});

describe('upsert', () => {
  it('deletes and inserts in one record of the shard, the last row of a key alone', async () => {
    const { call, appended } = openWrites();
    const answer = await call('upsert', rows([1n, 2n, 1n, 3n], [10n, 20n, 11n, 30n]));
    expect(answer).toMatchObject({ status: { code: 0 }, upsertCnt: 4n, insertCnt: 3n, deleteCnt: 3n });
    expect(inKeyOrder(insertsOf(appended)).map(({ key, n }) => [key, n])).toEqual([
      [1n, 11n],
      [2n, 20n],
      [3n, 30n],
    ]);
    expect(inKeyOrder(deletesOf(appended))).toEqual(
      [1n, 2n, 3n].map((key) => ({ vchannel: VCHANNELS[shardOf(key)], key, deletedPartitionId: 10n })),
    );
    expect(new Set(appended.map(({ vchannel }) => vchannel)).size).toBe(appended.length);
  });

  it('replaces the row of any partition where a field chooses it', async () => {
    const fields = schema.fields.map((field) => ({ ...field, isPartitionKey: field.name === 'n' }));
    const { call, appended } = openWrites({ schema: CollectionSchema.fromPartial({ ...schema, fields }) });
    await call('upsert', rows(KEYS));
    expect(deletesOf(appended).map(({ deletedPartitionId }) => deletedPartitionId)).toEqual(
      KEYS.map(() => 0n),
    );
    expect(new Set(insertsOf(appended).map(({ partitionId }) => partitionId))).toEqual(new Set([10n, 11n]));
  });

  it('is refused with a partial row', async () => {
    const { call, appended } = openWrites();
    expect((await call('upsert', { ...rows(KEYS), partialUpdate: true })).status?.code).toBe(3000);
    expect(appended).toEqual([]);
  });
});

describe('delete', () => {
  it('sends each key to its shard, in the partition that is named or in all', async () => {
    const { call, appended } = openWrites();
    const answer = await call('delete', {
      collectionName: 'c',
      expr: 'id in [3, 1, 2]',
      partitionName: 'other',
    });
    expect(answer).toMatchObject({ status: { code: 0 }, deleteCnt: 3n });
    expect([answer.IDs, answer.succIndex]).toEqual([IDs.create(), []]);
    expect(inKeyOrder(deletesOf(appended))).toEqual(
      [1n, 2n, 3n].map((key) => ({ vchannel: VCHANNELS[shardOf(key)], key, deletedPartitionId: 11n })),
    );
    await call('delete', { collectionName: 'c', expr: 'id == 8' });
    expect(deletesOf(appended).at(-1)).toMatchObject({ key: 8n, deletedPartitionId: 0n });
  });

  it('appends nothing for no keys, and answers a time of now', async () => {
    const { call, appended } = openWrites();
    expect(await call('delete', { collectionName: 'c', expr: 'id in []' })).toMatchObject({
      status: { code: 0 },
      deleteCnt: 0n,
      timestamp: 99n,
    });
    expect(appended).toEqual([]);
  });

  it('deletes nothing by a filter that says nothing, or that fails on its way', async () => {
    const { call, appended, fail } = openWrites();
    for (const expr of ['', ' ', 'n > 3 and', 'random_sample(0.5)'])
      expect((await call('delete', { collectionName: 'c', expr })).status?.code).toBe(1100);
    fail(VCHANNELS[shardOf(1n)] ?? '');
    expect((await call('delete', { collectionName: 'c', expr: 'id == 1' })).status?.retriable).toBe(true);
    expect(appended).toEqual([]);
  });
});
