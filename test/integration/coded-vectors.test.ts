// HNSW_SQ without refine through the unmodified client: codes and graph in memory, vectors in the file. Answers are scored by codes and
// near to what exact search gives, exactly that where refine_k asks for it; vectors come back as they were inserted; a restart changes
// nothing, and a damaged file costs memory for a while, never an answer.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { type Asked, name, queries, ROWS, World } from './disk-world.js';
import {
  bruteForce,
  connect,
  extraOf,
  failureOf,
  keyField,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
} from './support.js';

const asked = (build: Asked['build'] = {}, error = 0.01): Asked => ({
  build: { M: 16, efConstruction: 100, ...build },
  search: { ef: 200 },
  error,
});

interface Plan {
  readonly state: string;
  readonly index: string;
  readonly plan: string;
  readonly ef: number;
}

/** Plans of the sealed segments. */
async function plansOf({ client }: World, params: object = {}): Promise<Plan[]> {
  const data = queries.slice(0, 1);
  const request = {
    collection_name: name,
    data,
    limit: 10,
    output_fields: ['id'],
    params: { ...params, explain: true },
  };
  const answer = await client.search(request as never);
  await mustSucceed(Promise.resolve(answer));
  return (JSON.parse(extraOf(answer.status)['elanus.explain'] ?? '[]') as Plan[]).filter(
    ({ state }) => state === 'sealed',
  );
}

const untilByCodes = (world: World): Promise<boolean> =>
  until('the vectors are in the file', async () => {
    const plans = await plansOf(world);
    return plans.some(({ plan }) => plan.includes('by codes')) ? true : undefined;
  });

test.each([
  { metric: 'L2', sq_type: 'SQ8', recall: 0.95 },
  { metric: 'COSINE', sq_type: 'FP16', recall: 0.95 },
  { metric: 'IP', sq_type: 'SQ6', recall: 0.85 },
] as const)(
  '$sq_type $metric: through deletes, fresh rows, filters, ranges, pages, a restart and another index',
  async ({ metric, sq_type, recall }) => {
    const folder = await tempFolder();
    const world = new World(metric, folder.path, {}, asked({ sq_type }, sq_type === 'SQ6' ? 0.02 : 0.01));
    try {
      await world.open();
      await world.fill('HNSW_SQ');
      await untilByCodes(world);
      await world.check(recall);
      const described = await world.client.describeIndex({ collection_name: name });
      expect(JSON.stringify(described)).toContain('vectors in the file');

      const gone = Array.from({ length: 300 }, (_, i) => i * 7);
      await mustSucceed(world.client.delete({ collection_name: name, ids: gone }));
      for (const id of gone) world.model.delete(id);
      await world.insert(ROWS, ROWS + 200);
      await world.check(recall);
      expect(await plansOf(world, { ef: 90, refine_k: 2 })).toMatchObject([
        { index: 'HNSW_SQ', plan: expect.stringMatching(/^[\w ]+, by codes, refined$/), ef: 90 },
      ]);

      // Exact scores of 20 times as many candidates.
      const query = queries[0] as number[];
      const all = bruteForce(metric, query, world.model);
      const refined = (await world.find([query, query], { params: { ef: 200, refine_k: 20 } }))[0] ?? [];
      expect(refined.map(({ id }) => id)).toEqual(all.slice(0, 10).map(({ id }) => id));
      for (const [i, { score }] of refined.entries()) expect(score).toBeCloseTo(all[i]?.score as number, 2);

      // Rows that a filter leaves, few and many.
      for (const part of [50, 2]) {
        const ids = [...world.model.keys()].filter((id) => id % part === 1);
        const filter = part === 50 ? `id in [${ids.join()}]` : `id in [${ids.join()}]`;
        for (const [i, hits] of (await world.find(queries, { filter })).entries()) {
          const wanted = bruteForce(
            metric,
            queries[i] as number[],
            new Map(ids.map((id) => [id, world.model.get(id) as number[]])),
          );
          expect(hits).toHaveLength(10);
          for (const { id } of hits) expect(id % part).toBe(1);
          const best = new Set(wanted.slice(0, 10).map(({ id }) => id));
          expect(hits.filter(({ id }) => best.has(id)).length).toBeGreaterThanOrEqual(6);
        }
      }
      const [near, far] = [all[5]?.score as number, all[60]?.score as number];
      for (const params of [{ ef: 200 }, { ef: 200, refine_k: 3 }]) {
        const [ranged = [], second] = await world.find([query, query], {
          params: { ...params, radius: far, range_filter: near },
        });
        expect(ranged.length).toBe(10);
        expect(second).toEqual(ranged);
        for (const { score } of ranged) {
          if (metric === 'L2') expect(score >= near - 1e-3 && score < far + 1e-3).toBe(true);
          else expect(score <= near + 1e-3 && score > far - 1e-3).toBe(true);
        }
      }
      const whole = (await world.find([query, query], { limit: 40 }))[0] ?? [];
      const paged = (await world.find([query, query], { limit: 20, offset: 20 }))[0] ?? [];
      expect(paged.map(({ id }) => id)).toEqual(whole.slice(20).map(({ id }) => id));

      await world.close();
      await world.open();
      await world.untilLoaded();
      await untilByCodes(world);
      await world.check(recall);

      await mustSucceed(world.client.releaseCollection({ collection_name: name }));
      await mustSucceed(world.client.dropIndex({ collection_name: name, index_name: 'vector' } as never));
      await world.createIndex('FLAT');
      await world.untilIndexed();
      await mustSucceed(world.client.loadCollectionSync({ collection_name: name }));
      await world.check(recall);
      expect(await world.metrics('elanus_disk_index_cache_bytes')).toBe(0);
    } finally {
      await world.close();
      await folder.remove();
    }
  },
  120_000,
);

