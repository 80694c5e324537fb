// A server killed with SIGKILL in the middle of writes, again and again on one folder. A model knows of every key what it may hold:
// one state when its last change was acknowledged, two when that change was under way at the kill. Nothing else may be read after a restart.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { runElanus, type ServerProcess, startServer, stopServer } from './server-process.js';
import {
  connect,
  keyField,
  mustSucceed,
  randomOf,
  tempFolder,
  until,
  vectorField,
  vectorOf,
} from './support.js';

const KILLS = 20;
/** Another sequence: `KILL_SEED=7 npx vitest run test/integration/kill`. */
const SEED = Number(process.env.KILL_SEED ?? 20_260_801);
const WORKERS_PER_COLLECTION = 2;
const collections = [
  { name: 'one_shard', shards: 1, hasTextKeys: false },
  { name: 'three_shards', shards: 3, hasTextKeys: false },
  { name: 'text_keys', shards: 2, hasTextKeys: true },
] as const;

type Collection = (typeof collections)[number];
/** The number a row was written with, which decides all its values. */
type State = number | 'absent';

class Model {
  readonly states = new Map<number, ReadonlySet<State>>();

  /** Before it is sent: the change may or may not happen. */
  begin(keys: readonly number[], next: State): void {
    for (const key of keys) this.states.set(key, new Set([...(this.states.get(key) ?? ['absent']), next]));
  }

  acknowledge(keys: readonly number[], next: State): void {
    for (const key of keys) this.states.set(key, new Set([next]));
  }

  /** What is there after a restart stays: nothing is under way any more. */
  settle(rows: ReadonlyMap<number, number>): string[] {
    const wrong: string[] = [];
    for (const [key, states] of this.states) {
      const found: State = rows.get(key) ?? 'absent';
      if (!states.has(found)) wrong.push(`key ${key}: found ${found}, expected ${[...states].join(' or ')}`);
      this.states.set(key, new Set([found]));
    }
    for (const key of rows.keys()) if (!this.states.has(key)) wrong.push(`key ${key}: never written`);
    return wrong;
  }
}

const random = randomOf(SEED);
const below = (limit: number): number => Math.floor(((random() + 1) / 2) * limit);
const keyOf = (collection: Collection, key: number): number | string =>
  collection.hasTextKeys ? `k${key}` : key;
const rowOf = (collection: Collection, key: number, value: number) => ({
  id: keyOf(collection, key),
  vector: vectorOf(value),
  value,
  text: `row ${value}`,
});

let nextValue = 1;

