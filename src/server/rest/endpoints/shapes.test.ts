import { expect, it } from 'vitest';
import { propertyPairs } from './shapes.js';

it('properties may be written as objects inside each other', () => {
  const properties = {
    'collection.ttl.seconds': 60,
    mmap: { enabled: true },
    partitionkey: { isolation: 'false' },
    database: { force: { deny: { reading: true } } },
    list: ['a'],
    unsaid: undefined,
  };
  expect(propertyPairs(properties)).toEqual([
    { key: 'collection.ttl.seconds', value: '60' },
    { key: 'mmap.enabled', value: 'true' },
    { key: 'partitionkey.isolation', value: 'false' },
    { key: 'database.force.deny.reading', value: 'true' },
    { key: 'list', value: '["a"]' },
  ]);
});