test('rows that were deleted or filtered out never come back, in any order of writes', async () => {
  const folder = await tempFolder();
  const world = new World('L2', folder.path, {}, asked());
  try {
    await world.open();
    await world.fill('HNSW_SQ');
    await untilByCodes(world);
    const next = randomOf(77);
    for (let round = 0; round < 12; round++) {
      const share = [0.001, 0.05, 0.2][round % 3] ?? 0;
      const gone = [...world.model.keys()].filter(() => next() < share);
      if (gone.length > 0) await mustSucceed(world.client.delete({ collection_name: name, ids: gone }));
      for (const id of gone) world.model.delete(id);
      if (round % 4 === 1) await world.insert(ROWS + round * 20, ROWS + round * 20 + 20);
      const part = [0.01, 0.3, 0.9][(round + 1) % 3] ?? 1;
      const live = [...world.model.keys()];
      const kept = live.filter(() => next() < part);
      const filter = `id ${round % 2 === 0 ? '' : 'not '}in [${kept.join()}]`;
      const isKept = new Set(kept);
      for (const more of [
        {},
        { filter },
        { filter, params: { ef: 64, refine_k: 2 } },
        { params: { ef: 64, refine_k: 4 } },
      ]) {
        for (const hits of await world.find(queries.slice(0, 4), more)) {
          const counting =
            'filter' in more ? live.filter((id) => isKept.has(id) === (round % 2 === 0)).length : live.length;
          expect(hits.length).toBe(Math.min(10, counting));
          for (const { id } of hits) {
            expect(world.model.has(id)).toBe(true);
            if ('filter' in more) expect(isKept.has(id)).toBe(round % 2 === 0);
          }
        }
      }
    }
  } finally {
    await world.close();
    await folder.remove();
  }
}, 120_000);

