// target_recall, level and explain through the Node SDK: the promise is measured beside an exact search, and clients can read how it was kept.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extraOf, keyField, mustSucceed, openWorld, randomOf, until, type World } from './support.js';

const DIM = 32;
const ROWS = 12_000;
const name = 'clustered';
const normalOf = (seed: number): (() => number) => {
  const next = randomOf(seed);
  return () => Math.sqrt(-2 * Math.log(1 - (next() + 1) / 2 + 1e-9)) * Math.cos(Math.PI * next());
};

const centre = (at: number): number[] => {
  const normal = normalOf(5000 + at);
  return Array.from({ length: DIM }, normal);
};

const centres = Array.from({ length: 80 }, (_, at) => centre(at));
function vectorOf(seed: number): number[] {
  const normal = normalOf(seed * 31 + 3);
  return (centres[seed % 80] ?? []).map((value) => Math.fround(value + normal() * 0.4));
}

interface Found {
  readonly ids: number[];
  readonly recall: number | undefined;
  readonly plans: readonly Plan[];
}

interface Plan {
  readonly segment: string;
  readonly state: string;
  readonly index: string;
  readonly plan: string;
  readonly ef?: number;
  readonly rows: number;
  readonly passing: number;
  readonly recall?: number;
}

async function search(client: MilvusClient, seed: number, params: object, more: object = {}): Promise<Found> {
  const asked = {
    collection_name: name,
    data: [vectorOf(seed)],
    anns_field: 'vector',
    limit: 10,
    params,
    ...more,
  };
  const answer = await client.search(asked as never);
  if (answer.status.code !== 0) throw new Error(answer.status.reason);
  const hits = answer.results as unknown as readonly { id: string }[];
  const extra = extraOf(answer.status);
  return {
    ids: hits.map(({ id }) => Number(id)),
    recall: (answer.recalls as readonly number[])[0],
    plans: JSON.parse(extra['elanus.explain'] ?? '[]') as Plan[],
  };
}

describe('adaptive recall', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    const vector = { name: 'vector', data_type: DataType.FloatVector, dim: DIM };
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vector] }));
    const index = {
      field_name: 'vector',
      index_type: 'HNSW',
      metric_type: 'L2',
      params: { M: 6, efConstruction: 40 },
    };
    await mustSucceed(client.createIndex({ collection_name: name, ...index }));
    for (let begin = 0; begin < ROWS; begin += 2000) {
      const data = Array.from({ length: 2000 }, (_, at) => ({
        id: begin + at,
        vector: vectorOf(begin + at),
      }));
      await mustSucceed(client.insert({ collection_name: name, data }));
    }
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    await mustSucceed(client.loadCollection({ collection_name: name }));
    await until('the index is searched', async () => {
      const { plans } = await search(client, 1, { explain: true });
      return plans.every((plan) => plan.index === 'HNSW') && plans.length > 0 ? true : undefined;
    });
  });
  afterAll(() => world.close());

  test('explain gives the plan of each segment, and only when asked', async () => {
    const { client } = world;
    const { plans } = await search(client, 1, { explain: true, ef: 77 });
    expect(plans).toEqual([
      { ...plans[0], state: 'sealed', index: 'HNSW', plan: 'walk', ef: 77, rows: ROWS, passing: ROWS },
    ]);
    expect((await search(client, 1, { ef: 77 })).plans).toEqual([]);
    const few = await search(client, 1, { explain: true }, { filter: 'id in [1, 2, 3]' });
    expect(few.plans).toMatchObject([{ index: 'none', plan: 'rows', passing: 3, recall: 1 }]);
    expect(few.ids.sort()).toEqual([1, 2, 3]);
  });
  test('target_recall is kept, and wider for more', async () => {
    const { client } = world;
    expect((await search(client, 1, { ef: 30 })).recall).toBeUndefined();
    // Exact until something is known, so never below the promise.
    expect((await search(client, 1, { target_recall: 0.9 })).recall).toBe(1);
    let seed = 20_000;
    await until('a width is chosen', async () => {
      const { plans } = await search(client, seed++, { target_recall: 0.9, explain: true });
      return seed > 20_300 && plans[0]?.plan === 'walk' ? true : undefined;
    });
    const widths: number[] = [];
    for (const target of [0.9, 0.95, 0.99]) {
      let hits = 0;
      let width = 0;
      for (let query = 30_000; query < 30_100; query++) {
        const exact = new Set((await search(client, query, { ef: 2000 })).ids);
        const { ids, recall, plans } = await search(client, query, { target_recall: target, explain: true });
        expect(recall).toBeGreaterThanOrEqual(target - 1e-6);
        expect(recall).toBeLessThanOrEqual(1);
        hits += ids.filter((id) => exact.has(id)).length;
        width = Math.max(width, plans[0]?.ef ?? 0);
      }
      expect(hits / 1000).toBeGreaterThanOrEqual(target - 0.02);
      widths.push(width);
    }
    expect(widths[0]).toBeLessThan(widths[2] as number);
  });
  test('growing rows are exact, and what is out of range is refused', async () => {
    const { client } = world;
    await mustSucceed(
      client.insert({ collection_name: name, data: [{ id: 999_999, vector: vectorOf(40_000) }] }),
    );
    const { ids, plans } = await search(client, 40_000, { target_recall: 0.9, explain: true });
    expect(ids[0]).toBe(999_999);
    expect(plans.find(({ state }) => state === 'growing')).toMatchObject({
      index: 'none',
      plan: 'scan',
      rows: 1,
      recall: 1,
    });
    await expect(search(client, 1, { target_recall: 0.4 })).rejects.toThrow('target_recall');
    await expect(search(client, 1, { target_recall: 1 })).rejects.toThrow('should be in range [0.5, 0.9999]');
  });
});

