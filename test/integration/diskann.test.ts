// DISKANN and AISAQ through the unmodified client: vectors stay in files, answers are what exact search gives, rows with their vectors come
// back, a restart and another index change nothing, and a damaged file costs memory for a while, never an answer.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DIM, name, queries, ROWS, World } from './disk-world.js';
import { bruteForce, mustSucceed, tempFolder, until } from './support.js';

describe.each([
  { type: 'DISKANN', metric: 'L2', where: 'folder' },
  { type: 'AISAQ', metric: 'COSINE', where: 'folder' },
  { type: 'DISKANN', metric: 'IP', where: 'memory' },
] as const)('$type $metric in a $where', ({ type, metric, where }) => {
  test('serves vectors from files, through deletes, fresh rows, filters, ranges, a restart and another index', async () => {
    const folder = where === 'folder' ? await tempFolder() : undefined;
    const world = new World(metric, folder?.path);
    try {
      await world.open();
      await world.fill(type);
      await world.untilOnDisk();
      await world.check();
      const vectorBytes = await world.metrics('elanus_collection_memory_bytes{');
      const kinds = await world.metrics('elanus_disk_index_cache_bytes');
      expect(vectorBytes).toBeGreaterThan(0);
      expect(kinds).toBeGreaterThan(0);

      const gone = Array.from({ length: 300 }, (_, i) => i * 7);
      await mustSucceed(world.client.delete({ collection_name: name, ids: gone }));
      for (const id of gone) world.model.delete(id);
      await world.insert(ROWS, ROWS + 200);
      await world.check();

      const ids = [...world.model.keys()].filter((id) => id % 50 === 1);
      for (const [i, hits] of (await world.find(queries, { filter: `id in [${ids.join()}]` })).entries()) {
        const wanted = bruteForce(
          metric,
          queries[i] as number[],
          new Map(ids.map((id) => [id, world.model.get(id) as number[]])),
        );
        expect(hits.map(({ id }) => ids.includes(id))).toEqual(hits.map(() => true));
        expect(
          hits.filter(({ id }) => wanted.slice(0, 10).some((one) => one.id === id)).length,
        ).toBeGreaterThanOrEqual(8);
      }
      const query = queries[0] as number[];
      const all = bruteForce(metric, query, world.model);
      const [near, far] = [all[5]?.score as number, all[60]?.score as number];
      const ranged =
        (
          await world.find([query, query], { params: { search_list: 200, radius: far, range_filter: near } })
        )[0] ?? [];
      expect(ranged.length).toBe(10);
      for (const { score } of ranged) {
        if (metric === 'L2') expect(score >= near - 1e-3 && score < far + 1e-3).toBe(true);
        else expect(score <= near + 1e-3 && score > far - 1e-3).toBe(true);
      }

      if (folder !== undefined) {
        await world.close();
        await world.open();
        await world.untilLoaded();
        await world.check();
        await world.untilOnDisk();
        await world.check();
      }
      await mustSucceed(world.client.releaseCollection({ collection_name: name }));
      await mustSucceed(world.client.dropIndex({ collection_name: name, index_name: 'vector' } as never));
      await world.createIndex('FLAT');
      await world.untilIndexed();
      await mustSucceed(world.client.loadCollectionSync({ collection_name: name }));
      await world.check(1);
      expect(await world.metrics('elanus_disk_index_cache_bytes')).toBe(0);
    } finally {
      await world.close();
      await folder?.remove();
    }
  }, 120_000);
});

test('memory of a loaded collection is a part of its vectors, the cache keeps its bound', async () => {
  const cacheBytes = 256 * 1024;
  const folder = await tempFolder();
  const world = new World('L2', folder.path, { diskIndexCacheBytes: cacheBytes });
  try {
    await world.open();
    await world.fill('DISKANN');
    await world.untilOnDisk();
    await world.close();
    await world.open();
    await world.untilLoaded();
    await world.check();
    await world.untilOnDisk();
    expect(await world.metrics('elanus_disk_index_cache_bytes')).toBeLessThanOrEqual(cacheBytes);
    const text = await (await fetch(`http://${world.database?.address}/metrics`)).text();
    const vectors = text
      .split('\n')
      .filter((line) => line.startsWith('elanus_collection_memory_bytes{') && line.includes('kind="vectors"'))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    expect(vectors).toBeGreaterThan(0);
    expect(vectors).toBeLessThan(ROWS * DIM * 4 * 0.3);
  } finally {
    await world.close();
    await folder.remove();
  }
}, 120_000);

test('a file that is damaged while it is searched: answers stay right, and the index is built again', async () => {
  const folder = await tempFolder();
  const world = new World('L2', folder.path, {
    diskIndexCacheBytes: 0,
    targetCheckIntervalMs: 200,
    indexCheckIntervalMs: 300,
  });
  const indexFolder = join(folder.path, 'objects', 'index_files');
  const files = async (): Promise<string[]> =>
    (await readdir(indexFolder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  try {
    await world.open();
    await world.fill('DISKANN');
    await world.untilOnDisk();
    const [file, ...others] = await files();
    expect(others).toEqual([]);
    const bytes = await readFile(file as string);
    // In every page, as nobody knows which ones a search reads.
    for (let at = 4096 * 200; at < bytes.length; at += 4096) bytes[at + 77] = (bytes[at + 77] as number) ^ 4;
    await writeFile(file as string, bytes);
    await world.check();
    await until('another file takes the place of the damaged one', async () => {
      const now = await files();
      return now.length === 1 && now[0] !== file ? true : undefined;
    });
    await world.untilOnDisk();
    await world.check();
  } finally {
    await world.close();
    await folder.remove();
  }
}, 120_000);
