// Which filters name one value of a partition key.
import { expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { readFilter } from '#expr/filter.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { checkIsolatedKey } from './isolated-key.js';

const schema = CollectionSchema.fromPartial({
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'tenant', dataType: DataType.VarChar, isPartitionKey: true },
    { fieldID: 102n, name: 'n', dataType: DataType.Int64 },
    { fieldID: 103n, name: 'doc', dataType: DataType.JSON },
  ],
});
function answer(text: string): string {
  const filter = readFilter(schema, { text, templates: {}, zone: 'UTC' });
  try {
    checkIsolatedKey(filter.kind === 'predicate' ? filter.predicate : undefined, 101n);
    return 'taken';
  } catch (error) {
    return error instanceof ElanusError ? error.message : String(error);
  }
}

it.each([
  'tenant == "a"',
  '"a" == tenant',
  'tenant in ["a"]',
  'tenant == "a" and n > 3',
  'n > 3 and (doc["x"] == 1 or n is null) and tenant == "a"',
  'tenant == "a" and not (n == 3)',
])('%s is taken', (text) => expect(answer(text)).toBe('taken'));

it.each([
  ['', 'not found in expr'],
  ['id in [1, 2]', 'not found in expr'],
  ['n > 3', 'not found in expr'],
  ['tenant in ["a", "b"]', 'does not support IN'],
  ['tenant == "a" or n > 3', 'does not support OR'],
  ['tenant == "a" or tenant == "b"', 'does not support'],
  ['n > 3 and (tenant == "a" or n < 0)', 'does not support OR'],
  ['tenant == "a" and tenant in ["a", "b"]', 'does not support IN'],
  ['not (tenant == "a")', 'does not support'],
  ['tenant != "a"', 'does not support'],
  ['tenant > "a"', 'does not support >'],
  ['tenant like "a%"', 'does not support like'],
  ['"a" < tenant < "c"', 'does not support range'],
])('%s is refused', (text, reason) => expect(answer(text)).toContain(reason));
