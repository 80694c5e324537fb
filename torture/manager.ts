// Changes the definitions of one collection while others write and read it: flushes, releases and loads, drops and makes again. What was
// begun when the server died is noted, so that the next life knows which two states are right.
import type { Collection } from './api.js';
import { below, oneOf } from './random.js';
import { partitionOf, vectorOf } from './rows.js';
import type { Served } from './workers.js';
import { sleep, Wrong } from './world.js';

const SERVED_MS_MAX = 60_000;

export async function manageLoop(served: Served): Promise<void> {
  const { world, model } = served;
  const actions: (() => Promise<void>)[] = [
    () => flush(served),
    () => flush(served),
    () => flush(served),
    () => compact(served),
    () => releaseAndLoad(served),
  ];
  if (model.shape.partitions.length > 0)
    actions.push(
      () => dropAndCreatePartition(served),
      () => dropAndCreatePartition(served),
      () => releaseAndLoadPartition(served),
    );
  if (model.shape.indexes.length > 1) actions.push(() => indexAgain(served));
  if (world.chance() < 0.5) actions.push(() => dropAndCreate(served));
  while (world.isServing) {
    await sleep(300 + below(world.chance, 2500));
    if (!world.isServing) return;
    try {
      await oneOf(world.chance, actions)();
      world.counts.changes++;
    } catch (error) {
      // Failed calls of the manager itself: nothing else changes definitions, so only the end of the server excuses them.
      world.judge(`${model.shape.name}: a change of definitions`, error, false);
    }
  }
}

async function flush({ world, model, collection }: Served): Promise<void> {
  await collection.flush();
  world.note(`${model.shape.name}: flushed`);
}

async function compact({ world, model, collection }: Served): Promise<void> {
  await collection.compact();
  world.note(`${model.shape.name}: a compaction begins`);
}

/** What is missing of a collection's definition is made, and it is loaded and served afterwards. */
export async function ensure(served: Served): Promise<void> {
  const { world, model, collection } = served;
  const { shape } = model;
  if (!(await collection.exists())) {
    // A new collection has none of the partitions of the one before it, and may be killed before they are made.
    for (const name of shape.partitions) model.partitionExistence.set(name, 'no');
    await collection.create();
  }
  model.existence = 'yes';
  const present = new Set(shape.partitions.length > 0 ? await collection.partitions() : []);
  for (const name of shape.partitions) {
    if (!present.has(name)) {
      model.partitionExistence.set(name, 'maybe');
      await collection.createPartition(name);
    }
    model.partitionExistence.set(name, 'yes');
  }
  let type = await collection.indexType();
  if (type === undefined) {
    const choice = oneOf(world.chance, shape.indexes);
    await collection.createIndex(choice);
    type = choice.index_type;
  }
  served.isExact = shape.indexes.find(({ index_type }) => index_type === type)?.isExact ?? false;
  await collection.load();
  await mustBeServed(collection, shape.name);
}

async function mustBeServed(collection: Collection, name: string): Promise<void> {
  const end = Date.now() + SERVED_MS_MAX;
  while (!(await collection.isServed())) {
    if (Date.now() > end) throw new Wrong(`${name}: not served ${SERVED_MS_MAX} ms after it was loaded`);
    await sleep(10);
  }
}

/** After a release was answered, a search must be refused. */
async function mustBeRefused(what: string, search: () => Promise<unknown>): Promise<void> {
  const isRefused = await search().then(
    () => false,
    () => true,
  );
  if (!isRefused) throw new Wrong(`${what}: a search that began after the release was answered`);
}

function releaseAndLoad(served: Served): Promise<void> {
  const { world, model, collection } = served;
  return model.disturb(async () => {
    await collection.release();
    world.note(`${model.shape.name}: released`);
    await mustBeRefused(model.shape.name, () => collection.search([vectorOf(1, model.shape.dim)], 1));
    await sleep(below(world.chance, 200));
    await collection.load();
    await mustBeServed(collection, model.shape.name);
    world.note(`${model.shape.name}: loaded`);
  });
}

async function releasePartition({ world, model, collection }: Served, name: string): Promise<void> {
  const { shape } = model;
  await collection.releasePartition(name);
  world.note(`${shape.name}: released ${name}`);
  await mustBeRefused(`${shape.name}/${name}`, () => collection.search([vectorOf(1, shape.dim)], 1, name));
  const [hits = []] = await collection.search([vectorOf(2, shape.dim)], 100);
  const shown = hits.find(({ key }) => partitionOf(shape, key) === name);
  if (shown !== undefined)
    throw new Wrong(`${shape.name}: key ${shown.key} of the released partition ${name} was found`);
}

function releaseAndLoadPartition(served: Served): Promise<void> {
  const { world, model, collection } = served;
  const name = oneOf(world.chance, model.shape.partitions);
  return model.disturb(async () => {
    await releasePartition(served, name);
    await collection.loadPartition(name);
    await mustBeServed(collection, model.shape.name);
    world.note(`${model.shape.name}: loaded ${name}`);
  });
}

function dropAndCreatePartition(served: Served): Promise<void> {
  const { world, model, collection } = served;
  const name = oneOf(world.chance, model.shape.partitions);
  return model.disturb(async () => {
    await releasePartition(served, name);
    model.partitionExistence.set(name, 'maybe');
    model.dropping(name);
    world.note(`${model.shape.name}: drops ${name}`);
    await collection.dropPartition(name);
    model.dropped(name);
    model.partitionExistence.set(name, 'no');
    world.note(`${model.shape.name}: dropped ${name}`);
    await sleep(below(world.chance, 300));
    model.partitionExistence.set(name, 'maybe');
    await collection.createPartition(name);
    model.partitionExistence.set(name, 'yes');
    await collection.loadPartition(name);
    await mustBeServed(collection, model.shape.name);
    world.note(`${model.shape.name}: created ${name} again`);
  });
}

function dropAndCreate(served: Served): Promise<void> {
  const { world, model, collection } = served;
  return model.disturb(async () => {
    model.existence = 'maybe';
    model.dropping();
    world.note(`${model.shape.name}: drops it`);
    await collection.drop();
    model.dropped();
    model.existence = 'no';
    world.note(`${model.shape.name}: dropped`);
    await sleep(below(world.chance, 300));
    model.existence = 'maybe';
    await ensure(served);
    world.note(`${model.shape.name}: created again`);
  });
}

function indexAgain(served: Served): Promise<void> {
  const { world, model, collection } = served;
  return model.disturb(async () => {
    await collection.release();
    await collection.dropIndex();
    const choice = oneOf(world.chance, model.shape.indexes);
    await collection.createIndex(choice);
    served.isExact = choice.isExact;
    await collection.load();
    await mustBeServed(collection, model.shape.name);
    world.note(`${model.shape.name}: indexed with ${choice.index_type}`);
  });
}
