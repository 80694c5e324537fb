// What clients do in a run: each writes keys of its own and reads any, through the proxy, with a deadline. Answers go to the model.
import { messageOf } from '#base/errors.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { Timers } from '#platform/time.js';
import type { SimClient } from './client.js';
import { type CollectionModel, Violation } from './model.js';
import { type KeyVersion, vectorOf } from './rows.js';
import type { Trace } from './trace.js';

const CALL_LIMIT_MS = 8000;
const KEYS_PER_CLIENT = 1000;
const KEYS_PER_QUERY = 200;
const TOP_K = 5;

export interface WorkloadParts {
  readonly client: SimClient;
  readonly collections: readonly CollectionModel[];
  readonly random: Random;
  readonly timers: Timers;
  readonly trace: Trace;
}
export class Workload {
  readonly #parts: WorkloadParts;
  #nextVersion = 1;
  #nextOperation = 1;
  readonly #nextKeys = new Map<string, number>();
  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }
  get operations(): number {
    return this.#nextOperation - 1;
  }
  /** One client: so many operations, one after another. */
  async run(clientId: number, operations: number): Promise<void> {
    const { random, timers, collections } = this.#parts;
    for (let done = 0; done < operations; done++) {
      // Often close together, so that writes, flushes and loads meet.
      await timers.sleep(nextFloat(random) * (nextFloat(random) < 0.6 ? 4 : 400));
      const model = this.#one(collections);
      const draw = nextFloat(random);
      if (draw < 0.3) await this.#insert(model, clientId);
      else if (draw < 0.42) await this.#upsert(model, clientId);
      else if (draw < 0.6) await this.#delete(model, clientId);
      else if (draw < 0.7) await this.#flush(model);
      else if (draw < 0.8) await this.#readSome(model);
      else if (draw < 0.89) await this.#count(model);
      else if (draw < 0.91) await this.#reload(model);
      else await this.#search(model);
    }
  }
  #one<T>(choices: readonly T[]): T {
    return choices[nextBelow(this.#parts.random, choices.length)] as T;
  }
  /** Runs a call under a number, and says whether it succeeded. A failure tells nothing about whether it was carried out. */
  async #attempt(model: CollectionModel, name: string, what: string, call: () => Promise<string | undefined>): Promise<boolean> {
    const { trace } = this.#parts;
    const who = `op${this.#nextOperation++}`;
    trace.add(who, name, { collection: model.name, what });
    try {
      trace.add(who, 'ok', { answer: await call() });
      return true;
    } catch (error) {
      if (error instanceof Violation) throw error;
      trace.add(who, 'failed', { reason: messageOf(error) });
      return false;
    }
  }
  async #write(model: CollectionModel, name: string, changes: readonly KeyVersion[], call: () => Promise<void>): Promise<boolean> {
    const write = model.begin(changes);
    const isDone = await this.#attempt(model, name, changes.map(({ key, version }) => `${key}:${version}`).join(), async () => {
      await call();
      return undefined;
    });
    if (isDone) model.acknowledged(write);
    else model.unknown(write);
    return isDone;
  }
  #ownKeys(model: CollectionModel, clientId: number): readonly number[] {
    return model.keys.filter((key) => Math.floor(key / KEYS_PER_CLIENT) === clientId && !model.isOpen(key));
  }
  /** Some of a client's keys, each once. */
  #pick(keys: readonly number[], max: number): readonly number[] {
    const chosen = new Set<number>();
    const wanted = Math.min(keys.length, 1 + nextBelow(this.#parts.random, max));
    while (chosen.size < wanted) chosen.add(this.#one(keys));
    return [...chosen];
  }
  async #insert(model: CollectionModel, clientId: number): Promise<boolean> {
    const source = `${model.name} ${clientId}`;
    const first = this.#nextKeys.get(source) ?? clientId * KEYS_PER_CLIENT;
    const count = 1 + nextBelow(this.#parts.random, 6);
    this.#nextKeys.set(source, first + count);
    const rows = Array.from({ length: count }, (_, at) => ({ key: first + at, version: this.#nextVersion++ }));
    return this.#write(model, 'insert', rows, () => this.#parts.client.insert(model.name, rows, CALL_LIMIT_MS));
  }
  async #upsert(model: CollectionModel, clientId: number): Promise<void> {
    const keys = this.#pick(this.#ownKeys(model, clientId), 4);
    if (keys.length === 0) return;
    const rows = keys.map((key) => ({ key, version: this.#nextVersion++ }));
    await this.#write(model, 'upsert', rows, () => this.#parts.client.upsert(model.name, rows, CALL_LIMIT_MS));
  }
  async #delete(model: CollectionModel, clientId: number): Promise<void> {
    const keys = this.#pick(this.#ownKeys(model, clientId), 4);
    if (keys.length === 0) return;
    const gone = keys.map((key) => ({ key, version: 0 }));
    await this.#write(model, 'delete', gone, () => this.#parts.client.delete(model.name, keys, CALL_LIMIT_MS));
  }
  async #flush(model: CollectionModel): Promise<boolean> {
    let isFlushed = false;
    await this.#attempt(model, 'flush', '', async () => {
      isFlushed = await this.#parts.client.flush(model.name, CALL_LIMIT_MS);
      return `flushed=${isFlushed}`;
    });
    return isFlushed;
  }
  async #reload(model: CollectionModel): Promise<void> {
    const { client } = this.#parts;
    await this.#attempt(model, 'release', '', () => client.release(model.name, CALL_LIMIT_MS).then(() => undefined));
    await this.load(model);
  }
  load(model: CollectionModel): Promise<boolean> {
    return this.#attempt(model, 'load', '', () => this.#parts.client.load(model.name, CALL_LIMIT_MS).then(() => undefined));
  }
  async #readSome(model: CollectionModel): Promise<void> {
    const keys = this.#pick(model.keys, 12);
    if (keys.length > 0) await this.rows(model, keys, false);
  }
  async #count(model: CollectionModel): Promise<void> {
    await this.count(model);
  }
  async #search(model: CollectionModel): Promise<void> {
    const keys = model.keys.filter((key) => (model.certain(key) ?? 0) > 0);
    if (keys.length > 0) await this.search(model, this.#one(keys));
  }

  /** Reads keys and compares. @returns whether the cluster answered. */
  async rows(model: CollectionModel, keys: readonly number[], isQuiet: boolean): Promise<boolean> {
    const read = model.openRead();
    const isDone = await this.#attempt(model, 'query', keys.join(), async () => {
      const rows = await this.#parts.client.rows(model.name, keys, CALL_LIMIT_MS);
      model.checkRows(read, keys, rows, isQuiet);
      return rows.map(({ key, version }) => `${key}:${version}`).join();
    });
    model.closeRead(read);
    return isDone;
  }
  async count(model: CollectionModel): Promise<boolean> {
    const read = model.openRead();
    const isDone = await this.#attempt(model, 'count', '', async () => {
      const count = await this.#parts.client.count(model.name, CALL_LIMIT_MS);
      model.checkCount(read, count);
      return String(count);
    });
    model.closeRead(read);
    return isDone;
  }
  async search(model: CollectionModel, key: number): Promise<boolean> {
    const read = model.openRead();
    const version = model.certain(key) ?? 0;
    const isDone = await this.#attempt(model, 'search', `${key}:${version}`, async () => {
      const hits = await this.#parts.client.search(model.name, vectorOf(key, version), TOP_K, CALL_LIMIT_MS);
      model.checkHits(read, { key, version }, hits, TOP_K);
      return hits.map((hit) => `${hit.key}@${hit.score}`).join();
    });
    model.closeRead(read);
    return isDone;
  }
  /** A healed cluster takes writes, and brings all of them to files. */
  async checkWrites(model: CollectionModel, untilReady: (call: () => Promise<boolean>) => Promise<void>): Promise<void> {
    await untilReady(() => this.#insert(model, 0));
    await untilReady(() => this.#flush(model));
  }
  /** Compares everything. Every write has an outcome afterwards. Calls are tried again while the cluster comes back. */
  async checkAll(model: CollectionModel, untilReady: (call: () => Promise<boolean>) => Promise<void>): Promise<void> {
    await untilReady(() => this.load(model));
    const keys = model.keys;
    for (let begin = 0; begin < keys.length; begin += KEYS_PER_QUERY) {
      const some = keys.slice(begin, begin + KEYS_PER_QUERY);
      await untilReady(() => this.rows(model, some, true));
    }
    await untilReady(() => this.count(model));
    const present = keys.filter((key) => (model.certain(key) ?? 0) > 0);
    for (let round = 0; round < 2 && present.length > 0; round++) {
      const key = this.#one(present);
      await untilReady(() => this.search(model, key));
    }
  }
}
