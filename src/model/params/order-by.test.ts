// What `order_by_fields` says, and what it cannot say.
import { describe, expect, it } from 'vitest';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { orderKeys, parseOrderTerms } from './order-by.js';

const types = {
  id: DataType.Int64,
  n: DataType.Int32,
  name: DataType.VarChar,
  doc: DataType.JSON,
  list: DataType.Array,
  v: DataType.FloatVector,
  $meta: DataType.JSON,
};
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: Object.entries(types).map(([name, dataType], at) => ({
    fieldID: BigInt(100 + at),
    name,
    dataType,
    isPrimaryKey: name === 'id',
    isDynamic: name === '$meta',
  })),
});
/** Filters have the real one. */
const readPath = (field: { readonly name: string; readonly isDynamic: boolean }, text: string): string[] => {
  const [name = '', ...steps] = text
    .split(/\[["']|["']\]\[["']|["']\]/)
    .slice(0, text.includes('[') ? -1 : 1);
  return name === field.name || name === '$meta' ? steps : [name, ...steps];
};
const keysOf = (text: string) =>
  orderKeys(schema, parseOrderTerms(text), readPath).map(({ fieldId, descending, nullsFirst, path }) =>
    [Number(fieldId), ...path, descending ? 'desc' : 'asc', nullsFirst ? 'first' : 'last'].join(' '),
  );

it('of a schema without a dynamic field takes no keys', () => {
  const plain = CollectionSchema.create({ ...schema, fields: schema.fields.slice(0, 6) });
  expect(() => orderKeys(plain, parseOrderTerms('nothing'), readPath)).toThrow('field nothing not exist');
});

describe('order by', () => {
  it.each([
    ['n', ['101 asc last']],
    ['n:desc', ['101 desc first']],
    [' n : DESC , name:Asc', ['101 desc first', '102 asc last']],
    ['n:ascending,name:Descending', ['101 asc last', '102 desc first']],
    ['doc["a"]["b"]:desc', ['103 a b desc first']],
    ['key,other["x,y:z"]:desc', ['106 key asc last', '106 other x,y:z desc first']],
    ['$meta["key"]', ['106 key asc last']],
    ['n:asc:nulls_first,name:desc:NULLS_LAST', ['101 asc first', '102 desc last']],
    ['n,id:desc,name', ['101 asc last', '100 desc first']],
    // Key order is the order that rows have anyway.
    ['id', []],
    ['id:asc,n:desc', []],
    ['id:desc,n', ['100 desc first']],
  ])('%s', (text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  it.each([
    ['v:asc', 1100, 'order by field v has unsupported data type FloatVector'],
    ['doc', 1100, 'order by field doc has unsupported data type JSON'],
    ['list:desc', 1100, 'order by field list has unsupported data type Array'],
    ['$meta', 65535, 'field $meta not exist'],
    ['n["a"]', 1100, 'order by field n has data type Int32, which has no paths'],
    ['key,$meta["key"]', 1100, 'comes twice'],
    ['n:up', 1100, 'invalid direction "up"'],
    ['n:asc:first', 1100, 'invalid null order "first"'],
    ['n:asc:nulls_last:x', 1100, 'invalid null order'],
    ['n,,name', 1100, 'a field name is empty'],
    ['n,n:desc', 1100, 'comes twice'],
    ['n,'.repeat(100), 1100, 'expected at most 64'],
  ])('%s is refused', (text, code, reason) => {
    let refusal: unknown;
    try {
      keysOf(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ spec: { code }, message: expect.stringContaining(reason) });
  });
});
