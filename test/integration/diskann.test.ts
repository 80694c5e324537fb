// DISKANN and AISAQ through the unmodified client: vectors stay in files, answers are what exact search gives, rows with their vectors come
// back, a restart and another index change nothing, and a damaged file costs memory for a while, never an answer.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { type Elanus, type OpenOptions, open } from '#server/open.js';
import { bruteForce, connect, keyField, type Metric, mustSucceed, randomOf, scoreOf, tempFolder, until } from './support.js';

const DIM = 128;
const ROWS = 5000;
const name = 'rows';
const centres = Array.from({ length: 16 }, (_, i) => {
  const next = randomOf(i + 1000);
  return Array.from({ length: DIM }, () => next() * 3);
});
function vectorOf(id: number): number[] {
  const next = randomOf(id * 7919 + 3);
  const centre = centres[id % centres.length] as number[];
  return centre.map((value) => Math.fround(value + next()));
}
const queries = Array.from({ length: 10 }, (_, i) => vectorOf(100_000 + i));

/** A database, what it should hold, and the questions that are asked of it. */
class World {
  readonly model = new Map<number, number[]>();
  readonly metric: Metric;
  readonly #folder: string | undefined;
  readonly #options: OpenOptions;
  database: Elanus | undefined;
  #client: MilvusClient | undefined;

  constructor(metric: Metric, folder: string | undefined, options: OpenOptions = {}) {
    this.metric = metric;
    this.#folder = folder;
    this.#options = options;
  }
  get client(): MilvusClient {
    if (this.#client === undefined) throw new Error('not open');
    return this.#client;
  }
  async open(): Promise<void> {
    this.database = await open(this.#folder, { logLevel: 'silent', ...this.#options });
    this.#client = await connect(this.database.address);
  }
  async close(): Promise<void> {
    await this.#client?.closeConnection();
    await this.database?.close();
  }
  async insert(begin: number, end: number): Promise<void> {
    for (let first = begin; first < end; first += 2000) {
      const count = Math.min(2000, end - first);
      const data = Array.from({ length: count }, (_, i) => ({ id: first + i, vector: vectorOf(first + i) }));
      await mustSucceed(this.client.insert({ collection_name: name, data }));
      for (const { id, vector } of data) this.model.set(id, vector);
    }
  }
  async createIndex(type: string): Promise<void> {
    const params = type === 'FLAT' ? {} : { search_list_size: 60, max_degree: 32 };
    const index = { collection_name: name, field_name: 'vector', index_type: type, metric_type: this.metric, params };
    await mustSucceed(this.client.createIndex(index));
  }
  async fill(type: string): Promise<void> {
    const fields = [keyField, { name: 'vector', data_type: DataType.FloatVector, dim: DIM }];
    await mustSucceed(this.client.createCollection({ collection_name: name, fields }));
    await this.insert(0, ROWS);
    await mustSucceed(this.client.flushSync({ collection_names: [name] }));
    await this.createIndex(type);
    await this.untilIndexed();
    await mustSucceed(this.client.loadCollectionSync({ collection_name: name }));
  }
  untilIndexed(): Promise<boolean> {
    return until('the index is built', async () => {
      const { index_descriptions } = await this.client.describeIndex({ collection_name: name });
      return index_descriptions[0]?.state === 'Finished' ? true : undefined;
    });
  }
  untilLoaded(): Promise<boolean> {
    return until('it serves', async () =>
      (await this.client.getLoadState({ collection_name: name })).state === 'LoadStateLoaded' ? true : undefined,
    );
  }
  async metrics(sample: string): Promise<number> {
    const text = await (await fetch(`http://${this.database?.address}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(sample) && !line.startsWith('#'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }
  get reads(): Promise<number> {
    return this.metrics('elanus_disk_index_reads');
  }
  /** Answers come from files: pages are read, or hit, while it searches. */
  async untilOnDisk(): Promise<void> {
    await until('searches read the file', async () => {
      const before = (await this.reads) + (await this.metrics('elanus_disk_index_cache_hits'));
      for (let i = 0; i < 30; i++) await this.find(queries);
      return (await this.reads) + (await this.metrics('elanus_disk_index_cache_hits')) > before ? true : undefined;
    });
  }
  async find(data: number[][], more: object = {}): Promise<{ id: number; score: number; vector?: number[] }[][]> {
    const asked = { collection_name: name, data, limit: 10, output_fields: ['id'], params: { search_list: 200 }, ...more };
    const answer = await this.client.search(asked as never);
    await mustSucceed(Promise.resolve(answer));
    const results = answer.results as unknown as { id: string; score: number; vector?: number[] }[][];
    return results.map((hits) => hits.map((hit) => ({ ...hit, id: Number(hit.id) })));
  }
  async check(recall = 0.95): Promise<void> {
    let found = 0;
    for (const [i, hits] of (await this.find(queries, { output_fields: ['id', 'vector'] })).entries()) {
      const query = queries[i] as number[];
      expect(hits.length).toBe(10);
      const truth = new Set(
        bruteForce(this.metric, query, this.model)
          .slice(0, 10)
          .map(({ id }) => id),
      );
      for (const { id, score, vector } of hits) {
        const row = this.model.get(id);
        if (row === undefined) expect.fail(`row ${id} was deleted or never there`);
        expect(score).toBeCloseTo(scoreOf(this.metric, query, row), 3);
        expect(vector).toEqual(row);
        if (truth.has(id)) found++;
      }
    }
    expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(recall);
    const ids = [1, 17, 4000, ROWS - 1, ROWS + 50].filter((id) => this.model.has(id));
    const got = await this.client.query({ collection_name: name, filter: `id in [${ids.join()}]`, output_fields: ['id', 'vector'] });
    expect(new Map(got.data.map((row) => [Number(row.id), row.vector]))).toEqual(new Map(ids.map((id) => [id, this.model.get(id)])));
    const count = await this.client.query({ collection_name: name, filter: '', output_fields: ['count(*)'] });
    expect(Number(count.data[0]?.['count(*)'])).toBe(this.model.size);
  }
}

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
        const wanted = bruteForce(metric, queries[i] as number[], new Map(ids.map((id) => [id, world.model.get(id) as number[]])));
        expect(hits.map(({ id }) => ids.includes(id))).toEqual(hits.map(() => true));
        expect(hits.filter(({ id }) => wanted.slice(0, 10).some((one) => one.id === id)).length).toBeGreaterThanOrEqual(8);
      }
      const query = queries[0] as number[];
      const all = bruteForce(metric, query, world.model);
      const [near, far] = [all[5]?.score as number, all[60]?.score as number];
      const ranged = (await world.find([query, query], { params: { search_list: 200, radius: far, range_filter: near } }))[0] ?? [];
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
  const world = new World('L2', folder.path, { diskIndexCacheBytes: 0, targetCheckIntervalMs: 200, indexCheckIntervalMs: 300 });
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
