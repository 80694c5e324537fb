// Requests that are nearly right, against a collection that exists: rows whose columns do not fit, damaged bytes, odd parameters. Each is
// answered with success or a typed error, and the rows that were there before are still found.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import type { Connection } from '#platform/transport.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import {
  CreateCollectionRequest,
  CreateIndexRequest,
  DeleteRequest,
  InsertRequest,
  LoadCollectionRequest,
  MilvusServiceDefinition,
  MutationResult,
  QueryRequest,
  QueryResults,
  SearchRequest,
  UpsertRequest,
} from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, FieldData } from '#proto/milvus/schema.js';
import { remoteClient } from '#rpc/service.js';
import { defaultConfig } from '#server/config.js';
import { type RunningNode, startNode } from '#server/node.js';
import { int64s, nearly, sizes } from './arbitraries.js';
import { DIM, floats, keysOf, textOf, vectorsOf } from './columns.js';
import { SEED } from './invariant.js';

const KEPT = [1n, 2n, 3n];
let platform: Platform;
let node: RunningNode;
let connection: Connection;
const context = () => ({
  signal: new AbortController().signal,
  metadata: {},
  deadlineMs: Date.now() + 20_000,
});

const call = (path: string, bytes: Uint8Array): Promise<Uint8Array> =>
  connection.call(`/milvus.proto.milvus.MilvusService/${path}`, bytes, context());
beforeAll(async () => {
  platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  node = await startNode(platform, { ...defaultConfig, port: 0 });
  connection = platform.transport.connect(`127.0.0.1:${node.listener?.port}`);
  const client = remoteClient(MilvusServiceDefinition, (path, bytes, given) =>
    connection.call(path, bytes, given),
  );
  const schema = CollectionSchema.fromPartial({
    name: 'c',
    enableDynamicField: true,
    fields: [
      { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
      {
        name: 't',
        dataType: DataType.VarChar,
        nullable: true,
        typeParams: [{ key: 'max_length', value: '8' }],
      },
    ],
  });
  await client.createCollection(
    CreateCollectionRequest.fromPartial({
      collectionName: 'c',
      schema: CollectionSchema.encode(schema).finish(),
      shardsNum: 1,
    }),
  );
  await client.createIndex(
    CreateIndexRequest.fromPartial({
      collectionName: 'c',
      fieldName: 'v',
      extraParams: [
        { key: 'index_type', value: 'FLAT' },
        { key: 'metric_type', value: 'L2' },
      ],
    }),
  );
  await client.loadCollection(LoadCollectionRequest.fromPartial({ collectionName: 'c' }));
  await client.insert(
    InsertRequest.fromPartial({
      collectionName: 'c',
      numRows: 3,
      fieldsData: [
        keysOf(KEPT),
        vectorsOf(Array.from({ length: 12 }, (_, at) => at)),
        textOf('t', ['a', 'b', 'c']),
      ],
    }),
  );
});

afterAll(async () => {
  connection.close();
  await node.close();
  await platform.close();
});

const fieldArbitrary: fc.Arbitrary<FieldData> = fc.oneof(
  fc.array(int64s, { maxLength: 6 }).map(keysOf),
  fc
    .tuple(
      fc.array(fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY)), {
        maxLength: 24,
      }),
      fc.constantFrom(DIM, 0, 1, -4, 2 ** 31),
    )
    .map(([values, dim]) => vectorsOf(values, dim)),
  fc
    .tuple(
      fc.constantFrom('t', 'id', 'v', 'other', '', '$meta'),
      fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 }),
      fc.array(fc.boolean(), { maxLength: 6 }),
    )
    .map(([name, texts, valid]) => textOf(name, texts, valid)),
  fc
    .record({
      fieldName: fc.constantFrom('id', 'v', 't', '$meta', 'x'),
      type: fc.integer({ min: -1, max: 130 }),
      isDynamic: fc.boolean(),
      validData: fc.array(fc.boolean(), { maxLength: 4 }),
    })
    .map((facts) => FieldData.fromPartial({ ...facts, type: facts.type as 5 })),
  fc
    .tuple(
      fc.constantFrom('id', 't', '$meta', 'x'),
      fc.constantFrom('boolData', 'intData', 'longData', 'floatData', 'doubleData'),
      fc.uint8Array({ maxLength: 20 }),
    )
    .map(([fieldName, kind, data]) =>
      FieldData.fromPartial({
        fieldName,
        type: DataType.Int64,
        field: { $case: 'scalars', value: { data: { $case: kind, value: { data } } } },
      }),
    ),
  fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }).map((data) =>
    FieldData.fromPartial({
      fieldName: '$meta',
      type: DataType.JSON,
      isDynamic: true,
      field: { $case: 'scalars', value: { data: { $case: 'jsonData', value: { data } } } },
    }),
  ),
);
const rowsArbitrary = fc.record({
  fieldsData: fc.array(fieldArbitrary, { maxLength: 5 }),
  numRows: sizes.map((size) => size >>> 0),
  partitionName: fc.constantFrom('', '_default', 'x', '\0'),
});

