// An import is seen in all shards or in none, however far each of them is.
import { expect, test } from 'vitest';
import { askAlike } from './same-imports.js';

/** Shards that know imports until some time, and have rows of some. @returns who was asked, and what the answers saw in the end */
async function asked(
  ...shards: readonly { readonly knows: readonly bigint[]; readonly rows: readonly bigint[] }[]
) {
  const calls: string[] = [];
  const turns = shards.map(() => 0);
  const answers = await askAlike(
    shards.map((_, shard) => `v${shard}`),
    async (vchannel, shard, until) => {
      calls.push(until === undefined ? vchannel : `${vchannel} until ${until}`);
      const { knows = [], rows = [] } = shards[shard] ?? {};
      const turn = turns[shard] ?? 0;
      turns[shard] = turn + 1;
      const now = knows[Math.min(turn, knows.length - 1)] ?? 0n;
      const importsKnown = until !== undefined && until < now ? until : now;
      const seen = rows.filter((at) => at <= importsKnown);
      return { importsKnown, importsSeen: seen.at(-1) ?? 0n, seen };
    },
  );
  return { calls, seen: answers.map(({ seen }) => seen) };
}

test('shards that know the same are asked once', async () => {
  expect(await asked({ knows: [5n], rows: [3n] }, { knows: [5n], rows: [5n] })).toEqual({
    calls: ['v0', 'v1'],
    seen: [[3n], [5n]],
  });
});

test('one that knows less and is not contradicted is no reason to ask again', async () => {
  expect((await asked({ knows: [9n], rows: [3n] }, { knows: [4n], rows: [] })).calls).toEqual(['v0', 'v1']);
});

test('what one shard saw and another does not know is left out', async () => {
  expect(await asked({ knows: [9n], rows: [3n, 9n] }, { knows: [4n], rows: [3n, 9n] })).toEqual({
    calls: ['v0', 'v1', 'v0 until 4'],
    seen: [[3n], [3n]],
  });
  expect((await asked({ knows: [0n], rows: [7n] }, { knows: [7n], rows: [7n] })).seen).toEqual([[], []]);
});

test('a shard that was loaded anew meanwhile, and knows less than before, is asked alike', async () => {
  expect(await asked({ knows: [9n, 2n], rows: [3n, 9n] }, { knows: [4n], rows: [3n] })).toEqual({
    calls: ['v0', 'v1', 'v0 until 4', 'v1 until 2'],
    seen: [[], []],
  });
});
