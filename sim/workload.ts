// What clients do in a run: each writes keys of its own and reads any, through the proxy, with a deadline. Answers go to the model.

import { messageOf } from '#base/errors.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { Timers } from '#platform/time.js';
import { AskedCompactions } from './asked-compactions.js';
import type { SimClient } from './client.js';
import { type IndexChoice, partitionNames } from './collection-spec.js';
import { type CollectionModel, type ReadWindow, Violation, type Write } from './model.js';
import { floatsOf, type KeyVersion } from './rows.js';
import { checkHits } from './search-check.js';
import { checkAnswered } from './service-calls.js';
import type { Trace } from './trace.js';
import { searchWords } from './words-search.js';

const KEYS_PER_CLIENT = 1000;
const KEYS_PER_QUERY = 200;
const TOP_K_MAX = 12;

/** A collection in the run: what it must hold, and how it is searched now. */
export interface SimCollection {
  readonly model: CollectionModel;
  /** Undefined while it changes: then nothing is promised about what an index finds. */
  index: IndexChoice;
}

export interface WorkloadParts {
  readonly client: SimClient;
  readonly collections: readonly SimCollection[];
  readonly random: Random;
  readonly timers: Timers;
  readonly trace: Trace;
  /** Virtual ms since the start. */
  readonly elapsedMs: () => number;
}