test('a bound on memory that codes and graph fit: it loads; with refine it is refused', async () => {
  const folder = await tempFolder();
  const [dim, rows] = [768, 4000];
  const vectorAt = (id: number): number[] => {
    const next = randomOf(id + 5);
    return Array.from({ length: dim }, () => Math.fround(next()));
  };
  try {
    for (const refine of [false, true]) {
      const path = join(folder.path, String(refine));
      let database = await open(path, { logLevel: 'silent' });
      let client = await connect(database.address);
      const fields = [keyField, { name: 'vector', data_type: DataType.FloatVector, dim }];
      await mustSucceed(client.createCollection({ collection_name: name, fields }));
      for (let begin = 0; begin < rows; begin += 1000) {
        const data = Array.from({ length: 1000 }, (_, i) => ({ id: begin + i, vector: vectorAt(begin + i) }));
        await mustSucceed(client.insert({ collection_name: name, data }));
      }
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      const index = {
        field_name: 'vector',
        index_type: 'HNSW_SQ',
        metric_type: 'L2',
        params: { M: 16, efConstruction: 60, refine },
      };
      await mustSucceed(client.createIndex({ collection_name: name, ...index }));
      await until('the index is built', async () => {
        const { index_descriptions } = await client.describeIndex({ collection_name: name });
        return index_descriptions[0]?.state === 'Finished' ? true : undefined;
      });
      await client.closeConnection();
      await database.close();

      database = await open(path, {
        logLevel: 'silent',
        targetCheckIntervalMs: 50,
        memoryLimitBytes: 10 << 20,
      });
      client = await connect(database.address);
      if (refine) {
        const refused = await failureOf(() => client.loadCollection({ collection_name: name }));
        expect(refused.reason).toContain('InsufficientMemoryToLoad');
      } else {
        await mustSucceed(client.loadCollectionSync({ collection_name: name }));
        const own = vectorAt(17);
        const found = await client.search({
          collection_name: name,
          data: own,
          limit: 3,
          output_fields: ['id', 'vector'],
        });
        expect(found.results[0]).toMatchObject({ id: '17', vector: own });
        const text = await (await fetch(`http://${database.address}/metrics`)).text();
        const used = Number(/^elanus_memory_bytes (\d+)/m.exec(text)?.[1]);
        // Codes, graph, keys and the working memory of the threads: less than the vectors alone.
        expect(used).toBeGreaterThan(rows * (dim + 128));
        expect(used).toBeLessThan(rows * dim * 4 * 0.8);
      }
      await client.closeConnection();
      await database.close();
    }
  } finally {
    await folder.remove();
  }
}, 120_000);

test('a file that is damaged: answers stay right, and the index is built again', async () => {
  for (const part of ['pages', 'block'] as const) {
    const folder = await tempFolder();
    const options = { diskIndexCacheBytes: 0, targetCheckIntervalMs: 200, indexCheckIntervalMs: 300 };
    const world = new World('L2', folder.path, options, asked());
    const indexFolder = join(folder.path, 'objects', 'index_files');
    const files = async (): Promise<string[]> =>
      (await readdir(indexFolder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    try {
      await world.open();
      await world.fill('HNSW_SQ');
      await untilByCodes(world);
      const [file, ...others] = await files();
      expect(others).toEqual([]);
      expect(file).toMatch(/HNSW_SQ_CODES$/);
      if (part === 'block') await world.close();
      const bytes = await readFile(file as string);
      // Every page, as nobody knows which ones are read; or a byte of what is loaded.
      if (part === 'pages')
        for (let at = bytes.length - 4000; at > ROWS * 400; at -= 4096) bytes[at] = (bytes[at] as number) ^ 4;
      else bytes[ROWS * 100] = (bytes[ROWS * 100] as number) ^ 4;
      await writeFile(file as string, bytes);
      if (part === 'block') {
        await world.open();
        await world.untilLoaded();
      }
      await world.check(); // Reads vectors for output.
      await until('another file takes the place of the damaged one', async () => {
        const now = await files();
        return now.length === 1 && now[0] !== file ? true : undefined;
      });
      await untilByCodes(world);
      await world.check();
    } finally {
      await world.close();
      await folder.remove();
    }
  }
}, 120_000);
