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
};
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: Object.entries(types).map(([name, dataType], at) => ({
    fieldID: BigInt(100 + at),
    name,
    dataType,
    isPrimaryKey: name === 'id',
  })),
});
const keysOf = (text: string) =>
  orderKeys(schema, parseOrderTerms(text)).map(({ fieldId, descending, nullsFirst }) =>
    [Number(fieldId), descending ? 'desc' : 'asc', nullsFirst ? 'first' : 'last'].join(' '),
  );

describe('order by', () => {
  it.each([
    ['n', ['101 asc last']],
    ['n:desc', ['101 desc first']],
    [' n : DESC , name:Asc', ['101 desc first', '102 asc last']],
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
    ['nothing', 65535, 'field nothing not exist'],
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
