// Shards that hold something are found without a look at the others.
import { expect, test } from 'vitest';
import { HoldingShards } from './holding-shards.js';

test('a shard is listed from the turn in which it begins to hold something until it is empty', () => {
  const empty = new Set<string>();
  const asked: string[] = [];
  const shard = (name: string) => {
    const fake = {
      get isEmpty() {
        asked.push(name);
        return empty.has(name);
      },
    };
    return { shard: fake, name };
  };
  const shards = new HoldingShards<ReturnType<typeof shard>>();
  const [one, two] = [shard('one'), shard('two')];
  shards.note(one);
  shards.note(two);
  shards.note(one);
  expect([...shards]).toEqual([one, two]);
  empty.add('one');
  expect([...shards]).toEqual([two]);
  asked.length = 0;
  expect([...shards]).toEqual([two]);
  expect(asked).toEqual(['two']);
  empty.delete('one');
  shards.note(one);
  expect([...shards]).toEqual([two, one]);
});