describe('AUTOINDEX', () => {
  test('says what it built, and its level is a width', async () => {
    const world = await openWorld('memory');
    const { client } = world;
    const vector = { name: 'vector', data_type: DataType.FloatVector, dim: DIM };
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vector] }));
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'AUTOINDEX',
        metric_type: 'L2',
      }),
    );
    const builtAs = async (): Promise<string | undefined> => {
      const { index_descriptions: described } = await client.describeIndex({
        collection_name: name,
        field_name: 'vector',
      });
      const params = new Map(described[0]?.params.map(({ key, value }) => [key, String(value)]));
      expect(params.get('index_type')).toBe('AUTOINDEX');
      return params.get('elanus.built_as');
    };
    expect(await builtAs()).toBeUndefined();
    for (let begin = 0; begin < ROWS; begin += 2000) {
      const data = Array.from({ length: 2000 }, (_, at) => ({
        id: begin + at,
        vector: vectorOf(begin + at),
      }));
      await mustSucceed(client.insert({ collection_name: name, data }));
    }
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    await mustSucceed(client.loadCollection({ collection_name: name }));
    expect(
      await until('the index is built', async () => {
        const text = await builtAs();
        return text?.startsWith('none') ? undefined : text;
      }),
    ).toMatch(/^HNSW M=16 efConstruction=200, \d-bit codes$/);
    const widthOf = async (params: object): Promise<number | undefined> =>
      (await search(client, 7, { explain: true, ...params })).plans[0]?.ef;
    expect(await until('the index is loaded', () => widthOf({}))).toBe(47);
    expect(await widthOf({ level: 1 })).toBe(25);
    expect(await widthOf({ level: 10 })).toBe(112);
    expect(await widthOf({ ef: 200 })).toBe(200);
    await mustSucceed(client.insert({ collection_name: name, data: [{ id: 999_999, vector: vectorOf(1) }] }));
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    expect(await builtAs()).toEqual(
      expect.stringMatching(
        new RegExp(
          `^HNSW M=16 efConstruction=200, \\d-bit codes \\(1 segment, ${ROWS} rows\\); none, scanned exactly \\(1 segment, 1 rows\\)$`,
        ),
      ),
    );
    await world.close();
  });
});
