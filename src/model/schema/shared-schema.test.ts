// Schemas of one make share all but their names, and nothing else; what is shared cannot be changed.
import { expect, it } from 'vitest';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { sharedSchema } from './shared-schema.js';

const make = (name: string, dim = '8', rest: Partial<CollectionSchema> = {}): CollectionSchema =>
  CollectionSchema.fromPartial({
    ...{ name, dbName: 'default', ...rest },
    fields: [
      { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: dim }] },
    ],
  });

it('is equal to what it was made from, and has its fields in common with those of the same make', () => {
  const [one, two] = [sharedSchema(make('a')), sharedSchema(make('b'))];
  expect([one, two]).toEqual([make('a'), make('b')]);
  expect(two.fields).toBe(one.fields);
  expect(two.properties).toBe(one.properties);
  expect(sharedSchema({ ...make('c'), dbName: 'other' })).toEqual({ ...make('c'), dbName: 'other' });
  expect([sharedSchema(one), sharedSchema(two)].every((again, at) => again === [one, two][at])).toBe(true);
});

it.each<[string, CollectionSchema]>([
  ['a parameter', make('b', '16')],
  ['a version', make('b', '8', { version: 2 })],
  ['a property', make('b', '8', { properties: [{ key: 'ttl', value: '1' }] })],
  ['a description', make('b', '8', { description: 'of books' })],
])('another make: %s', (_, other) => {
  const one = sharedSchema(make('a'));
  expect(sharedSchema(other)).toEqual(other);
  expect(sharedSchema(other).fields).not.toBe(one.fields);
});

it('what is shared cannot be changed, the names of a schema are its own', () => {
  const shared = sharedSchema(make('a'));
  expect(() => shared.fields.push(...shared.fields)).toThrow(TypeError);
  expect(() => shared.fields[1]?.typeParams.pop()).toThrow(TypeError);
  shared.name = 'renamed';
  expect([shared.name, sharedSchema(make('a')).name]).toEqual(['renamed', 'a']);
});

it('very many makes, and very long ones, are kept apart', () => {
  const made = Array.from({ length: 1000 }, (_, dim) => sharedSchema(make('a', String(dim))));
  expect(made.every(({ fields }, dim) => fields[1]?.typeParams[0]?.value === String(dim))).toBe(true);
  const long = make('a', '8', { description: 'x'.repeat(20_000) });
  expect(sharedSchema(long)).toBe(long);
  expect(Object.isFrozen(long.fields)).toBe(false);
});
