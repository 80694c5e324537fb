// The examples of docs/filters.md are filters of the schema that the page describes.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkFilter } from '#expr/filter.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { ownNames } from '#model/schema/struct-arrays.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';

const page = readFileSync(new URL('../../docs/filters.md', import.meta.url), 'utf8');
const params = (record: Record<string, string>) =>
  Object.entries(record).map(([key, value]) => ({ key, value }));
const capacity = params({ max_capacity: '8' });
const schema = parseCollectionSchema(
  CollectionSchema.fromPartial({
    enableDynamicField: true,
    fields: [
      { name: 'id', isPrimaryKey: true, dataType: DataType.Int64 },
      { name: 'age', dataType: DataType.Int32, nullable: true },
      { name: 'price', dataType: DataType.Double },
      { name: 'title', dataType: DataType.VarChar, typeParams: params({ max_length: '100' }) },
      { name: 'ok', dataType: DataType.Bool },
      {
        name: 'tags',
        dataType: DataType.Array,
        elementType: DataType.VarChar,
        typeParams: params({ max_capacity: '8', max_length: '20' }),
      },
      {
        name: 'scores',
        dataType: DataType.Array,
        elementType: DataType.Int64,
        typeParams: params({ max_capacity: '8' }),
      },
      { name: 'doc', dataType: DataType.JSON },
      { name: 'at', dataType: DataType.Timestamptz },
      { name: 'place', dataType: DataType.Geometry },
      { name: 'v', dataType: DataType.FloatVector, typeParams: params({ dim: '4' }) },
    ],
    structArrayFields: [
      {
        name: 'chunks',
        fields: [
          { name: 'page', dataType: DataType.Array, elementType: DataType.Int64, typeParams: capacity },
          {
            name: 'text',
            dataType: DataType.Array,
            elementType: DataType.VarChar,
            typeParams: [...capacity, ...params({ max_length: '20' })],
          },
          {
            name: 'emb',
            dataType: DataType.ArrayOfVector,
            elementType: DataType.FloatVector,
            typeParams: [...capacity, ...params({ dim: '4' })],
          },
        ],
      },
    ],
  }),
  { collectionName: 'books' },
);

const examples = [...page.matchAll(/```filter\n([\s\S]*?)```/g)].flatMap(([, lines = '']) =>
  lines.trim().split('\n'),
);

describe('docs/filters.md', () => {
  it('has examples', () => expect(examples.length).toBeGreaterThan(40));

  it.each(examples)('%s', (text) => {
    expect(checkFilter(schema, { text }).kind).toMatch(/^(?:keys|predicate)$/);
  });

  it('names the fields of its schema', () => {
    const fields = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(fields).toEqual(ownNames(schema).filter((name) => name !== '$meta'));
  });
});
