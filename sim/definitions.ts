// One client that changes definitions while the others work: partitions and collections are dropped and made again under their names,
// indexes are replaced, single partitions are loaded, files are imported. A change is a list of steps; each is tried until it is
// confirmed, also after its outcome got lost, and what is confirmed holds from then on.
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { ObjectStore } from '#platform/object-store.js';
import type { Timers } from '#platform/time.js';
import type { SimClient } from './client.js';
import { chooseIndex, partitionNames } from './collection-spec.js';
import { EXTRA, extraDefault } from './extra-field.js';
import type { CollectionModel, Write } from './model.js';
import { extraFieldBytes, importFileOf } from './rows.js';
import type { SimCollection, Workload } from './workload.js';

export interface DefinitionParts {
  readonly client: SimClient;
  readonly collections: readonly SimCollection[];
  readonly workload: Workload;
  readonly random: Random;
  readonly timers: Timers;
  readonly elapsedMs: () => number;
  /** Where files to import are put. */
  readonly objects: ObjectStore;
}

interface Step {
  readonly name: string;
  readonly collection: SimCollection;
  /** Throws when it must be tried again. */
  readonly run: () => Promise<void>;
}

/** A call without an outcome may take effect this much later: nothing of the same name is made before. */
const LATE_MS_MAX = 15_000;
const IMPORTER = 90;
const noteIndexes = ['INVERTED', 'BITMAP', 'Trie'] as const;

const unless = async (call: Promise<unknown>, ...expected: readonly ErrorKey[]): Promise<void> => {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ElanusError && expected.includes(error.key))) throw error;
  }
};

const alreadyThere = (call: Promise<unknown>): Promise<void> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof ElanusError && /exist/.test(error.message) && !/not exist/.test(error.message)))
        throw error;
    },
  );

const unlessSaid = (call: Promise<unknown>, expected: RegExp): Promise<unknown> =>
  call.catch((error: unknown) => {
    if (!(error instanceof ElanusError && expected.test(error.message))) throw error;
  });

export class Definitions {
  readonly #parts: DefinitionParts;
  #todo: Step[] = [];
  #unknownMs = Number.NEGATIVE_INFINITY;
  #files = 0;

  constructor(parts: DefinitionParts) {
    this.#parts = parts;
  }

