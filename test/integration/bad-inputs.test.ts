// Names, schemas, values and filters at the edges of what is allowed, as exact bytes over gRPC. Each is refused with a code and a sentence, or
// accepted for what it is; the server lives, nothing is half written, and a row of before is found afterwards.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  DropCollectionRequest,
  InsertRequest,
  MutationResult,
  QueryRequest,
  QueryResults,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, type FieldData } from '#proto/milvus/schema.js';
import { longs } from '../support/field-data.js';
import {
  brains,
  fieldNames,
  filters,
  floatVector,
  halves,
  id,
  names,
  type PartialField,
  schemas,
  sparse,
  values,
  vector,
} from './bad-input-cases.js';
import { connectRaw, type RawClient, unaryMethods } from './raw-client.js';
import { connect, failureOf, type keyField, mustSucceed, openWorld, type World } from './support.js';

describe('bad inputs', () => {
  let world: World;
  let raw: RawClient;
  const statusOf = async (method: string, request: Uint8Array) => {
    const answer = await raw.call(method, request);
    return unaryMethods.find(({ name }) => name === method)?.statusOf(answer);
  };
  const refuses = (status: Pick<Status, 'code' | 'reason'> | undefined, refusal: string): void => {
    expect(status?.code).toBeOneOf([999, 1100, 1101, 3000, 65_535]);
    expect(status?.reason).toContain(refusal);
    expect(status?.reason).not.toMatch(/undefined|\[object|internal error/);
  };
  const count = async (expr = ''): Promise<{ code: number; reason: string; count: bigint | undefined }> => {
    const request = { collectionName: 'edges', expr, outputFields: ['count(*)'] };
    const { status, fieldsData } = QueryResults.decode(
      await raw.call(
        'Query',
        QueryRequest.encode(QueryRequest.fromPartial({ ...request, consistencyLevel: 0 })).finish(),
      ),
    );
    const field = fieldsData[0]?.field;
    const data = field?.$case === 'scalars' ? field.value.data : undefined;
    const bytes = data?.$case === 'longData' ? data.value.data : undefined;
    return {
      code: status?.code ?? 0,
      reason: status?.reason ?? '',
      count: bytes === undefined ? undefined : BigInt(bytes[0] ?? 0),
    };
  };
  const creation = async (collectionName: string, fields: PartialField[], more: object = {}) => {
    const schema = CollectionSchema.encode(
      CollectionSchema.fromPartial({ name: collectionName, fields }),
    ).finish();
    const request = CreateCollectionRequest.fromPartial({ collectionName, schema, ...more });
    const status = await statusOf('CreateCollection', CreateCollectionRequest.encode(request).finish());
    if (status?.code === 0)
      await raw.call(
        'DropCollection',
        DropCollectionRequest.encode(DropCollectionRequest.fromPartial({ collectionName })).finish(),
      );
    return status;
  };
  let nextKey = 1n;
  const insert = async (column?: FieldData) => {
    const row = [
      longs('id', [nextKey++]),
      floatVector([1, 0]),
      halves(0x3c00, 0),
      brains(0x3f80, 0),
      sparse([1, 0.5]),
    ];
    const others = row.filter(({ fieldName }) => fieldName !== column?.fieldName);
    const fieldsData = column === undefined ? row : [...others, column];
    const request = InsertRequest.fromPartial({ collectionName: 'edges', numRows: 1, fieldsData });
    return MutationResult.decode(await raw.call('Insert', InsertRequest.encode(request).finish())).status;
  };

  beforeAll(async () => {
    world = await openWorld('memory');
    raw = connectRaw(world.database.address);
    const nullable = (name: string, data_type: DataType, more: object = {}) => ({
      name,
      data_type,
      nullable: true,
      ...more,
    });
    await mustSucceed(
      world.client.createCollection({
        collection_name: 'edges',
        enable_dynamic_field: true,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'v', data_type: DataType.FloatVector, dim: 2 },
          { name: 'half', data_type: DataType.Float16Vector, dim: 2 },
          { name: 'brain', data_type: DataType.BFloat16Vector, dim: 2 },
          { name: 'sparse', data_type: DataType.SparseFloatVector },
          nullable('name', DataType.VarChar, { max_length: 10 }),
          nullable('doc', DataType.JSON),
          nullable('small', DataType.Int8),
          nullable('big', DataType.Int64),
          nullable('real', DataType.Float),
          nullable('place', DataType.Geometry),
          nullable('at', DataType.Timestamptz),
          nullable('list', DataType.Array, { element_type: DataType.Int64, max_capacity: 3 }),
        ] as (typeof keyField)[],
      }),
    );
    for (const [field_name, metric_type, index_type] of [
      ['v', 'COSINE', 'FLAT'],
      ['half', 'L2', 'FLAT'],
      ['brain', 'L2', 'FLAT'],
      ['sparse', 'IP', 'SPARSE_INVERTED_INDEX'],
    ] as const)
      await mustSucceed(
        world.client.createIndex({ collection_name: 'edges', field_name, index_type, metric_type }),
      );
    await mustSucceed(world.client.loadCollectionSync({ collection_name: 'edges' }));
    for (let row = 0; row < 3; row++) expect((await insert())?.code).toBe(0);
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });

  test('an index on what is no field says so in the names that the client knows', async () => {
    const { client } = world;
    const index = { collection_name: 'edges', field_name: 'nothing', index_type: 'HNSW', metric_type: 'L2' };
    const { reason } = await failureOf(() => client.createIndex(index));
    expect(reason).toContain(
      'cannot create index on non-exist field: nothing; collection edges has the fields id, v,',
    );
    expect(reason).not.toContain('$meta');
    // As some clients ask: by the name of an index in the place of the field.
    const field_name = 'v_by_name';
    await mustSucceed(
      client.createIndex({
        collection_name: 'edges',
        field_name: 'name',
        index_name: field_name,
        index_type: 'INVERTED',
      }),
    );
    const { index_descriptions: found } = await client.describeIndex({
      collection_name: 'edges',
      field_name,
    });
    expect(found.map(({ index_name, field_name: of }) => [index_name, of])).toEqual([[field_name, 'name']]);
    await mustSucceed(
      client.dropIndex({ collection_name: 'edges', field_name: 'name', index_name: field_name }),
    );
  });

  describe('names and schemas', () => {
    test.each(names)('collection %j', async (name, refusal) => {
      const status = await creation(name, [id, vector(2)]);
      if (refusal === undefined) expect(status).toMatchObject({ code: 0, reason: '' });
      else refuses(status, refusal);
    });
    test.each(fieldNames)('field %j', async (name, refusal) => {
      const status = await creation('fresh', [id, vector(2), { name, dataType: DataType.Int64 }]);
      if (refusal === undefined) expect(status).toMatchObject({ code: 0, reason: '' });
      else refuses(status, refusal);
    });
    test.each(schemas)('%s', async (_what, fields, refusal, more) => {
      const status = await creation('fresh', fields, more);
      if (refusal === undefined) expect(status).toMatchObject({ code: 0, reason: '' });
      else refuses(status, refusal);
    });
    test('leave nothing behind', async () => {
      const other = await connect(world.database.address);
      expect((await other.showCollections()).data.map(({ name }) => name)).toEqual(['edges']);
      await other.closeConnection();
    });
  });

  describe('filters', () => {
    test.each(filters.map(([filter, answer, what]) => [what ?? filter, filter, answer] as const))(
      '%s',
      async (_what, filter, answer) => {
        const found = await count(filter);
        if (typeof answer === 'number') expect(found).toEqual({ code: 0, reason: '', count: BigInt(answer) });
        else refuses(found, answer);
        expect(await count()).toEqual({ code: 0, reason: '', count: 3n });
      },
    );
  });

  describe('values', () => {
    test.each(values)('%s', async (_what, column, refusal) => {
      const before = (await count()).count ?? 0n;
      const status = await insert(column);
      if (refusal === undefined) expect(status).toMatchObject({ code: 0, reason: '' });
      else refuses(status, refusal);
      expect((await count()).count).toBe(before + (refusal === undefined ? 1n : 0n));
    });
    test('of before are found by a search, among zero vectors and denormals', async () => {
      const { results } = await world.client.search({
        collection_name: 'edges',
        anns_field: 'v',
        data: [1, 0],
        limit: 3,
      });
      expect(results.map(({ score }) => score)).toEqual([1, 1, 1]);
    });
  });
});
