// What the integration tests share: a database in memory or on a temporary folder, a client, vectors that a seed makes, and brute force.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll } from 'vitest';
import { type Elanus, type OpenOptions, open } from '#server/open.js';

export const DIM = 8;
export type Metric = 'L2' | 'IP' | 'COSINE';
export interface World {
  readonly database: Elanus;
  readonly client: MilvusClient;
  close(): Promise<void>;
}

export async function tempFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'elanus-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/**
 * A client with connections of its own. By default the clients of a process share them by address, and a closed client of this SDK leaves
 * some behind that go on trying the address: a new server that gets the port of an old one would look down to a new client.
 */
export async function connect(address: string): Promise<MilvusClient> {
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new MilvusClient({ address, timeout: 30_000, logLevel: 'error', channelOptions });
  await client.connectPromise;
  return client;
}

export async function openWorld(kind: 'memory' | 'folder'): Promise<World> {
  const folder = kind === 'folder' ? await tempFolder() : undefined;
  const database = await open(folder?.path, { logLevel: 'error' });
  const client = await connect(database.address);
  return {
    database,
    client,
    async close() {
      await client.closeConnection();
      await database.close();
      await folder?.remove();
    },
  };
}

/** A database on a folder that outlives it. */
export interface LastingWorld {
  readonly folder: string;
  readonly database: Elanus;
  /** Closes the database and opens its folder again. */
  restart(): Promise<void>;
}

/**
 * A database on a folder of its own with a client, for the tests of the file or the group that asks for it: opened before the first,
 * closed and removed after the last.
 * @param begun gets the client at each start, as a restart makes another
 */
export function lastingWorld(options: OpenOptions, begun: (client: MilvusClient) => void): LastingWorld {
  let folder: Awaited<ReturnType<typeof tempFolder>> | undefined;
  let running: { readonly database: Elanus; readonly client: MilvusClient } | undefined;
  const start = async (path: string): Promise<void> => {
    const database = await open(path, options);
    running = { database, client: await connect(database.address) };
    begun(running.client);
  };
  const stop = async (): Promise<void> => {
    await running?.client.closeConnection();
    await running?.database.close();
  };
  beforeAll(async () => {
    folder = await tempFolder();
    await start(folder.path);
  });
  afterAll(async () => {
    await stop();
    await folder?.remove();
  });
  return {
    get folder() {
      if (folder === undefined) throw new Error('the folder is made before the first test');
      return folder.path;
    },
    get database() {
      if (running === undefined) throw new Error('the database is opened before the first test');
      return running.database;
    },
    async restart() {
      await stop();
      await start(this.folder);
    },
  };
}

/** Numbers in [-1, 1) that a seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export function vectorOf(seed: number, dim = DIM): number[] {
  const next = randomOf(seed * 7919 + 13);
  return Array.from({ length: dim }, () => Math.fround(next()));
}

/** Around 16 centres, as real vectors are; of the id alone. */
export function clusteredOf(dim: number): (id: number) => number[] {
  const centres = Array.from({ length: 16 }, (_, i) => {
    const next = randomOf(i + 1000);
    return Array.from({ length: dim }, () => next() * 3);
  });
  return (id) => {
    const next = randomOf(id * 7919 + 3);
    return (centres[id % centres.length] as number[]).map((value) => Math.fround(value + next()));
  };
}

/** What a status has beside its code, which the types of the client leave out. */
export function extraOf(status: object): Readonly<Partial<Record<string, string>>> {
  return 'extra_info' in status ? (status.extra_info as Record<string, string>) : {};
}

/** Over all dimensions; a loop, as brute force asks it millions of times. */
function sumOver(a: readonly number[], b: readonly number[], of: (x: number, y: number) => number): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += of(a[at] ?? 0, b[at] ?? 0);
  return sum;
}

const dot = (a: readonly number[], b: readonly number[]): number => sumOver(a, b, (x, y) => x * y);

export function scoreOf(metric: Metric, a: readonly number[], b: readonly number[]): number {
  if (metric === 'IP') return dot(a, b);
  if (metric === 'L2') return sumOver(a, b, (x, y) => (x - y) ** 2);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The exact answer: best first, equal scores by key. */
export function bruteForce(
  metric: Metric,
  query: readonly number[],
  rows: ReadonlyMap<number, readonly number[]>,
): { readonly id: number; readonly score: number }[] {
  const sign = metric === 'L2' ? 1 : -1;
  return [...rows]
    .map(([id, vector]) => ({ id, score: scoreOf(metric, query, vector) }))
    .sort((a, b) => sign * (a.score - b.score) || a.id - b.id);
}

export const keyField = { name: 'id', data_type: DataType.Int64, is_primary_key: true } as const;
export const vectorField = { name: 'vector', data_type: DataType.FloatVector, dim: DIM } as const;
export async function mustSucceed(call: Promise<unknown>): Promise<void> {
  const answer = (await call) as {
    readonly error_code?: string;
    readonly code?: number;
    readonly reason?: string;
    readonly status?: object;
  };
  const status = (answer.status ?? answer) as { readonly code?: number; readonly reason?: string };
  if ((status.code ?? 0) !== 0) throw new Error(`${status.code}: ${status.reason}`);
}

/** A collection with a key and a vector, indexed and loaded. */
export async function createLoaded(
  client: MilvusClient,
  name: string,
  options: {
    readonly metric?: Metric;
    readonly shards?: number;
    readonly fields?: object[];
    readonly dynamic?: boolean;
    readonly properties?: Record<string, string | number>;
  } = {},
): Promise<void> {
  await mustSucceed(
    client.createCollection({
      collection_name: name,
      fields: [keyField, vectorField, ...((options.fields ?? []) as (typeof keyField)[])],
      enable_dynamic_field: options.dynamic ?? false,
      shards_num: options.shards ?? 1,
      ...(options.properties && { properties: options.properties }),
    }),
  );
  await mustSucceed(
    client.createIndex({
      collection_name: name,
      field_name: 'vector',
      index_type: 'FLAT',
      metric_type: options.metric ?? 'L2',
    }),
  );
  await mustSucceed(client.loadCollection({ collection_name: name }));
}

/** Inserts rows `begin` to `end` of key and vector. @returns what was inserted */
export async function insertRange(
  client: MilvusClient,
  name: string,
  begin: number,
  end: number,
  more: (id: number) => object = () => ({}),
  partition?: string,
): Promise<Map<number, number[]>> {
  const rows = new Map(Array.from({ length: end - begin }, (_, at) => [begin + at, vectorOf(begin + at)]));
  await mustSucceed(
    client.insert({
      collection_name: name,
      data: [...rows].map(([id, vector]) => ({ id, vector, ...more(id) })),
      ...(partition === undefined ? {} : { partition_name: partition }),
    }),
  );
  return rows;
}

/** Asks again until the answer is there; the deadline is the failure. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let lastReason = '';
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      lastReason = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms ${lastReason}`);
}

export interface Failure {
  readonly code: number;
  readonly reason: string;
}

/** The failure, whether the SDK returned the status or threw it. */
export async function failureOf(call: () => Promise<unknown>): Promise<Failure> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    answer = error;
  }
  const { status, code, reason, message } = answer as {
    status?: Failure;
    code?: number;
    reason?: string;
    message?: string;
  };
  if (status !== undefined) return { code: status.code, reason: status.reason };
  return { code: code ?? -1, reason: reason ?? message ?? String(answer) };
}
