// The Milvus client as a torture run uses it: a call that is refused throws with its code, and a collection is one object.
import { MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import { type Key, keyOfWire, type Version, wireKey } from './rows.js';
import { fieldsOf, type IndexChoice, type Shape } from './shapes.js';

const CALL_MS_MAX = 30_000;
class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: number;

  constructor(call: string, code: number, reason: string) {
    super(`${call}: code ${code}: ${reason}`);
    this.code = code;
  }
}

interface Answer {
  readonly status?: object;
}

/** @throws Refused, an error of the connection */
export async function good<T extends object>(call: string, promise: Promise<T>): Promise<T> {
  // Where the client asks for the collection first, it throws the answer that refused that.
  const answer = await promise.catch((error: unknown): T => {
    if (error instanceof Error || typeof error !== 'object' || error === null) throw error;
    if (!('status' in error || 'code' in error)) throw new Refused(call, -1, JSON.stringify(error));
    return error as T;
  });
  const status = ((answer as Answer).status ?? answer) as {
    readonly code?: number;
    readonly reason?: string;
  };
  if ((status.code ?? 0) !== 0) throw new Refused(call, status.code ?? -1, status.reason ?? '');
  return answer;
}

export async function connect(address: string): Promise<MilvusClient> {
  // No retries: each call is sent once, so that the model knows its outcome.
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new MilvusClient({
    address,
    timeout: CALL_MS_MAX,
    maxRetries: 0,
    logLevel: 'error',
    channelOptions,
  });
  await client.connectPromise;
  return client;
}

export type Row = Readonly<Record<string, unknown>>;
export interface Hit {
  readonly key: Key;
  readonly version: Version;
  readonly score: number;
}

export type JobState = 'running' | 'completed' | 'failed';
export interface Job {
  readonly id: string;
  readonly state: JobState;
  readonly reason: string;
}

/** One collection, on whatever server runs now. */
export class Collection {
  readonly #client: MilvusClient;
  readonly #shape: Shape;
  readonly #name: string;

  constructor(client: MilvusClient, shape: Shape) {
    this.#client = client;
    this.#shape = shape;
    this.#name = shape.name;
  }

  get #outputFields(): string[] {
    return [...fieldsOf(this.#shape).map(({ name }) => String(name)), 'extra'];
  }

  #filterOf(keys: readonly Key[]): string {
    return `id in ${JSON.stringify(keys.map((key) => wireKey(this.#shape, key)))}`;
  }

