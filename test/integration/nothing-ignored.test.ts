// Nothing that a request says is passed over in silence: each field and each key works, changes no answer, or is refused with a code and
// a text, and a refused request leaves nothing behind.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import {
  type FieldDecision,
  requestFields,
  type ServedMethod,
  wireName,
} from '#roles/proxy/request-fields.js';
import { codecOf, KEY_MODE, pairs, useAskedWorld } from './asked-world.js';
import { searchRequest } from './raw-client.js';

const refusedFields = Object.entries(requestFields).flatMap(([method, fields]) =>
  Object.entries<FieldDecision>(fields).flatMap(([field, decision]): [ServedMethod, string][] =>
    typeof decision === 'object' && 'refused' in decision ? [[method as ServedMethod, field]] : [],
  ),
);
/** Where a message has one of several fields, ours has one: by the name of the choice. */
const oneOf: ReadonlyMap<string, string> = new Map([
  ['search_input', 'searchInput'],
  ['request', 'request'],
]);
/** A value that is not the one of a request that leaves the field out. */
function sampleOf(method: ServedMethod, field: string): unknown {
  const usual: unknown = Reflect.get(codecOf(method).fromPartial({}), field);
  if (typeof usual === 'bigint') return 5n;
  if (typeof usual === 'boolean') return true;
  if (usual instanceof Uint8Array) return Uint8Array.of(1);
  if (Array.isArray(usual)) return [{}];
  return field === 'namespace' ? 'tenant' : {};
}

