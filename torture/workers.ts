// Writers, readers and importers of one collection. They run until the server is asked to end; the model knows of every call what it may
// have done.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Collection } from './api.js';
import { liveCountIsPossible, liveHitsArePossible, liveRowsArePossible } from './live-checks.js';
import type { CollectionModel } from './model.js';
import { below, oneOf } from './random.js';
import { ABSENT, type Key, partitionOf, rowOf, type Version, vectorOf } from './rows.js';
import { sleep, type World } from './world.js';

export interface Served {
  readonly world: World;
  readonly model: CollectionModel;
  readonly collection: Collection;
  /** The index of now finds every neighbour. */
  isExact: boolean;
}

const IMPORTED = 100_000;

/** Some keys in one partition, none of them under way, whose version the test accepts. */
function someKeys({ world, model }: Served, accept: (version: Version) => boolean): Key[] {
  const { shape } = model;
  const count = 1 + below(world.chance, shape.batchRows);
  const partition = shape.partitions.length === 0 ? undefined : oneOf(world.chance, shape.partitions);
  const keys = new Set<Key>();
  for (let attempt = 0; attempt < count * 4 && keys.size < count; attempt++) {
    const isImported = shape.takesImports && world.chance() < 0.15;
    const key = isImported ? IMPORTED + below(world.chance, 4000) : below(world.chance, shape.keys);
    const version = model.certain(key);
    if (version === undefined || !accept(version)) continue;
    if (partition === undefined || partitionOf(shape, key) === partition) keys.add(key);
  }
  return [...keys];
}

export async function writeLoop(served: Served): Promise<void> {
  const { world } = served;
  while (world.isServing) {
    const draw = world.chance();
    if (draw < 0.4) await writeOnce(served, 'insert');
    else if (draw < 0.8) await writeOnce(served, 'upsert');
    else await writeOnce(served, 'delete');
    await sleep(world.chance() < 0.2 ? below(world.chance, 40) : 0);
  }
}

async function writeOnce(served: Served, kind: 'insert' | 'upsert' | 'delete'): Promise<void> {
  const { world, model, collection } = served;
  const { shape } = model;
  const keys = someKeys(served, (version) => (kind === 'insert' ? version === ABSENT : true));
  const [first] = keys;
  if (first === undefined) return;
  const version = kind === 'delete' ? ABSENT : world.nextVersion();
  const write = model.begin(new Map(keys.map((key) => [key, version])), shape.shards === 1);
  const wasDisturbed = model.isDisturbed;
  const disturbances = model.disturbances;
  const partition = partitionOf(shape, first);
  const what = `${shape.name}: ${kind} ${version} of ${keys.length} keys (${keys.slice(0, 4).join()}…)`;
  try {
    const rows = keys.map((key) => rowOf(shape, key, version));
    if (kind === 'insert') await collection.insert(rows, partition);
    else if (kind === 'upsert') await collection.upsert(rows, partition);
    else await collection.delete(keys, world.chance() < 0.5 ? partition : undefined);
    model.acknowledged(write);
    world.counts.writes++;
    world.note(`acknowledged ${what}`);
  } catch (error) {
    model.unknown(write);
    world.counts.unknownWrites++;
    world.note(`failed ${what}`);
    world.judge(what, error, wasDisturbed || model.disturbances !== disturbances);
    await sleep(20);
  }
}

export async function readLoop(served: Served): Promise<void> {
  const { world, model } = served;
  while (world.isServing) {
    const read = model.openRead();
    try {
      const draw = world.chance();
      if (draw < 0.45) await readRows(served, read);
      else if (draw < 0.55) liveCountIsPossible(model.shape, read, await served.collection.count());
      else await readHits(served, read);
      world.counts.reads++;
    } catch (error) {
      world.judge(`${model.shape.name}: a read`, error, read.isDisturbed);
      await sleep(20);
    } finally {
      model.closeRead(read);
    }
    await sleep(below(world.chance, 30));
  }
}

type Read = ReturnType<CollectionModel['openRead']>;
async function readRows({ world, model, collection }: Served, read: Read): Promise<void> {
  const keys = [
    ...new Set(
      Array.from({ length: 1 + below(world.chance, 60) }, () => below(world.chance, model.shape.keys)),
    ),
  ];
  liveRowsArePossible(model.shape, read, keys, await collection.rows(keys));
}

async function readHits({ world, model, collection, isExact }: Served, read: Read): Promise<void> {
  const queries = Array.from({ length: world.chance() < 0.8 ? 1 : 3 }, () =>
    vectorOf(1 + below(world.chance, 1e6), model.shape.dim),
  );
  const lists = await collection.search(queries, 10);
  for (const [at, query] of queries.entries())
    liveHitsArePossible(model.shape, read, query, lists[at] ?? [], 10, isExact);
}

/** Imports files of new rows, one job after another. */
export async function importLoop(served: Served): Promise<void> {
  const { world } = served;
  while (world.isServing) {
    await sleep(200 + below(world.chance, 3000));
    if (world.isServing) await importOnce(served);
  }
}

async function importOnce({ world, model, collection }: Served): Promise<void> {
  const { shape } = model;
  const partition = shape.partitions.length === 0 ? undefined : oneOf(world.chance, shape.partitions);
  const wanted = world.chance() < 0.5 ? 1 + below(world.chance, 100) : 1100 + below(world.chance, 1200);
  const keys: Key[] = [];
  for (let key = IMPORTED + below(world.chance, 3000); keys.length < wanted && key < IMPORTED + 6000; key++)
    if (model.certain(key) === ABSENT && (partition === undefined || partitionOf(shape, key) === partition))
      keys.push(key);
  if (keys.length === 0) return;
  const version = world.nextVersion();
  // In the turn that looked at the keys, before anyone else takes one.
  const write = model.begin(new Map(keys.map((key) => [key, version])), true);
  const name = `torture-import/${version}.json`;
  const path = join(world.folder, 'objects', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ rows: keys.map((key) => rowOf(shape, key, version)) }));
  if (!world.isServing) return model.refused(write);
  const disturbances = model.disturbances;
  const wasDisturbed = model.isDisturbed;
  const what = `${shape.name}: import ${version} of ${keys.length} rows`;
  try {
    const id = await collection.import(name, partition);
    world.note(`began ${what} as job ${id}`);
    for (;;) {
      const { state, reason } = await collection.job(id);
      if (state === 'completed') {
        model.acknowledged(write);
        world.counts.imports++;
        world.note(`completed ${what}`);
        break;
      }
      if (state === 'failed') {
        model.refused(write);
        throw new Error(`the job failed: ${reason}`);
      }
      await sleep(30);
    }
    await rm(path);
  } catch (error) {
    // The file stays for a job that a restart runs again.
    if (model.isOpen(keys[0] ?? 0)) model.unknown(write);
    world.note(`failed ${what}: ${String(error)}`);
    world.judge(what, error, wasDisturbed || model.disturbances !== disturbances);
  }
}