  async run(operations: number): Promise<void> {
    for (let done = 0; done < operations; done++) {
      await this.#parts.timers.sleep(nextFloat(this.#parts.random) * 900);
      if (this.#todo.length === 0) this.#plan();
      await this.#next();
    }
  }

  /** Everything that was begun is brought to its end. */
  async finish(untilReady: (call: () => Promise<boolean>) => Promise<void>): Promise<void> {
    while (this.#todo.length > 0) await untilReady(() => this.#next());
    await untilReady(async () => {
      try {
        return await this.#parts.client.importsAreOver();
      } catch {
        return false;
      }
    });
  }

  /** Begins to replace a partition; the rest is for `finish`. Nothing else may be under way. @returns whether the drop was confirmed */
  beginReplacePartition(collection: SimCollection, partition: string): Promise<boolean> {
    this.#todo = this.#replacePartition(collection, partition);
    return this.#next();
  }

  /** @returns whether it was confirmed at once; otherwise `finish` sends it again */
  beginTruncate(collection: SimCollection): Promise<boolean> {
    this.#todo = [this.#truncate(collection)];
    return this.#next();
  }

  /** A field comes; one that came before begins to go. The rest is for `finish`, and nothing else may be under way. */
  async beginField(collection: SimCollection): Promise<void> {
    this.#todo = this.#changeFields(collection);
    await this.#next();
  }

  /**
   * The field of words goes, if it is there, and begins to come; the rest is for `finish`. Nothing else may be under way.
   * @returns false: not while an iterator holds segments, which would stay unfilled
   */
  async beginWords(
    collection: SimCollection,
    untilReady: (call: () => Promise<boolean>) => Promise<void>,
    whenGone: () => Promise<void>,
  ): Promise<boolean> {
    const steps = this.#changeWords(collection);
    if (steps.length === 0) return false;
    this.#todo = steps.slice(0, -2);
    while (this.#todo.length > 0) await untilReady(() => this.#next());
    await whenGone();
    this.#todo = steps.slice(-2);
    await this.#next();
    return true;
  }

  /** Drops all collections, then makes them again. */
  async replaceAll(
    untilReady: (call: () => Promise<boolean>) => Promise<void>,
    whenGone: () => Promise<void>,
  ): Promise<void> {
    const replacements = this.#parts.collections.map((collection) => this.#replaceCollection(collection));
    this.#todo = replacements.flatMap((steps) => steps.slice(0, -1));
    while (this.#todo.length > 0) await untilReady(() => this.#next());
    await whenGone();
    this.#todo = replacements.flatMap((steps) => steps.slice(-1));
    while (this.#todo.length > 0) await untilReady(() => this.#next());
  }

  /** Rows of a file into the partition. */
  async import(collection: SimCollection, partition: string): Promise<void> {
    await this.#import(collection, partition)
      .run()
      .catch(() => {});
  }

  /** @returns whether a step is over */
  async #next(): Promise<boolean> {
    const [step] = this.#todo;
    if (step === undefined) return true;
    const error = await this.#parts.workload.attempt(step.collection.model, step.name, '', () =>
      step.run().then(() => undefined),
    );
    if (error === undefined) this.#todo.shift();
    else this.#unknownMs = this.#parts.elapsedMs();
    return error === undefined;
  }

  #plan(): void {
    const { random, workload, collections } = this.#parts;
    const collection = workload.one(collections);
    const draw = nextFloat(random);
    const isNamed = collection.model.spec.partitions === 'named';
    if (draw < 0.25 && collection.model.spec.partitions !== 'key') this.#todo = [this.#import(collection)];
    else if (draw < 0.5 && isNamed) this.#todo = this.#replacePartition(collection);
    else if (draw < 0.65 && isNamed) this.#todo = this.#loadOne(collection);
    else if (draw < 0.4) this.#todo = this.#changeWords(collection);
    else if (draw < 0.7) this.#todo = this.#replaceIndex(collection);
    else if (draw < 0.75) this.#todo = this.#indexNotes(collection);
    else if (draw < 0.82) this.#todo = this.#replaceCollection(collection);
    else if (draw < 0.89) this.#todo = [this.#truncate(collection)];
    else if (draw < 0.94) this.#todo = this.#changeFields(collection);
    else if (draw < 0.98) this.#todo = this.#changeWords(collection);
    else this.#todo = this.#reload(collection);
  }

  #step(collection: SimCollection, name: string, run: () => Promise<void>): Step {
    return { collection, name, run };
  }

  /** Waits until nothing that was sent before can still arrive. */
  #settle(collection: SimCollection): Step {
    return this.#step(collection, 'settle', async () => {
      const since = Math.max(this.#unknownMs, this.#parts.workload.lastUnknownMs(collection.model));
      const waitMs = since + LATE_MS_MAX - this.#parts.elapsedMs();
      if (waitMs > 0) await this.#parts.timers.sleep(waitMs);
    });
  }

  #load(collection: SimCollection): Step {
    const { client } = this.#parts;
    const { model } = collection;
    return this.#step(collection, 'load', async () => {
      await client.load(model.name);
      model.setLoaded(true);
    });
  }

  #reload(collection: SimCollection): Step[] {
    const { model } = collection;
    const release = this.#step(collection, 'release', async () => {
      model.setLoaded(false);
      await this.#parts.client.release(model.name);
    });
    return [release, this.#settle(collection), this.#load(collection)];
  }

  #replacePartition(
    collection: SimCollection,
    partition: string = this.#parts.workload.one(partitionNames),
  ): Step[] {
    const { client } = this.#parts;
    const { model } = collection;
    let write: Write | undefined;
    const drop = this.#step(collection, 'drop-partition', async () => {
      model.setLoaded(false);
      await unless(
        client.releasePartitions(model.name, [partition]),
        'partition_not_found',
        'collection_not_loaded',
      );
      write ??= model.beginDrop(partition);
      await unless(client.dropPartition(model.name, partition), 'partition_not_found');
      model.endDrop(write);
    });
    const create = this.#step(collection, 'create-partition', async () => {
      await alreadyThere(client.createPartition(model.name, partition));
      model.recreated(partition);
    });
    return [drop, this.#settle(collection), create, this.#load(collection)];
  }

  /** Others go, one stays: it is whole, and of the others nothing is answered. */
  #loadOne(collection: SimCollection): Step[] {
    const { client, workload } = this.#parts;
    const { model } = collection;
    const kept = workload.one(partitionNames);
    const others = partitionNames.filter((name) => name !== kept);
    const release = this.#step(collection, 'release-partitions', async () => {
      model.setLoaded(false);
      await client.loadPartitions(model.name, [kept]);
      await client.releasePartitions(model.name, [...others, '_default']);
    });
    const look = this.#step(collection, 'look', async () => {
      await workload.search(collection, undefined, [], [kept]);
      await workload.count(model, [kept]);
    });
    return [release, this.#settle(collection), look, this.#load(collection)];
  }

  #replaceIndex(collection: SimCollection): Step[] {
    const { client, random } = this.#parts;
    const { model } = collection;
    const index = chooseIndex(random);
    const drop = this.#step(collection, 'drop-index', async () => {
      model.setLoaded(false);
      await client.release(model.name);
      await unless(client.dropIndex(model.name), 'index_not_found');
    });
    const create = this.#step(collection, `create-index-${index.type}`, async () => {
      await client.createIndex(model.spec, index);
      collection.index = index;
    });
    return [drop, this.#settle(collection), create, this.#load(collection)];
  }

  /** While the collection serves: an index of a scalar may come and go at any time. */
  #indexNotes(collection: SimCollection): Step[] {
    const { client, random } = this.#parts;
    const { name } = collection.model;
    const type = noteIndexes[nextBelow(random, noteIndexes.length)] as string;
    const drop = this.#step(collection, 'drop-note-index', () =>
      unless(client.dropScalarIndex(name, 'note'), 'index_not_found'),
    );
    const create = this.#step(collection, `create-note-index-${type}`, () =>
      client.createScalarIndex(name, 'note', type),
    );
    return [drop, this.#settle(collection), create];
  }

  /** While the collection serves: a field comes; one that came before goes first. */
  #changeFields(collection: SimCollection): Step[] {
    const { client } = this.#parts;
    const { name, extra } = collection.model;
    const drop = this.#step(collection, 'drop-field', async () => {
      extra.changing();
      await unlessSaid(client.dropField(name, EXTRA), /field not found/);
      extra.gone();
    });
    const life = extra.nextLife();
    const add = this.#step(collection, 'add-field', async () => {
      extra.changing();
      await alreadyThere(client.addField(name, extraFieldBytes(extraDefault(life))));
      extra.added(life);
    });
    const added = [add, this.#settle(collection)];
    return extra.isThere ? [drop, this.#settle(collection), ...added] : added;
  }

  /** While the collection serves: a function comes with the field that it makes; one that came before goes first. */
  #changeWords(collection: SimCollection): Step[] {
    const { words, leasedUntilMs } = collection.model;
    if (this.#parts.elapsedMs() < leasedUntilMs) return [];
    const added = [this.#addWords(collection), this.#settle(collection)];
    return words.isThere ? [this.#dropWords(collection), this.#settle(collection), ...added] : added;
  }

  #addWords(collection: SimCollection): Step {
    const { name, words } = collection.model;
    const life = words.nextLife();
    return this.#step(collection, 'add-words', async () => {
      words.changing();
      await alreadyThere(this.#parts.client.words.add(name, life));
      words.added(life);
    });
  }

  #dropWords(collection: SimCollection): Step {
    const { name, words } = collection.model;
    return this.#step(collection, 'drop-words', async () => {
      words.changing();
      await unlessSaid(this.#parts.client.words.drop(name), /^Function \w+ not exists/);
      words.gone();
    });
  }

  #replaceCollection(collection: SimCollection): Step[] {
    const { client, random } = this.#parts;
    const { model } = collection;
    const index = chooseIndex(random);
    let write: Write | undefined;
    const drop = this.#step(collection, 'drop-collection', async () => {
      model.setLoaded(false);
      write ??= model.beginDrop('*');
      model.extra.changing();
      model.words.changing();
      await unless(client.drop(model.name), 'collection_not_found');
      model.endDrop(write);
    });
    const create = this.#step(collection, `create-collection-${index.type}`, async () => {
      await this.create(collection.model);
      await client.createIndex(model.spec, index);
      collection.index = index;
      await client.load(model.name);
      model.recreated('*');
      model.extra.gone();
      model.words.gone();
      model.setLoaded(true);
    });
    return [drop, this.#settle(collection), create];
  }

  /** The collection and its partitions; what is there already is left. */
  async create(model: CollectionModel): Promise<void> {
    const { client } = this.#parts;
    await alreadyThere(client.create(model.spec));
    if (model.spec.partitions === 'named')
      for (const name of partitionNames) await alreadyThere(client.createPartition(model.name, name));
  }

  /** Others write and read on meanwhile. */
  #truncate(collection: SimCollection): Step {
    const { client } = this.#parts;
    const { model } = collection;
    let write: Write | undefined;
    return this.#step(collection, 'truncate', async () => {
      write ??= model.beginTruncate();
      await client.truncate(model.name);
      model.endTruncate(write);
    });
  }

  #import(collection: SimCollection, into?: string): Step {
    const { client, workload, random, objects, timers, elapsedMs } = this.#parts;
    const { model } = collection;
    return this.#step(collection, 'import-file', async () => {
      const { partition, keys } = workload.newKeys(model, IMPORTER, 10 + nextBelow(random, 30), into);
      if (keys.length === 0 || model.isDropped) return;
      const rows = keys.map((key) => ({ key, version: workload.version() }));
      const file = `import/${this.#files++}.json`;
      await objects.put(file, [importFileOf(rows)]);
      await workload.write(model, 'import', rows, async () => {
        const job = await client.import(model.name, partition, file);
        for (const limit = elapsedMs() + 20_000; ; await timers.sleep(200)) {
          const state = await client.importState(job);
          if (state === 'completed') return 0n;
          if (state === 'failed' || elapsedMs() > limit) throw new Error(`import job ${job} ${state}`);
        }
      });
    });
  }
}
