// Fields that come to a schema and leave it: ids, order, versions, and what is refused.
import { expect, it } from 'vitest';
import { CollectionSchema, DataType, FieldSchema, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import { withFieldProperties } from './field-properties.js';
import {
  type VersionedSchema,
  withDynamicField,
  withField,
  withoutField,
  withStructArray,
} from './schema-change.js';
import { parseCollectionSchema } from './schema-check.js';

const dim = [{ key: 'dim', value: '4' }];
const created = parseCollectionSchema(
  CollectionSchema.fromPartial({
    name: 'c',
    version: 9,
    enableDynamicField: true,
    fields: [
      { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { name: 'v', dataType: DataType.FloatVector, typeParams: dim },
      { name: 'part', dataType: DataType.Int64, isPartitionKey: true },
      { name: 'order', dataType: DataType.Int64, isClusteringKey: true },
    ],
  }),
  { collectionName: 'c' },
);
const before: VersionedSchema = { schema: created, lastFieldId: 0n };
const number = FieldSchema.fromPartial({ name: 'n', dataType: DataType.Int64, nullable: true });
const idsOf = ({ schema }: VersionedSchema): [string, bigint][] =>
  schema.fields.map(({ name, fieldID }) => [name, fieldID]);

it('begins at version 0 and counts changes, and the dynamic field stays the last', () => {
  expect(created.version).toBe(0);
  const after = withField(before, number, 'UTC');
  expect(after.schema.version).toBe(1);
  expect(idsOf(after).slice(-2)).toEqual([
    ['n', 105n],
    ['$meta', 104n],
  ]);
});

it('never gives the id of a dropped field again', () => {
  const added = withField(before, number, 'UTC');
  const dropped = withoutField(added, { name: 'n', id: 0n });
  expect(dropped.columnIds).toEqual([105n]);
  expect(idsOf(withField(dropped, number, 'UTC'))).toContainEqual(['n', 106n]);
});

it('adds a struct array with an id for it and each of its sub-fields, and drops them together', () => {
  const struct = StructArrayFieldSchema.fromPartial({
    name: 's',
    nullable: true,
    fields: [
      {
        name: 'a',
        dataType: DataType.Array,
        elementType: DataType.Int64,
        typeParams: [{ key: 'max_capacity', value: '3' }],
      },
    ],
  });
  const added = withStructArray(before, struct);
  expect(idsOf(added)).toContainEqual(['s[a]', 106n]);
  expect(added.lastFieldId).toBe(106n);
  expect(() => withStructArray(before, { ...struct, nullable: false })).toThrow('must be nullable');
  expect(() => withoutField(added, { name: 's[a]', id: 0n })).toThrow('drop the struct array field s');
  const dropped = withoutField(added, { name: 's', id: 0n });
  expect(dropped.columnIds).toEqual([106n]);
  expect(dropped.schema.structArrayFields).toEqual([]);
});

it.each([
  ['id', 'cannot drop primary key field'],
  ['part', 'cannot drop partition key field'],
  ['order', 'cannot drop clustering key field'],
  ['v', 'cannot drop the last vector field'],
  ['$meta', 'cannot drop dynamic field'],
  ['none', 'field not found'],
])('does not drop %s', (name, reason) => {
  expect(() => withoutField(before, { name, id: 0n })).toThrow(reason);
});

it('keeps a time that is a default as the number that rows get', () => {
  const at = FieldSchema.fromPartial({
    name: 'at',
    dataType: DataType.Timestamptz,
    defaultValue: { data: { $case: 'stringData', value: '1970-01-01T01:00:01' } },
  });
  const added = withField(before, at, 'Europe/Berlin').schema.fields.find(({ name }) => name === 'at');
  expect(added?.defaultValue?.data).toEqual({ $case: 'timestamptzData', value: 1_000_000n });
  const bad = { ...at, defaultValue: { data: { $case: 'stringData', value: 'soon' } } } as const;
  expect(() => withField(before, bad, 'UTC')).toThrow('invalid timestamptz string');
});

it('changes properties without a new version, and never the type or the id', () => {
  const change = { name: 'v', properties: [{ key: 'mmap.enabled', value: 'true' }], deleteKeys: [] };
  const changed = withFieldProperties(created, change);
  const field = changed.fields.find(({ name }) => name === 'v');
  expect(changed.version).toBe(0);
  expect(field).toEqual({
    ...created.fields.find(({ name }) => name === 'v'),
    typeParams: [...dim, { key: 'mmap.enabled', value: 'true' }],
  });
  const back = withFieldProperties(changed, { name: 'v', properties: [], deleteKeys: ['mmap.enabled'] });
  expect(back).toEqual(created);
  const refused = { name: 'v', properties: [{ key: 'dim', value: '8' }], deleteKeys: [] };
  expect(() => withFieldProperties(created, refused)).toThrow('does not allow update');
});

it('adds a dynamic field once, behind all others and with an id of its own', () => {
  const without = parseCollectionSchema(
    CollectionSchema.fromPartial({
      name: 'c',
      fields: [
        { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        { name: 'v', dataType: DataType.FloatVector, typeParams: dim },
      ],
    }),
    { collectionName: 'c' },
  );
  const grown = withoutField(withField({ schema: without, lastFieldId: 0n }, number, 'UTC'), {
    name: 'n',
    id: 0n,
  });
  const after = withDynamicField(grown);
  expect(after.schema).toMatchObject({ enableDynamicField: true, version: grown.schema.version + 1 });
  expect(idsOf(after).at(-1)).toEqual(['$meta', 103n]);
  expect(withDynamicField(after)).toBe(after);
  expect(idsOf(withField(after, number, 'UTC')).slice(-2)).toEqual([
    ['n', 104n],
    ['$meta', 103n],
  ]);
});
