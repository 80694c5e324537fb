// Keys of the dynamic field: found as a JSON parser finds them, picked without touching a value, refused when one would be lost.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveOutputFields } from '#model/params/output-fields.js';
import { CollectionSchema, DataType, FieldData } from '#proto/milvus/schema.js';
import { stringAt } from './column.js';
import { columnFromField } from './field-column.js';
import { checkMetaKeys, forEachMetaMember, keyText, pickMetaKeys } from './meta-keys.js';

const meta = { fieldID: 102n, name: '$meta', dataType: DataType.JSON, isDynamic: true };
const schema = CollectionSchema.fromPartial({
  name: 'c',
  enableDynamicField: true,
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'j', dataType: DataType.JSON },
    meta,
  ],
});

const [, , field] = schema.fields;
if (field === undefined) throw new Error('no field');
const columnOf = (texts: readonly string[]) => {
  const data = texts.map((text) => new TextEncoder().encode(text));
  const sent = FieldData.fromPartial({
    type: DataType.JSON,
    fieldName: '$meta',
    isDynamic: true,
    field: { $case: 'scalars', value: { data: { $case: 'jsonData', value: { data } } } },
  });
  return columnFromField(field, sent, texts.length);
};

const check = (text: string, names: string[] = []) =>
  checkMetaKeys(schema, field, columnOf([text]), 1, names);

describe('meta keys', () => {
  const anyObject = fc.dictionary(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('a', 'b', '__proto__')),
    fc.jsonValue(),
  );
  it('are those that a parser finds', () => {
    fc.assert(
      fc.property(anyObject, fc.constantFrom(undefined, 1), (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        const members: [string, unknown][] = [];
        const bytes = new TextEncoder().encode(text);
        forEachMetaMember(bytes, (begin, keyEnd, end) => {
          members.push([
            keyText(bytes, begin, keyEnd),
            JSON.parse(`{${new TextDecoder().decode(bytes.subarray(begin, end))}}`),
          ]);
        });
        expect(members.map(([key]) => key)).toEqual([...new Set(Object.keys(JSON.parse(text) as object))]);
        for (const [key, one] of members) expect(Object.keys(one as object)).toEqual([key]);
      }),
    );
  });
  it('are picked, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(anyObject, { minLength: 1 }),
        fc.array(fc.string({ unit: 'grapheme' })),
        (objects, more) => {
          const keys = new Set(['a', '__proto__', ...more]);
          const picked = pickMetaKeys(
            columnOf(objects.map((object) => JSON.stringify(object))),
            objects.length,
            keys,
          );
          objects.forEach((object, row) => {
            const kept = Object.entries(JSON.parse(JSON.stringify(object)) as object).filter(([key]) =>
              keys.has(key),
            );
            expect(Object.entries(JSON.parse(stringAt(picked, row)) as object)).toEqual(kept);
          });
        },
      ),
    );
    expect(
      stringAt(pickMetaKeys(columnOf(['{ "n" : 9007199254740993, "o": {"n": 1}}']), 1, new Set(['n'])), 0),
    ).toBe('{"n" : 9007199254740993}');
  });
  it.each([
    ['{"a":1,"id":77}', 'dynamic field name cannot include the static field name: id'],
    ['{"\\u0069d":77}', 'dynamic field name cannot include the static field name: id'],
    ['{"$meta":1}', 'cannot set json key to: $meta'],
    ['{"a":1,"b":2,"a":3}', 'the dynamic key "a" is given twice'],
    ['{"a":1,"\\u0061":3}', 'the dynamic key "a" is given twice'],
    ['{"k":1}', 'the dynamic key "k" is given twice'],
  ])('%j is refused', (text, message) => {
    expect(() => check(text, ['k'])).toThrow(
      expect.objectContaining({ key: 'invalid_parameter', message: expect.stringContaining(message) }),
    );
  });
  it('are looked at in every row', () => {
    const rows = ['{"a":1}', '{"a":2}', '{"a":3,"b":1}', '{"a":4,"b":1}', '{"a":5}', '{"a":6,"id":1}'];
    expect(() => checkMetaKeys(schema, field, columnOf(rows), rows.length, [])).toThrow(
      'static field name: id, row number: 5',
    );
  });
  it('of inner objects may be any', () => {
    expect(() => check('{"a":{"id":1,"$meta":2,"b":[{"id":1}]},"b":["id",{"b":1}]}')).not.toThrow();
    expect(() => check('{}')).not.toThrow();
  });
});

describe('output fields of dynamic keys', () => {
  const resolve = (...names: string[]) => resolveOutputFields(schema, names, { call: 'query' });
  it('pick keys unless all of $meta is asked for', () => {
    expect(resolve('a', '$meta["b"]').pickedKeys).toEqual(new Set(['a', 'b']));
    for (const all of ['*', '$meta']) expect(resolve('a', all).pickedKeys).toBeUndefined();
    expect(resolve('j').pickedKeys).toBeUndefined();
  });
  it.each([
    ['j["a"]', 'not support getting subkeys of json field yet'],
    ['$meta["a"]["b"]', 'not support getting multiple level of dynamic field for now'],
    ['a["b"]', 'not support getting multiple level of dynamic field for now'],
  ])('%s is refused', (name, message) => expect(() => resolve(name)).toThrow(message));
  it.each(['st[ghost]', 'st[0]', 'st["sub"]'])('%s, which no struct has, is none', (name) => {
    const sub = { fieldID: 104n, name: 'st[sub]', dataType: DataType.Array, elementType: DataType.Int64 };
    const withStructs = CollectionSchema.fromPartial({
      ...schema,
      fields: [...schema.fields, sub],
      structArrayFields: [{ fieldID: 103n, name: 'st', fields: [sub] }],
    });
    const resolveThere = (asked: string) => resolveOutputFields(withStructs, [asked], { call: 'query' });
    expect(resolveThere('st[sub]').fieldIds).toEqual([100n, 104n]);
    expect(() => resolveThere(name)).toThrow(`field ${name} not exist`);
  });
});