  async exists(): Promise<boolean> {
    return (
      (await good('hasCollection', this.#client.hasCollection({ collection_name: this.#name }))).value ===
      true
    );
  }

  async create(): Promise<void> {
    const { shards, hasPartitionKey } = this.#shape;
    await good(
      'createCollection',
      this.#client.createCollection({
        collection_name: this.#name,
        fields: fieldsOf(this.#shape),
        shards_num: shards,
        enable_dynamic_field: true,
        ...(hasPartitionKey ? { num_partitions: 5 } : {}),
      }),
    );
  }

  async drop(): Promise<void> {
    await good('dropCollection', this.#client.dropCollection({ collection_name: this.#name }));
  }

  async partitions(): Promise<readonly string[]> {
    return (await good('showPartitions', this.#client.showPartitions({ collection_name: this.#name })))
      .partition_names;
  }

  async createPartition(partition_name: string): Promise<void> {
    await good(
      'createPartition',
      this.#client.createPartition({ collection_name: this.#name, partition_name }),
    );
  }

  async dropPartition(partition_name: string): Promise<void> {
    await good('dropPartition', this.#client.dropPartition({ collection_name: this.#name, partition_name }));
  }

  async releasePartition(name: string): Promise<void> {
    await good(
      'releasePartitions',
      this.#client.releasePartitions({ collection_name: this.#name, partition_names: [name] }),
    );
  }

  async loadPartition(name: string): Promise<void> {
    await good(
      'loadPartitions',
      this.#client.loadPartitions({ collection_name: this.#name, partition_names: [name] }),
    );
  }

  /** The type of the index of the vectors; undefined when there is none. */
  async indexType(): Promise<string | undefined> {
    const answer = await this.#client.describeIndex({ collection_name: this.#name });
    if (answer.status.code === 700) return undefined;
    const [index] = (await good('describeIndex', Promise.resolve(answer))).index_descriptions;
    return index?.params.find(({ key }) => key === 'index_type')?.value as string | undefined;
  }

  async createIndex({ index_type, params }: IndexChoice): Promise<void> {
    await good(
      'createIndex',
      this.#client.createIndex({
        collection_name: this.#name,
        field_name: 'vector',
        index_name: 'vector',
        index_type,
        metric_type: this.#shape.metric,
        ...(params === undefined ? {} : { params }),
      }),
    );
  }

  async dropIndex(): Promise<void> {
    await good(
      'dropIndex',
      this.#client.dropIndex({ collection_name: this.#name, field_name: 'vector', index_name: 'vector' }),
    );
  }

  async load(): Promise<void> {
    await good('loadCollection', this.#client.loadCollection({ collection_name: this.#name }));
  }

  async release(): Promise<void> {
    await good('releaseCollection', this.#client.releaseCollection({ collection_name: this.#name }));
  }

  async isServed(): Promise<boolean> {
    const answer = await good(
      'getLoadingProgress',
      this.#client.getLoadingProgress({ collection_name: this.#name }),
    );
    return Number(answer.progress) >= 100;
  }

  async flush(): Promise<void> {
    await good('flush', this.#client.flushSync({ collection_names: [this.#name] }));
  }

  /** Begins a compaction of everything; it goes on after the answer. */
  async compact(): Promise<void> {
    await good('compact', this.#client.compact({ collection_name: this.#name }));
  }

  async insert(rows: readonly RowData[], partition: string | undefined): Promise<void> {
    await good(
      'insert',
      this.#client.insert({ collection_name: this.#name, data: [...rows], ...named(partition) }),
    );
  }

  async upsert(rows: readonly RowData[], partition: string | undefined): Promise<void> {
    await good(
      'upsert',
      this.#client.upsert({ collection_name: this.#name, data: [...rows], ...named(partition) }),
    );
  }

  async delete(keys: readonly Key[], partition: string | undefined): Promise<void> {
    await good(
      'delete',
      this.#client.delete({ collection_name: this.#name, filter: this.#filterOf(keys), ...named(partition) }),
    );
  }

  async rows(keys: readonly Key[]): Promise<Row[]> {
    const request = {
      collection_name: this.#name,
      filter: this.#filterOf(keys),
      output_fields: this.#outputFields,
    };
    return (await good('query', this.#client.query({ ...request, limit: 16_384 }))).data.map(withDynamic);
  }

  /** Rows in key order, from `offset` on. */
  async page(offset: number, limit: number): Promise<Row[]> {
    const filter = this.#shape.hasTextKeys ? 'id not in [""]' : 'id not in [-1]';
    const request = { collection_name: this.#name, filter, output_fields: this.#outputFields, offset, limit };
    return (await good('query', this.#client.query(request))).data.map(withDynamic);
  }

  async count(partition?: string): Promise<number> {
    const request = { collection_name: this.#name, filter: '', output_fields: ['count(*)'] };
    const names = partition === undefined ? {} : { partition_names: [partition] };
    return Number((await good('count', this.#client.query({ ...request, ...names }))).data[0]?.['count(*)']);
  }

  async rowCount(): Promise<number> {
    const answer = await good(
      'getCollectionStatistics',
      this.#client.getCollectionStatistics({ collection_name: this.#name }),
    );
    return Number(answer.data.row_count);
  }

  async search(vectors: readonly (readonly number[])[], limit: number, partition?: string): Promise<Hit[][]> {
    const answer = await good(
      'search',
      this.#client.search({
        collection_name: this.#name,
        data: vectors.map((vector) => [...vector]),
        limit,
        output_fields: ['id', 'value'],
        ...(partition === undefined ? {} : { partition_names: [partition] }),
      }),
    );
    const lists = answer.results as unknown;
    const several = vectors.length === 1 ? [lists] : lists;
    return (several as { id: string; score: number; value: string }[][]).map((hits) =>
      hits.map(({ id, score, value }) => ({ key: keyOfWire(id), version: Number(value), score })),
    );
  }

  /** @returns the job's id */
  async import(file: string, partition: string | undefined): Promise<string> {
    const request = { collection_name: this.#name, files: [file], ...named(partition) };
    const [task] = (await good('import', this.#client.bulkInsert(request))).tasks;
    if (task === undefined) throw new Error('import answered without a job');
    return String(task);
  }

  async job(id: string): Promise<Job> {
    return jobOf(
      id,
      await good('getImportState', this.#client.getImportState({ task: id as unknown as number })),
    );
  }

  async jobs(): Promise<Job[]> {
    const { tasks } = await good(
      'listImportTasks',
      this.#client.listImportTasks({ collection_name: this.#name }),
    );
    return tasks.map((task) => jobOf(String(task.id), task));
  }
}

/** The client returns dynamic fields below `$meta`. */
const withDynamic = ({ $meta, ...row }: Row): Row => ({ ...row, ...($meta as Row | undefined) });
const named = (partition: string | undefined) =>
  partition === undefined ? {} : { partition_name: partition };
function jobOf(
  id: string,
  answer: { readonly state: string; readonly infos: readonly { key: string; value: string | number }[] },
): Job {
  const state =
    answer.state === 'ImportCompleted'
      ? 'completed'
      : answer.state.startsWith('ImportFailed')
        ? 'failed'
        : 'running';
  return { id, state, reason: String(answer.infos.find(({ key }) => key === 'failed_reason')?.value ?? '') };
}