const rightRows = fc.integer({ min: 1, max: 4 }).map((count) => ({
  numRows: count,
  fieldsData: [
    keysOf(Array.from({ length: count }, (_, at) => BigInt(1000 + at))),
    vectorsOf(new Array(count * DIM).fill(0.5)),
    textOf('t', new Array(count).fill('x')),
  ],
}));
async function answerTo(method: keyof typeof types, bytes: Uint8Array): Promise<void> {
  const reply = types[method].decode(await call(method, bytes));
  expect(
    reply.status?.code,
    `${method} ${Buffer.from(bytes).toString('hex')}: ${reply.status?.reason}`,
  ).not.toBe(5);
}

const types = {
  Insert: MutationResult,
  Upsert: MutationResult,
  Delete: MutationResult,
  Query: QueryResults,
  Search: MilvusServiceDefinition.methods.search.responseType,
} as const;
async function keptRows(): Promise<bigint> {
  const bytes = QueryRequest.encode(
    QueryRequest.fromPartial({
      collectionName: 'c',
      expr: 'id in [1, 2, 3]',
      outputFields: ['id', 'v', 't'],
    }),
  ).finish();
  const reply = QueryResults.decode(await call('Query', bytes));
  expect(reply.status?.code).toBe(0);
  const field = reply.fieldsData.find((candidate) => candidate.fieldName === 'v')?.field;
  return BigInt(
    field?.$case === 'vectors' && field.value.data?.$case === 'floatVector'
      ? field.value.data.value.data.length / 4 / DIM
      : 0,
  );
}

describe('writes', () => {
  it('of columns that do not fit together', async () => {
    await fc.assert(
      fc.asyncProperty(
        rowsArbitrary,
        fc.constantFrom('Insert' as const, 'Upsert' as const),
        async (rows, method) => {
          const type = method === 'Insert' ? InsertRequest : UpsertRequest;
          // Keys 1 to 3 are what the last check looks for.
          await answerTo(method, type.encode(type.fromPartial({ collectionName: 'c', ...rows })).finish());
        },
      ),
      { seed: SEED, numRuns: 600 },
    );
  });
  it('of damaged bytes', async () => {
    const valid = rightRows.map((rows) =>
      InsertRequest.encode(InsertRequest.fromPartial({ collectionName: 'c', ...rows })).finish(),
    );
    await fc.assert(
      fc.asyncProperty(nearly(valid), (bytes) => answerTo('Insert', bytes)),
      { seed: SEED, numRuns: 600 },
    );
  });
  it('deletes by any filter', async () => {
    const words = fc.constantFrom(
      'id',
      'in',
      'not',
      '==',
      '!=',
      '[',
      ']',
      '(',
      ')',
      ',',
      '99',
      '-99',
      '9e99',
      '"x"',
      "'",
      'and',
      '{k}',
      '0x1F',
      '9223372036854775808',
      '\0',
      '/*',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 10 }), async (parts) => {
        // Whatever is taken may delete keys of other tests, but `not in` would also take the kept rows.
        const expr = parts.join(' ');
        if (/!=|not/.test(expr)) return;
        await answerTo(
          'Delete',
          DeleteRequest.encode(DeleteRequest.fromPartial({ collectionName: 'c', expr })).finish(),
        );
      }),
      { seed: SEED, numRuns: 400 },
    );
  });
});