describe('nothing is accepted and ignored', () => {
  const world = useAskedWorld();
  const { statusOf, nothingChanged } = world;

  test('every field of the protocol has its line, and lines name fields that are there', () => {
    const folder = fileURLToPath(new URL('../../proto/', import.meta.url));
    const root = new protobuf.Root();
    root.resolvePath = (_origin, target) => (target.startsWith(folder) ? target : folder + target);
    root.loadSync(
      readdirSync(`${folder}milvus`).map((file) => `milvus/${file}`),
      { keepCase: true },
    );
    root.resolveAll();
    for (const [method, fields] of Object.entries(requestFields)) {
      const { name } = MilvusServiceDefinition.methods[method as ServedMethod];
      const type = root.lookupService('milvus.proto.milvus.MilvusService').methods[name]?.resolvedRequestType;
      // What a message has of several is one field of ours: what is searched for, and what a replication sends.
      const names = new Set(
        type?.fieldsArray.map(({ name, partOf }) =>
          partOf === null ? name : (oneOf.get(partOf.name) ?? name),
        ),
      );
      const known = Object.keys(fields).map((field) =>
        [...oneOf.values()].includes(field) || names.has(field) ? field : wireName(field),
      );
      expect([name, ...known.sort()]).toEqual([name, ...[...names].sort()]);
    }
    const fieldsOf = (type: string): string[] =>
      root
        .lookupType(type)
        .fieldsArray.map(({ name }) => name)
        .sort();
    // Checked in model/schema/schema-check.ts: what is new there must be used or refused before it is added here.
    expect(fieldsOf('milvus.proto.schema.CollectionSchema')).toEqual(
      [
        'name',
        'description',
        'autoID',
        'fields',
        'enable_dynamic_field',
        'properties',
        'functions',
        'dbName',
        'struct_array_fields',
        'version',
        'external_source',
        'external_spec',
        'do_physical_backfill',
        'file_resource_ids',
        'enable_namespace',
      ].sort(),
    );
    expect(fieldsOf('milvus.proto.schema.FieldSchema')).toEqual(
      [
        'fieldID',
        'name',
        'is_primary_key',
        'description',
        'data_type',
        'type_params',
        'index_params',
        'autoID',
        'state',
        'element_type',
        'default_value',
        'is_dynamic',
        'is_partition_key',
        'is_clustering_key',
        'nullable',
        'is_function_output',
        'external_field',
        'type_schema',
        'element_nullable',
      ].sort(),
    );
  });

  test.each(refusedFields)('%s refuses %s', async (method, field) => {
    const status = await statusOf(method, { collectionName: 'good', [field]: sampleOf(method, field) });
    expect(status).toMatchObject({
      code: 3000,
      reason: expect.stringContaining(`${wireName(field)} is not supported in this version: `),
    });
    await nothingChanged();
  });

  const load = { collectionName: 'good' };
  test.each<[what: string, method: ServedMethod, request: object, code: number, text: string]>([
    [
      'partitions of a search',
      'search',
      { ...searchRequest('keyed', [1]), partitionNames: ['_default_0'] },
      1100,
      `not support manually specifying the partition names if ${KEY_MODE}`,
    ],
    [
      'partitions of a query',
      'query',
      { collectionName: 'keyed', expr: 'id in [1]', partitionNames: ['_default_0'] },
      1100,
      `not support manually specifying the partition names if ${KEY_MODE}`,
    ],
    [
      'the partition of an insert',
      'insert',
      { collectionName: 'keyed', numRows: 1, partitionName: '_default_0' },
      1100,
      '',
    ],
    [
      'the partition of a delete',
      'delete',
      { collectionName: 'keyed', expr: 'id in [1]', partitionName: '_default_0' },
      1100,
      `not support manually specifying the partition names if ${KEY_MODE}`,
    ],
    [
      'partitions of a load',
      'loadPartitions',
      { collectionName: 'keyed', partitionNames: ['_default_0'] },
      1100,
      `disable load partitions if ${KEY_MODE}`,
    ],
    [
      'partitions of a release',
      'releasePartitions',
      { collectionName: 'keyed', partitionNames: ['_default_0'] },
      1100,
      `disable release partitions if ${KEY_MODE}`,
    ],
    [
      'a new partition',
      'createPartition',
      { collectionName: 'keyed', partitionName: 'p' },
      1100,
      `disable create partition if ${KEY_MODE}`,
    ],
    [
      'a partition to drop',
      'dropPartition',
      { collectionName: 'keyed', partitionName: '_default_0' },
      1100,
      `disable drop partition if ${KEY_MODE}`,
    ],
    [
      'a load of no partitions',
      'loadPartitions',
      load,
      1100,
      'failed to load partition, due to no partition specified',
    ],
    [
      'a release of no partitions',
      'releasePartitions',
      load,
      1100,
      'failed to release partition, due to no partition specified',
    ],
    [
      'fewer than no replicas',
      'loadCollection',
      { ...load, replicaNumber: -1 },
      1100,
      'replica number should be greater than 0, but got -1',
    ],
    ['two replicas', 'loadCollection', { ...load, replicaNumber: 2 }, 1100, 'replica number 2'],
    [
      'another resource group',
      'loadCollection',
      { ...load, resourceGroups: ['rg1'] },
      300,
      'resource group not found[rg=rg1]',
    ],
    [
      'a field to load that is not there',
      'loadCollection',
      { ...load, loadFields: ['ghost'] },
      65_535,
      'field ghost not exist',
    ],
    [
      'a load without the key',
      'loadCollection',
      { ...load, loadFields: ['vector'] },
      1100,
      'load field list [vector] does not contain primary key field id',
    ],
    [
      'a load without vectors',
      'loadCollection',
      { ...load, loadFields: ['id'] },
      1100,
      'load field list [id] does not contain vector field',
    ],
    [
      'a load without the partition key',
      'loadCollection',
      { collectionName: 'keyed', loadFields: ['id', 'vector'] },
      1100,
      'does not contain partition key field tenant',
    ],
    ['a load param', 'loadCollection', { ...load, loadParams: { speed: '9' } }, 3000, 'load param speed'],
    [
      'a priority',
      'loadCollection',
      { ...load, loadParams: { load_priority: 'urgent' } },
      1100,
      'load_priority should be high or low',
    ],
    [
      'an option of an import',
      'import',
      { ...load, files: ['a.json'], options: [{ key: 'speed', value: '9' }] },
      3000,
      'import option speed',
    ],
    ['a limit below zero', 'listImportTasks', { ...load, limit: -1n }, 1100, 'limit should be 0 or greater'],
    [
      'partitions that are not there',
      'showPartitions',
      { ...load, partitionNames: ['ghost'] },
      200,
      'partition not found[partition=ghost]',
    ],
    [
      'a search param of two values',
      'search',
      searchRequest('good', [1], [{ key: 'topk', value: '6' }]),
      1100,
      'topk is sent twice, with the values 5 and 6',
    ],
    [
      'topk and another limit',
      'search',
      searchRequest('good', [1], [{ key: 'limit', value: '6' }]),
      1100,
      'topk is 5 and limit is 6',
    ],
    [
      'a key twice in params',
      'search',
      searchRequest('good', [1], [{ key: 'params', value: '{"ef":5,"ef":6}' }]),
      1100,
      'params has the key ef twice',
    ],
    [
      'strict groups',
      'search',
      searchRequest('good', [1], [{ key: 'strict_group_size', value: 'true' }]),
      1100,
      'strict_group_size is sent without group_by_field',
    ],
    [
      'groups of a path',
      'query',
      { collectionName: 'good', expr: 'id in [1]', queryParams: [{ key: 'json_path', value: 'a' }] },
      3000,
      'json_path',
    ],
    ['metrics of no JSON', 'getMetrics', { request: 'cpu' }, 1100, 'failed to decode the request'],
    ['metrics of no kind', 'getMetrics', { request: '{}' }, 1100, 'metric_type not found in request'],
    [
      'other metrics',
      'getMetrics',
      { request: '{"metric_type":"cpu"}' },
      1200,
      'metric not found[metric=cpu]',
    ],
    [
      'a property of a database',
      'createDatabase',
      { dbName: 'd', properties: pairs({ 'database.replica.number': 5 }) },
      3000,
      'database.replica.number',
    ],
    [
      'a forbidding database',
      'createDatabase',
      { dbName: 'd', properties: pairs({ 'database.force.deny.dancing': true }) },
      3000,
      'database.force.deny.dancing',
    ],
  ])('refuses %s', async (_what, method, request, code, text) => {
    expect(await statusOf(method, request)).toMatchObject({ code, reason: expect.stringContaining(text) });
    await nothingChanged();
  });

  test('GetMetrics names the nodes', async () => {
    const { response } = await world.client.getMetric({ request: { metric_type: 'system_info' } });
    const types = (response.nodes_info as { infos: { type: string; has_error: boolean } }[]).map(
      ({ infos }) => infos.type,
    );
    expect(types).toEqual(['proxy', 'rootcoord', 'datacoord', 'querynode']);
  });
});
