// A database whose vectors stay in the files of their indexes, through the unmodified client: what it should hold, and the questions that are
// asked of it. For indexes that score exactly and for those that score by codes.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect } from 'vitest';
import { type Elanus, type OpenOptions, open } from '#server/open.js';
import {
  bruteForce,
  clusteredOf,
  connect,
  keyField,
  type Metric,
  mustSucceed,
  scoreOf,
  until,
} from './support.js';

export const DIM = 128;
export const ROWS = 5000;
export const name = 'rows';
const vectorOf = clusteredOf(DIM);
/** About the largest scores. */
const scaleOf = (metric: Metric): number => ({ L2: 300, IP: 1000, COSINE: 1 })[metric];
export const queries = Array.from({ length: 10 }, (_, i) => vectorOf(100_000 + i));

export interface Asked {
  readonly build: Readonly<Record<string, string | number | boolean>>;
  readonly search: Readonly<Record<string, number>>;
  /** How far a score may lie from that of the vectors, relative to the largest there are. */
  readonly error: number;
}

const diskAsked: Asked = {
  build: { search_list_size: 60, max_degree: 32 },
  search: { search_list: 200 },
  error: 1e-5,
};

export class World {
  readonly model = new Map<number, number[]>();
  readonly metric: Metric;
  readonly #folder: string | undefined;
  readonly #options: OpenOptions;
  readonly #asked: Asked;
  database: Elanus | undefined;
  #client: MilvusClient | undefined;

  constructor(
    metric: Metric,
    folder: string | undefined,
    options: OpenOptions = {},
    asked: Asked = diskAsked,
  ) {
    this.metric = metric;
    this.#folder = folder;
    this.#options = options;
    this.#asked = asked;
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
    const params = type === 'FLAT' ? {} : this.#asked.build;
    const index = {
      collection_name: name,
      field_name: 'vector',
      index_type: type,
      metric_type: this.metric,
      params,
    };
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
      (await this.client.getLoadState({ collection_name: name })).state === 'LoadStateLoaded'
        ? true
        : undefined,
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
      return (await this.reads) + (await this.metrics('elanus_disk_index_cache_hits')) > before
        ? true
        : undefined;
    });
  }

  async find(
    data: number[][],
    more: object = {},
  ): Promise<{ id: number; score: number; vector?: number[] }[][]> {
    const asked = {
      collection_name: name,
      data,
      limit: 10,
      output_fields: ['id'],
      params: this.#asked.search,
      ...more,
    };
    const answer = await this.client.search(asked as never);
    await mustSucceed(Promise.resolve(answer));
    // The answer to several queries has a list for each, which the client's types do not say.
    const results = Array.from<unknown, { id: string; score: number; vector?: number[] }[]>(
      answer.results,
      (list) => list as [],
    );
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
        expect(Math.abs(score - scoreOf(this.metric, query, row))).toBeLessThan(
          this.#asked.error * scaleOf(this.metric),
        );
        expect(vector).toEqual(row);
        if (truth.has(id)) found++;
      }
    }
    expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(recall);
    const ids = [1, 17, 4000, ROWS - 1, ROWS + 50].filter((id) => this.model.has(id));
    const got = await this.client.query({
      collection_name: name,
      filter: `id in [${ids.join()}]`,
      output_fields: ['id', 'vector'],
    });
    expect(new Map(got.data.map((row) => [Number(row.id), row.vector]))).toEqual(
      new Map(ids.map((id) => [id, this.model.get(id)])),
    );
    const count = await this.client.query({ collection_name: name, filter: '', output_fields: ['count(*)'] });
    expect(Number(count.data[0]?.['count(*)'])).toBe(this.model.size);
  }
}
