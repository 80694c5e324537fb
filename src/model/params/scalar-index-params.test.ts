import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { parseAnyIndexParams, storedScalarBuild } from './scalar-index-params.js';

const field = (dataType: DataType, elementType: DataType = DataType.None, isPrimaryKey = false) =>
  FieldSchema.fromPartial({ name: 'f', dataType, elementType, isPrimaryKey });
const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

/** What is built, or the refusal. */
function built(of: FieldSchema, values: Record<string, string>): string {
  try {
    const { indexType, asSent, metricType } = parseAnyIndexParams(of, pairs(values));
    expect(metricType).toBe('');
    return storedScalarBuild(of, indexType, asSent).kind;
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
}

const { Bool, Int8, Int64, Float, Double, VarChar, Timestamptz, Geometry, JSON: Json } = DataType;
const types = ['INVERTED', 'BITMAP', 'STL_SORT', 'Trie', 'RTREE'];

describe('an index of a scalar field', () => {
  it.each([
    ['Bool', field(Bool), ['INVERTED', 'BITMAP']],
    ['Int8', field(Int8), ['INVERTED', 'BITMAP', 'STL_SORT']],
    ['Int64', field(Int64), ['INVERTED', 'BITMAP', 'STL_SORT']],
    ['Float', field(Float), ['INVERTED', 'STL_SORT']],
    ['Double', field(Double), ['INVERTED', 'STL_SORT']],
    ['VarChar', field(VarChar), ['INVERTED', 'BITMAP', 'STL_SORT', 'Trie']],
    ['Timestamptz', field(Timestamptz), ['STL_SORT']],
    ['Geometry', field(Geometry), ['RTREE']],
    ['Array of Int64', field(DataType.Array, Int64), ['INVERTED', 'BITMAP']],
    ['Array of Double', field(DataType.Array, Double), ['INVERTED']],
  ] as const)('%s takes what Milvus takes', (_, of, wanted) => {
    const taken = types.filter((index_type) => built(of, { index_type }) === index_type.toUpperCase());
    expect(taken).toEqual(wanted);
  });

  it.each([
    [field(Bool), 'BITMAP'],
    [field(Int64, DataType.None, true), 'INVERTED'],
    [field(Float), 'INVERTED'],
    [field(VarChar), 'INVERTED'],
    [field(Timestamptz), 'STL_SORT'],
    [field(Geometry), 'RTREE'],
    [field(DataType.Array, VarChar), 'INVERTED'],
  ])('AUTOINDEX chooses', (of, wanted) => {
    expect(built(of, {})).toBe(wanted);
    expect(built(of, { index_type: 'AUTOINDEX', nlist: '128' })).toBe(wanted);
  });

  it('words refusals as Milvus does', () => {
    const refusals: readonly (readonly [FieldSchema, Record<string, string>, string])[] = [
      [
        field(Int64, DataType.None, true),
        { index_type: 'BITMAP' },
        'create bitmap index on primary key not supported',
      ],
      [
        field(Json),
        { index_type: 'BITMAP' },
        'bitmap index are only supported on bool, int, string and array field',
      ],
      [field(Int64), { index_type: 'Trie' }, 'TRIE are only supported on varchar field'],
      [
        field(Bool),
        { index_type: 'STL_SORT' },
        'STL_SORT are only supported on numeric, varchar or timestamptz field',
      ],
      [field(Int64), { index_type: 'HNSW' }, "data type Int64 can't build with this index HNSW"],
      [field(Int64), { index_type: 'MAGIC' }, 'invalid index type: MAGIC'],
      [field(Int64), { index_type: '__proto__' }, 'invalid index type: __proto__'],
      [field(VarChar), { index_type: 'NGRAM' }, 'must specify both min_gram and max_gram'],
      [
        field(VarChar),
        { index_type: 'NGRAM', min_gram: 'x', max_gram: '3' },
        'min_gram for Ngram index must be an integer, got: x',
      ],
      [
        field(VarChar),
        { index_type: 'NGRAM', min_gram: '3', max_gram: '2' },
        'invalid min_gram or max_gram value',
      ],
      [
        field(VarChar),
        { index_type: 'NGRAM', min_gram: '0', max_gram: '2' },
        'invalid min_gram or max_gram value',
      ],
      [field(Json), { index_type: 'INVERTED' }, 'json index must specify cast type'],
      [field(Json), { index_type: 'INVERTED', json_cast_type: 'int' }, 'json_cast_type INT is not supported'],
      [
        field(Json),
        { index_type: 'INVERTED', json_cast_type: 'varchar', json_cast_function: 'STRING_TO_DOUBLE' },
        'STRING_TO_DOUBLE is not supported for json_cast_type VARCHAR',
      ],
      [
        field(Json),
        { index_type: 'NGRAM', json_cast_type: 'double', min_gram: '2', max_gram: '3' },
        'json_cast_type must be varchar',
      ],
    ];
    for (const [of, values, text] of refusals) {
      expect(built(of, values)).toMatch(/^invalid_parameter: /);
      expect(built(of, values)).toContain(text);
    }
    const sampled = (rate: string, block = '64'): string =>
      built(field(VarChar), { index_type: 'FMINDEX', fm_sa_sample_rate: rate, fm_block_bytes: block });
    expect(built(field(VarChar), { index_type: 'fmindex' })).toBe('FMINDEX');
    expect(sampled('256', '8')).toBe('FMINDEX');
    for (const [rate, block] of [['3'], ['257'], ['8.5'], ['x'], ['8', '12'], ['8', '256']] as const)
      expect(sampled(rate, block)).toMatch(/^invalid_parameter: fm_/);
    for (const of of [field(Int64), field(Json)])
      expect(built(of, { index_type: 'FMINDEX', json_cast_type: 'varchar' })).toContain('on VARCHAR field');
    expect(built(field(Json), { json_cast_type: 'json' })).not.toMatch(/^unsupported|^invalid/);
  });

  it('reads params of both forms', () => {
    const grams = { index_type: 'NGRAM', params: '{"min_gram":2,"max_gram":3}' };
    expect(built(field(VarChar), grams)).toBe('NGRAM');
    const path = { index_type: '', json_cast_type: 'array_double', json_path: 'f["a"]' };
    expect(built(field(Json), path)).toBe('INVERTED');
  });
});