const group = (values: readonly Uint8Array[], type: number = PlaceholderType.FloatVector): Uint8Array =>
  PlaceholderGroup.encode(
    PlaceholderGroup.fromPartial({ placeholders: [{ tag: '$0', type: type as 101, values: [...values] }] }),
  ).finish();
const paramArbitrary = fc.record({
  key: fc.constantFrom(
    'topk',
    'limit',
    'offset',
    'metric_type',
    'params',
    'anns_field',
    'round_decimal',
    'ignore_growing',
    'iterator',
    'search_iter_v2',
    'search_iter_batch_size',
    'group_by_field',
    'guarantee_timestamp',
    'radius',
    'collection_id',
    'search_iter_id',
    'search_iter_last_bound',
    'reduce_stop_for_best',
    '',
    '__proto__',
  ),
  value: fc.oneof(
    fc.string({ maxLength: 8 }),
    sizes.map(String),
    fc.constantFrom(
      'L2',
      'IP',
      'true',
      '{',
      '{}',
      '{"radius":1e999}',
      '{"radius":1,"range_filter":0}',
      '{"ef":-1}',
      '[]',
      'null',
      'NaN',
      '1.5',
      '99999999999999999999',
      'v',
      'id',
    ),
  ),
});

describe('reads', () => {
  it('of any vectors and parameters', async () => {
    const placeholders = fc.oneof(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }).map((values) => group(values)),
      fc
        .tuple(
          fc.array(fc.constant(floats([1, 2, 3, 4])), { maxLength: 4 }),
          fc.constantFrom(101, 0, 100, 102, 104, 21, 999),
        )
        .map(([values, type]) => group(values, type)),
      nearly(fc.constant(group([floats([1, 2, 3, 4])]))),
    );
    const base = [
      { key: 'anns_field', value: 'v' },
      { key: 'topk', value: '3' },
      { key: 'params', value: '{}' },
    ];
    await fc.assert(
      fc.asyncProperty(
        placeholders,
        fc.array(paramArbitrary, { maxLength: 4 }),
        fc.array(fc.constantFrom('id', 'v', 't', '*', 'x', 'count(*)', '$meta', ''), { maxLength: 3 }),
        int64s,
        fc.boolean(),
        async (placeholderGroup, more, outputFields, nq, isRepeated) => {
          const keys = new Set<string>(more.map((pair) => pair.key));
          const searchParams = [...base.filter((pair) => isRepeated || !keys.has(pair.key)), ...more];
          const request = SearchRequest.fromPartial({
            collectionName: 'c',
            nq,
            searchInput: { $case: 'placeholderGroup', value: placeholderGroup },
            searchParams,
            outputFields,
          });
          await answerTo('Search', SearchRequest.encode(request).finish());
        },
      ),
      { seed: SEED, numRuns: 600 },
    );
  });
  it('by any query parameters', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(paramArbitrary, { maxLength: 4 }),
        fc.constantFrom('', 'id in [1]', 'id > 1', 'id in {k}', '((('),
        fc.array(fc.constantFrom('id', 'v', '*', 'x', 'count(*)', '$meta'), { maxLength: 3 }),
        async (queryParams, expr, outputFields) => {
          await answerTo(
            'Query',
            QueryRequest.encode(
              QueryRequest.fromPartial({ collectionName: 'c', expr, outputFields, queryParams }),
            ).finish(),
          );
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });
  it('find the rows of before', async () => {
    expect(await keptRows()).toBe(3n);
  });
});