async function createAll(client: MilvusClient): Promise<void> {
  for (const { name, shards, hasTextKeys } of collections) {
    const id = hasTextKeys ? { ...keyField, data_type: DataType.VarChar, max_length: 20 } : keyField;
    const rest = [
      { name: 'value', data_type: DataType.Int64 },
      { name: 'text', data_type: DataType.VarChar, max_length: 20 },
    ];
    await mustSucceed(
      client.createCollection({
        collection_name: name,
        fields: [id, vectorField, ...rest],
        shards_num: shards,
      }),
    );
    await mustSucceed(
      client.createIndex({
        collection_name: name,
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(client.loadCollection({ collection_name: name }));
  }
}

/** Writes until the server is gone. @returns how many changes were acknowledged @throws a failure while the server lives */
async function writeLoop(
  client: MilvusClient,
  collection: Collection,
  worker: number,
  model: Model,
  isKilled: () => boolean,
) {
  let acknowledged = 0;
  const collection_name = collection.name;
  while (!isKilled()) {
    // Every worker has its own keys, so that the order of changes to a key is known.
    const keys = [
      ...new Set(Array.from({ length: 1 + below(12) }, () => worker + WORKERS_PER_COLLECTION * below(150))),
    ];
    const value = nextValue++;
    const action = below(20);
    try {
      if (action === 0) {
        await mustSucceed(client.flush({ collection_names: [collection_name] }));
        continue;
      }
      const isAbsent = (key: number): boolean =>
        !model.states.has(key) || model.states.get(key)?.has('absent') === true;
      const fresh = keys.filter(isAbsent);
      if (action < 8 && fresh.length > 0) {
        model.begin(fresh, value);
        await mustSucceed(
          client.insert({ collection_name, data: fresh.map((key) => rowOf(collection, key, value)) }),
        );
        model.acknowledge(fresh, value);
      } else if (action < 14) {
        model.begin(keys, value);
        await mustSucceed(
          client.upsert({ collection_name, data: keys.map((key) => rowOf(collection, key, value)) }),
        );
        model.acknowledge(keys, value);
      } else {
        model.begin(keys, 'absent');
        const list = JSON.stringify(keys.map((key) => keyOf(collection, key)));
        await mustSucceed(client.delete({ collection_name, filter: `id in ${list}` }));
        model.acknowledge(keys, 'absent');
      }
      acknowledged += 1;
    } catch (error) {
      if (!isKilled()) throw error;
    }
  }
  return acknowledged;
}

async function verify(client: MilvusClient, collection: Collection, model: Model): Promise<number> {
  const collection_name = collection.name;
  await until(`${collection_name} is served`, async () => {
    const state = await client.getLoadingProgress({ collection_name });
    return Number(state.progress) >= 100 ? true : undefined;
  });
  const filter = collection.hasTextKeys ? 'id not in [""]' : 'id not in [-1]';
  const read = await client.query({
    collection_name,
    filter,
    output_fields: ['id', 'vector', 'value', 'text'],
    limit: 16_384,
  });
  expect(read.status).toMatchObject({ code: 0, reason: '' });
  const rows = new Map<number, number>();
  for (const row of read.data) {
    const value = Number(row.value);
    rows.set(Number(String(row.id).replace('k', '')), value);
    expect(row.text).toBe(`row ${value}`);
    expect(row.vector).toEqual(vectorOf(value));
  }
  expect(rows.size).toBe(read.data.length);
  const wrong = model.settle(rows);
  expect(wrong).toEqual([]);
  expect((await client.count({ collection_name })).data).toBe(rows.size);
  const [some] = [...rows].slice(below(rows.size));
  if (some !== undefined) {
    const found = await client.search({
      collection_name,
      data: vectorOf(some[1]),
      limit: 1,
      output_fields: ['value'],
    });
    expect(Number(found.results[0]?.value)).toBe(some[1]);
  }
  return rows.size;
}

test('rows and deletes that were acknowledged survive SIGKILL at any moment', {
  timeout: 120_000,
}, async () => {
  const folder = await tempFolder();
  const models = new Map<Collection, Model>(collections.map((collection) => [collection, new Model()]));
  let acknowledged = 0;
  let kills = 0;
  while (kills < KILLS) {
    if (kills % 7 === 6) {
      // Now and then it does not even get through its start.
      const starting = runElanus('serve', '--port', '0', '--data', folder.path);
      await new Promise((resolve) => setTimeout(resolve, below(400)));
      starting.kill('SIGKILL');
      await starting.ended;
    }
    const server: ServerProcess = await startServer(folder.path);
    const client = await connect(server.address);
    if (kills === 0) await createAll(client);
    for (const [collection, model] of models) await verify(client, collection, model);
    let isKilled = false;
    const loops = [...models].flatMap(([collection, model]) =>
      Array.from({ length: WORKERS_PER_COLLECTION }, (_, worker) =>
        writeLoop(client, collection, worker, model, () => isKilled),
      ),
    );
    const killer = new Promise<void>((resolve) => setTimeout(resolve, 20 + below(450))).then(() => {
      isKilled = true;
      server.kill('SIGKILL');
    });
    const [counts] = await Promise.all([Promise.all(loops), killer]);
    acknowledged += counts.reduce((sum, count) => sum + count, 0);
    expect((await server.ended).signal).toBe('SIGKILL');
    expect(server.stderr()).not.toMatch(/"level":"error"|unhandled/);
    await client.closeConnection();
    kills += 1;
  }
  const server = await startServer(folder.path);
  const client = await connect(server.address);
  let rows = 0;
  for (const [collection, model] of models) rows += await verify(client, collection, model);
  expect(rows).toBeGreaterThan(100);
  // Not a rate: only that there was something to lose at most of the kills.
  expect(acknowledged).toBeGreaterThan(KILLS * 2);
  await client.closeConnection();
  expect(await stopServer(server)).toBe(0);
  await folder.remove();
});