export class Workload {
  readonly compactions = new AskedCompactions();
  readonly #parts: WorkloadParts;
  #nextVersion = 1;
  #nextOperation = 1;
  /** Timestamp of the write that was answered last. */
  #newest = 0n;
  readonly #nextKeys = new Map<string, number>();
  /** When a write of each collection last ended without a known outcome: it may still arrive for a while. */
  readonly #lastUnknownMs = new Map<string, number>();

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }

  get operations(): number {
    return this.#nextOperation - 1;
  }

  lastUnknownMs(model: CollectionModel): number {
    return this.#lastUnknownMs.get(model.name) ?? Number.NEGATIVE_INFINITY;
  }

  /** One client: so many operations, one after another. */
  async run(clientId: number, operations: number): Promise<void> {
    const { random, timers, collections } = this.#parts;
    for (let done = 0; done < operations; done++) {
      // Often close together, so that writes, flushes and loads meet.
      await timers.sleep(nextFloat(random) * (nextFloat(random) < 0.6 ? 4 : 400));
      const collection = this.one(collections);
      const { model } = collection;
      const draw = nextFloat(random);
      if (model.isDropped) continue;
      if (draw < 0.3) await this.insert(model, clientId);
      else if (draw < 0.34) await this.#insertCopies(model, clientId);
      else if (draw < 0.44) await this.upsert(model, clientId);
      else if (draw < 0.58) await this.delete(model, clientId);
      else if (draw < 0.65) await this.flush(model);
      else if (draw < 0.66) await this.compact(model);
      else if (draw < 0.75) await this.#readSome(model);
      else if (draw < 0.82) await this.count(model, this.#somePartitions(model));
      else if (draw < 0.84) await this.rowCount(model);
      else if (model.words.life !== undefined && draw < 0.9) await searchWords(this, this.#parts, model);
      else await this.search(collection, undefined, this.#somePartitions(model));
    }
  }

  one<T>(choices: readonly T[]): T {
    return choices[nextBelow(this.#parts.random, choices.length)] as T;
  }

  version(): number {
    return this.#nextVersion++;
  }

  /** Runs a call under a number, and says whether it succeeded. A failure does not show whether it was carried out. */
  async attempt(
    model: CollectionModel,
    name: string,
    what: string,
    call: () => Promise<string | undefined>,
  ): Promise<unknown> {
    const { trace } = this.#parts;
    const who = `op${this.#nextOperation++}`;
    trace.add(who, name, { collection: model.name, what });
    try {
      trace.add(who, 'ok', { answer: await call() });
      return undefined;
    } catch (error) {
      if (error instanceof Violation) throw error;
      trace.add(who, 'failed', { reason: messageOf(error) });
      checkAnswered(name, error);
      return error ?? new Error('failed');
    }
  }

  async write(
    model: CollectionModel,
    kind: Write['kind'],
    changes: readonly KeyVersion[],
    call: () => Promise<bigint>,
  ): Promise<boolean> {
    const write = model.begin(kind, changes);
    const error = await this.attempt(
      model,
      kind,
      changes.map(({ key, version }) => `${key}:${version}`).join(),
      async () => {
        this.#newest = await call();
        return undefined;
      },
    );
    if (error === undefined) {
      model.acknowledged(write);
      return true;
    }
    model.unknown(write);
    this.#lastUnknownMs.set(model.name, this.#parts.elapsedMs());
    return false;
  }

  #ownKeys(model: CollectionModel, clientId: number): readonly number[] {
    return model.keys.filter((key) => Math.floor(key / KEYS_PER_CLIENT) === clientId && !model.isOpen(key));
  }

  /** Some of a client's keys, each once. */
  #pick(keys: readonly number[], max: number): readonly number[] {
    const chosen = new Set<number>();
    const wanted = Math.min(keys.length, 1 + nextBelow(this.#parts.random, max));
    while (chosen.size < wanted) chosen.add(this.one(keys));
    return [...chosen];
  }

  /** Those of several keys that a request with a partition's name may hold: the ones in the partition of the first. */
  #samePartition(
    model: CollectionModel,
    keys: readonly number[],
  ): { readonly partition: string; readonly keys: readonly number[] } {
    const partition = keys[0] === undefined ? '' : model.partitionOf(keys[0]);
    return { partition, keys: keys.filter((key) => model.partitionOf(key) === partition) };
  }

  #somePartitions(model: CollectionModel): readonly string[] {
    if (model.spec.partitions !== 'named' || nextFloat(this.#parts.random) < 0.6) return [];
    const there = partitionNames.filter((name) => !model.isAbsent(name));
    return there.length === 0 ? [] : [this.one(there)];
  }

  /** Keys never used before, all of one partition that is there. */
  newKeys(
    model: CollectionModel,
    clientId: number,
    count: number,
    into?: string,
  ): { readonly partition: string; readonly keys: readonly number[] } {
    const source = `${model.name} ${clientId}`;
    let next = this.#nextKeys.get(source) ?? clientId * KEYS_PER_CLIENT;
    const partition = into ?? model.partitionOf(next + nextBelow(this.#parts.random, 3));
    const keys: number[] = [];
    for (; keys.length < count && !model.isAbsent(partition); next++)
      if (model.partitionOf(next) === partition) keys.push(next);
    this.#nextKeys.set(source, next);
    return { partition, keys };
  }

  async insert(model: CollectionModel, clientId: number, into?: string): Promise<boolean> {
    const { partition, keys } = this.newKeys(model, clientId, 1 + nextBelow(this.#parts.random, 8), into);
    if (keys.length === 0) return false;
    const rows = keys.map((key) => ({ key, version: this.#nextVersion++ }));
    const hasExtra = model.extra.sent(rows.map(({ version }) => version));
    return this.write(model, 'insert', rows, () =>
      this.#parts.client.insert(model.spec, partition, rows, hasExtra),
    );
  }

  /** Keys that are there already: the newest row of a key is its row. */
  async #insertCopies(model: CollectionModel, clientId: number): Promise<void> {
    const present = this.#ownKeys(model, clientId).filter((key) => (model.certain(key) ?? 0) > 0);
    const { partition, keys } = this.#samePartition(model, this.#pick(present, 3));
    if (keys.length === 0) return;
    const rows = keys.map((key) => ({ key, version: this.#nextVersion++ }));
    const hasExtra = model.extra.sent(rows.map(({ version }) => version));
    await this.write(model, 'copy', rows, () =>
      this.#parts.client.insert(model.spec, partition, rows, hasExtra),
    );
  }

  async upsert(model: CollectionModel, clientId: number): Promise<void> {
    const { partition, keys } = this.#samePartition(model, this.#pick(this.#ownKeys(model, clientId), 6));
    if (keys.length === 0) return;
    const rows = keys.map((key) => ({ key, version: this.#nextVersion++ }));
    const hasExtra = model.extra.sent(rows.map(({ version }) => version));
    await this.write(model, 'upsert', rows, () =>
      this.#parts.client.upsert(model.spec, partition, rows, hasExtra),
    );
  }

  /** @param asked whether by a filter that finds them by what their notes begin with: half of them, when it is not said */
  async delete(model: CollectionModel, clientId: number, asked?: boolean): Promise<void> {
    const picked = this.#pick(this.#ownKeys(model, clientId), 4);
    if (picked.length === 0) return;
    const isByNote = asked ?? picked.length % 2 === 1;
    // Rows are found first, of partitions that are loaded: those of one partition go all or none.
    const { keys } = isByNote ? this.#samePartition(model, picked) : { keys: picked };
    const gone = keys.map((key) => ({ key, version: 0 }));
    const read = model.openRead();
    await this.write(model, 'delete', gone, async () => {
      const at = await this.#parts.client.delete(model.name, keys, isByNote);
      if (isByNote && !read.isWhole) throw new Error('not all was loaded: some rows may have been left');
      return at;
    });
    model.closeRead(read);
  }

  /** Begins one; it goes on after the answer. */
  async compact(model: CollectionModel): Promise<boolean> {
    const error = await this.attempt(model, 'compact', '', async () => {
      this.compactions.confirmed(await this.#parts.client.compact(model.name));
      return undefined;
    });
    return error === undefined;
  }

  async flush(model: CollectionModel): Promise<boolean> {
    let isFlushed = false;
    await this.attempt(model, 'flush', '', async () => {
      isFlushed = await this.#parts.client.flush(model.name);
      return `flushed=${isFlushed}`;
    });
    return isFlushed;
  }

  async #readSome(model: CollectionModel): Promise<void> {
    const keys = this.#pick(model.keys, 12);
    if (keys.length > 0) await this.rows(model, keys, false);
  }

  /** A read and its comparison. @returns whether the cluster answered */
  async read(
    model: CollectionModel,
    name: string,
    what: string,
    partitions: readonly string[],
    call: (read: ReadWindow) => Promise<string>,
  ): Promise<boolean> {
    const read = model.openRead(partitions);
    const error = await this.attempt(model, name, what, () => call(read));
    model.closeRead(read);
    return error === undefined;
  }

  /** Reads keys and compares. */
  rows(model: CollectionModel, keys: readonly number[], isQuiet: boolean): Promise<boolean> {
    return this.read(model, 'query', keys.join(), [], async (read) => {
      // Half of the reads go by notes: the same rows, by way of a filter, and of its index where there is one.
      const { life } = model.extra;
      const isByNote = keys.length % 2 === 1;
      const rows = await this.#parts.client.rows(model.name, keys, isByNote, life !== undefined);
      model.checkRows(read, keys, rows, isQuiet);
      const problem = model.extra.problemOf(rows, life);
      if (problem !== undefined) throw new Violation(`a field has a wrong value: ${model.name} ${problem}`);
      return rows.map(({ key, version }) => `${key}:${version}`).join();
    });
  }

  count(model: CollectionModel, partitions: readonly string[] = []): Promise<boolean> {
    return this.read(model, 'count', partitions.join(), partitions, async (read) => {
      const count = await this.#parts.client.count(model.name, partitions);
      model.checkCount(read, count);
      return String(count);
    });
  }

  rowCount(model: CollectionModel): Promise<boolean> {
    return this.read(model, 'row-count', '', [], async (read) => {
      const count = await this.#parts.client.rowCount(model.name);
      model.checkRowCount(read, count);
      return String(count);
    });
  }

  /** @param expected partitions that may be answered, when others than asked for: all when neither is given */
  async search(
    collection: SimCollection,
    key: number | undefined,
    partitions: readonly string[] = [],
    expected: readonly string[] = partitions,
    isSession = nextFloat(this.#parts.random) < 0.5,
  ): Promise<boolean> {
    const { model, index } = collection;
    const [near, topK] = [key ?? this.#someKey(model), 1 + nextBelow(this.#parts.random, TOP_K_MAX)];
    // Now and then a vector that is nobody's.
    const version = nextFloat(this.#parts.random) < 0.7 ? (model.certain(near) ?? 0) : -1;
    const query = floatsOf(near, version);
    const guarantee = isSession ? this.#newest : 0n;
    return this.read(
      model,
      'search',
      [`${near}:${version}`, topK, ...partitions].join(' '),
      expected,
      async (read) => {
        const hits = await this.#parts.client.search(model.spec, {
          vector: new Uint8Array(query.buffer),
          topK,
          partitions,
          guarantee,
        });
        // The index was changed while the search ran: either may have answered.
        const isSame = index === collection.index;
        checkHits(
          read,
          { name: model.name, metric: model.spec.metric, index: isSame ? index : LOOSE, query, topK },
          hits,
        );
        return hits.map((hit) => `${hit.key}:${hit.version}@${hit.score}`).join();
      },
    );
  }

  #someKey(model: CollectionModel): number {
    const keys = model.keys;
    return keys.length === 0 ? 0 : this.one(keys);
  }

  async load(model: CollectionModel): Promise<boolean> {
    return (
      (await this.attempt(model, 'load', '', () =>
        this.#parts.client.load(model.name).then(() => undefined),
      )) === undefined
    );
  }

  /** A healed cluster takes writes, and brings all of them to files. */
  async checkWrites(
    model: CollectionModel,
    untilReady: (call: () => Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    await untilReady(() => this.insert(model, 0));
    await untilReady(() => this.flush(model));
  }

  /** Compares everything. Every write has an outcome afterwards. Calls are tried again while the cluster comes back. */
  async checkAll(
    collection: SimCollection,
    untilReady: (call: () => Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    const { model } = collection;
    await untilReady(() => this.load(model));
    const keys = model.keys;
    for (let begin = 0; begin < keys.length; begin += KEYS_PER_QUERY) {
      const some = keys.slice(begin, begin + KEYS_PER_QUERY);
      await untilReady(() => this.rows(model, some, true));
    }
    await untilReady(() => this.count(model));
    await untilReady(() => this.rowCount(model));
    const present = keys.filter((key) => (model.certain(key) ?? 0) > 0);
    for (let round = 0; round < 3 && present.length > 0; round++) {
      const key = this.one(present);
      const partitions = this.#somePartitions(model);
      // Decided once: what fails with the timestamp of a write must not pass without it.
      const isSession = round === 0;
      await untilReady(() => this.search(collection, key, partitions, partitions, isSession));
      if (model.words.life !== undefined) await untilReady(() => searchWords(this, this.#parts, model));
    }
  }
}

/** Checks of a search while the index is not known. */
const LOOSE: IndexChoice = { type: 'changing', params: {}, hasExactScores: false, isExact: false };
