// Nothing that the definition of a collection says is passed over in silence: it works, is a hint that is shown, or is refused.
import { describe, expect, test } from 'vitest';
import { CreateCollectionRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { pairs, useAskedWorld } from './asked-world.js';
import { failureOf, keyField, mustSucceed, vectorField } from './support.js';

describe('nothing that a definition says is ignored', () => {
  const world = useAskedWorld();
  const { statusOf, nothingChanged } = world;

  const fields: object[] = [
    { name: 'id', dataType: 5, isPrimaryKey: true },
    { name: 'v', dataType: 101, typeParams: pairs({ dim: 8 }) },
    { name: 't', dataType: 21, typeParams: pairs({ max_length: 9 }) },
  ];
  const create = (properties: object, schema: object = {}, more: object = {}) => {
    const encoded = CollectionSchema.encode(
      CollectionSchema.fromPartial({ name: 'fresh', fields, ...schema } as object),
    ).finish();
    return statusOf(
      'createCollection',
      CreateCollectionRequest.fromPartial({
        collectionName: 'fresh',
        schema: encoded,
        properties: pairs(properties),
        ...more,
      }),
    );
  };
  const withText = (params: object) => ({
    fields: [...fields.slice(0, 2), { ...fields[2], typeParams: pairs({ max_length: 9, ...params }) }],
  });
  const withField = (more: object) => ({ fields: [...fields.slice(0, 2), { ...fields[2], ...more }] });
  test.each<[what: string, properties: object, schema: object, code: number, text: string]>([
    [
      'a field of times that is none, in the schema',
      {},
      { properties: pairs({ ttl_field: 't' }) },
      1100,
      'ttl field must be timestamptz, field name = t',
    ],
    [
      'a field of times that is not there',
      { ttl_field: 'x' },
      {},
      1100,
      'ttl field name x not found in schema',
    ],
    [
      'a time to live that is none',
      { 'collection.ttl.seconds': 'abc' },
      {},
      1100,
      'collection TTL is not a valid positive integer',
    ],
    [
      'a time to live out of range',
      { 'collection.ttl.seconds': -2 },
      {},
      1100,
      'collection TTL is out of range, expect [-1, 3155760000], got -2',
    ],
    ['a field of times', { ttl_field: 't' }, {}, 1100, 'ttl field'],
    [
      'a timezone',
      { timezone: 'Mars/Phobos' },
      {},
      1100,
      'invalid timezone, should be a IANA timezone name: Mars/Phobos',
    ],
    [
      'isolation without a key',
      { 'partitionkey.isolation': true },
      { fields },
      1100,
      'no partition key field is set',
    ],
    ['a flag that is none', { allow_insert_auto_id: 'maybe' }, {}, 1100, 'expected true or false'],
    [
      'a rate that is none',
      { 'collection.bulkLoadRate.max.mb': 'many' },
      {},
      1100,
      'collection.bulkLoadRate',
    ],
    ['replicas', { 'collection.replica.number': 2 }, {}, 3000, 'there is one replica'],
    ['a name that maps lose', JSON.parse('{"__proto__":"1"}') as object, {}, 1100, 'property key __proto__'],
    [
      'a match without an analyzer',
      {},
      withText({ enable_match: true }),
      1100,
      'field t which has enable_match or is input of BM25 function must also enable_analyzer',
    ],
    ['params of an analyzer', {}, withText({ analyzer_params: '{}' }), 1100, 'analyzer_params of field t'],
    ['a type param that is no flag', {}, withText({ 'mmap.enabled': 7 }), 1100, 'type param mmap.enabled'],
    ['the output of a function', {}, withField({ isFunctionOutput: true }), 1100, 'no function makes it'],
    ['index params of a field', {}, withField({ indexParams: pairs({ M: 1 }) }), 3000, 'index_params'],
    ['elements of no array', {}, withField({ elementType: 5 }), 1100, 'element_type'],
    ['an external field', {}, withField({ externalField: 'x' }), 3000, 'external_field'],
    ['nulls in arrays', {}, withField({ elementNullable: true }), 3000, 'element_nullable'],
    ['a type of its own', {}, withField({ typeSchema: Uint8Array.of(1) }), 3000, 'type_schema'],
    ['a backfill', {}, { doPhysicalBackfill: true }, 3000, 'do_physical_backfill'],
    ['files of words', {}, { fileResourceIds: [1n] }, 3000, 'file_resource_ids'],
  ])('a collection refuses %s', async (_what, properties, schema, code, text) => {
    expect(await create(properties, schema)).toMatchObject({ code, reason: expect.stringContaining(text) });
    await nothingChanged();
  });

  test('what is a hint, or says what is so anyway, is taken and shown', async () => {
    const { client } = world;
    const properties = {
      'collection.ttl.seconds': -1,
      timezone: 'Asia/Shanghai',
      'mmap.enabled': true,
      'my.note': 'x',
    };
    await mustSucceed(
      client.createCollection({ collection_name: 'hints', fields: [keyField, vectorField], properties }),
    );
    const shown = (await client.describeCollection({ collection_name: 'hints' })).properties;
    for (const [key, value] of Object.entries(properties))
      expect(shown).toContainEqual({ key, value: String(value) });
    await mustSucceed(
      client.createIndex({
        collection_name: 'hints',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    expect(await statusOf('loadCollection', { collectionName: 'hints', refresh: true })).toMatchObject({
      code: 101,
    });
    const wishes = {
      resourceGroups: ['__default_resource_group'],
      loadFields: ['id', 'vector'],
      loadParams: { load_priority: 'low' },
    };
    expect(await statusOf('loadCollection', { collectionName: 'hints', ...wishes })).toMatchObject({
      code: 0,
    });
    expect(await statusOf('loadCollection', { collectionName: 'hints', refresh: true })).toMatchObject({
      code: 0,
    });
    await mustSucceed(client.dropCollection({ collection_name: 'hints' }));
  });

  test.each([5, 9, -1])('a level of consistency that is none: %d', async (consistencyLevel) => {
    expect(await create({}, {}, { consistencyLevel })).toMatchObject({
      code: 1100,
      reason: expect.stringContaining(
        `invalid consistency level: ${consistencyLevel}, expected one of Strong`,
      ),
    });
    await nothingChanged();
  });

  test('creating again with other properties is no repetition', async () => {
    const { client } = world;
    const again = (more: object = {}) =>
      client.createCollection({ collection_name: 'again', fields: [keyField, vectorField], ...more });
    await mustSucceed(again());
    await mustSucceed(again());
    for (const more of [
      { properties: { 'mmap.enabled': true } },
      { consistency_level: 'Strong' },
      { shards_num: 2 },
    ]) {
      const reason = expect.stringContaining(
        'create duplicate collection with different parameters, collection: again',
      );
      expect(await failureOf(() => again(more))).toMatchObject({ code: 1, reason });
    }
    await mustSucceed(client.dropCollection({ collection_name: 'again' }));
  });
});
