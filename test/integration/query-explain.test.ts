// What a query says of how it read its segments, through the real client: rows in two files and rows that grow.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyField, mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

interface Plan {
  readonly segment: string;
  readonly state: string;
  readonly plan: string;
  readonly rows: number;
  readonly passing: number;
  readonly filter?: { readonly tree: { readonly by?: string } };
}

let world: World;

beforeAll(async () => {
  world = await openWorld('memory');
  const { client } = world;
  const fields = [keyField, vectorField, { name: 'n', data_type: DataType.Int64 }];
  await mustSucceed(client.createCollection({ collection_name: 'c', fields, shards_num: 1 }));
  const index = { field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' };
  await mustSucceed(client.createIndex({ collection_name: 'c', ...index }));
  await client.loadCollectionSync({ collection_name: 'c' });
  for (const [begin, end] of [
    [0, 100],
    [100, 200],
    [200, 210],
  ] as const) {
    const data = Array.from({ length: end - begin }, (_, at) => {
      const id = begin + at;
      return { id, n: id * 10, vector: vectorOf(id) };
    });
    await mustSucceed(client.insert({ collection_name: 'c', data }));
    if (begin < 200) await client.flushSync({ collection_names: ['c'] });
  }
}, 60_000);
afterAll(() => world.close());

interface Asked {
  readonly filter: string;
  readonly limit?: number;
  readonly output_fields?: string[];
}

async function asked(query: Asked, params: Record<string, boolean>) {
  const found = await world.client.query({
    ...{ collection_name: 'c', output_fields: ['n'], consistency_level: 0, ...query, params },
  });
  await mustSucceed(Promise.resolve(found));
  return found;
}

async function plansOf(query: Asked): Promise<Plan[]> {
  const { status } = await asked(query, { explain: true });
  const extra = (status as { extra_info?: Record<string, string> }).extra_info;
  const plans = JSON.parse(extra?.['elanus.explain'] ?? '[]') as Plan[];
  return plans.sort((a, b) => Number(BigInt(a.segment) - BigInt(b.segment)));
}

const short = async (query: Asked) =>
  (await plansOf(query)).map(({ plan, passing, filter }) => [plan, passing, filter?.tree.by ?? '']);

it('shows the plan of each segment, and which was skipped', async () => {
  // After a flush the growing copies of the rows may serve for a moment.
  const states = async () => (await plansOf({ filter: 'n >= 0' })).map(({ state }) => state);
  await expect.poll(states, { timeout: 20_000 }).toEqual(['sealed', 'sealed', 'growing']);
  const plans = await plansOf({ filter: 'n > 1500' });
  expect(plans.map(({ state, rows }) => [state, rows])).toEqual([
    ['sealed', 100],
    ['sealed', 100],
    ['growing', 10],
  ]);
  expect(plans.map(({ plan, passing }) => [plan, passing])).toEqual([
    ['skipped', 0],
    ['filter', 49],
    ['filter', 10],
  ]);
  expect(plans[0]?.filter?.tree.by).toBe('skipped by min/max');
});

it('shows pages, keys, counts and sums', async () => {
  expect(await short({ filter: 'id > 150', limit: 5 })).toEqual([
    ['skipped', 0, 'skipped by min/max'],
    ['key range', 5, ''],
    // Both sides give a page, of which the smallest keys are answered.
    ['key range', 5, ''],
  ]);
  expect(await short({ filter: 'id in [5, 105, 106]' })).toEqual([
    ['keys', 1, ''],
    ['keys', 2, ''],
    ['keys', 0, ''],
  ]);
  const whole = { filter: '', limit: 1 };
  expect((await short(whole)).map(([plan, passing]) => [plan, passing])).toEqual([
    ['all rows', 100],
    ['all rows', 100],
    ['all rows', 10],
  ]);
  for (const output of ['count(*)', 'sum(n)'])
    expect((await short({ filter: 'n < 50', output_fields: [output] }))[1]).toEqual([
      ...['skipped', 0, 'skipped by min/max'],
    ]);
});

it('says nothing unasked, and changes no answer', async () => {
  const query = { filter: 'n > 1500' };
  const [plain, explained] = [await asked(query, {}), await asked(query, { explain: true })];
  expect(
    (plain.status as { extra_info?: Record<string, string> }).extra_info?.['elanus.explain'],
  ).toBeUndefined();
  expect(explained.data).toEqual(plain.data);
  expect(plain.data.length).toBe(59);
});
