// One client that imports into a collection of its own while the others work: files of every format, some with a wrong row, each under a key and
// now and then ordered again; jobs in two phases that it commits or aborts; inserts between them; and the collection is dropped under its jobs.
// Rows may expire. What holds is in import-model.ts.
import { ElanusError, messageOf } from '#base/errors.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { ObjectStore } from '#platform/object-store.js';
import type { Timers } from '#platform/time.js';
import type { ImportClient, ImportOrderOf } from './import-client.js';
import { type Batch, ImportModel } from './import-model.js';
import { type ImportRow, importFile, importFormats } from './import-rows.js';
import { Violation } from './model.js';
import type { UntilReady } from './scenarios.js';
import { checkAnswered } from './service-calls.js';
import type { Trace } from './trace.js';

export interface ImportsParts {
  readonly client: ImportClient;
  readonly random: Random;
  readonly timers: Timers;
  readonly trace: Trace;
  /** Where files to import are put. */
  readonly objects: ObjectStore;
}

interface Job {
  readonly order: ImportOrderOf;
  readonly batch: Batch;
  readonly isWrong: boolean;
  /** The life of the collection that it was ordered in. */
  readonly life: number;
  /** Undefined: nobody has answered yet. */
  id: bigint | undefined;
  asked: 'nothing' | 'commit' | 'abort';
  /** What it was asked was confirmed. */
  isConfirmed: boolean;
}

/** A call without an outcome may take effect this much later: a collection of the same name is not made before. */
const LATE_MS_MAX = 15_000;
const JOBS_OPEN_MAX = 3;
const wrong = (text: string): Violation => new Violation(`an import is wrong: ${text}`);

export class Imports {
  readonly #parts: ImportsParts;
  readonly #model = new ImportModel();
  #jobs: Job[] = [];
  #life = 0;
  /** absent: it is not there, or not yet for certain. */
  #collection: 'absent' | 'there' | 'dropping' = 'absent';
  /** A time of the oracle that has passed, in ms. */
  #nowMs: number | undefined;
  #nextKey = 0;
  #nextVersion = 1;
  #nextOrder = 1;

  constructor(parts: ImportsParts) {
    this.#parts = parts;
  }

  async run(operations: number): Promise<void> {
    for (let done = 0; done < operations; done++) {
      await this.#parts.timers.sleep(nextFloat(this.#parts.random) * 900);
      if (this.#collection !== 'there') await this.#next();
      else await this.#act();
    }
  }

  /** Every job to its end. */
  async finish(untilReady: UntilReady): Promise<void> {
    if (this.#collection === 'dropping') await untilReady(() => this.#next());
    while (this.#jobs.length > 0) {
      const [job] = this.#jobs;
      if (job === undefined) return;
      await untilReady(async () => {
        if (job.id === undefined && job.life === this.#life) await this.#order(job);
        else await this.#poll(job, true);
        return !this.#jobs.includes(job);
      });
    }
  }

  /** All is quiet: what was not seen until now never happened. */
  async compare(untilReady: UntilReady): Promise<void> {
    if (this.#collection !== 'there') return;
    await untilReady(() => this.#succeeds('load', () => this.#parts.client.load()));
    await untilReady(async () => {
      const first = await this.look();
      if (first === undefined) return false;
      this.#model.settleQuiet(first);
      const count = await this.#attempt('count', '', () => this.#parts.client.count());
      const last = count === undefined ? undefined : await this.look();
      if (count === undefined || last === undefined) return false;
      const [low, high] = this.#model.countRange(first, last);
      if (!(count >= low && count <= high))
        throw wrong(`count(*) is ${count}, expected ${low === high ? low : `${low} to ${high}`}`);
      return true;
    });
  }

  /** For scenarios: the collection is there, and so many imports are under way. */
  async begin(orders: number, untilReady: UntilReady): Promise<void> {
    while (this.#collection !== 'there') await untilReady(() => this.#next());
    for (let order = 0; order < orders; order++) await this.#begin();
  }

  /** Whatever jobs there are is asked for, and decided. */
  async poll(): Promise<void> {
    for (const job of [...this.#jobs]) await this.#poll(job, true);
  }

  /** Makes the collection, or drops it. @returns whether that is over */
  async #next(): Promise<boolean> {
    const { client, random, timers } = this.#parts;
    if (this.#collection === 'dropping') {
      const isGone = await this.#succeeds('drop-imported', () =>
        client.drop().catch((error: unknown) => {
          if (!(error instanceof ElanusError) || error.key !== 'collection_not_found') throw error;
        }),
      );
      if (!isGone) return false;
      await timers.sleep(LATE_MS_MAX);
      this.#collection = 'absent';
      this.#model.clear();
      return true;
    }
    const shards = 1 + nextBelow(random, 2);
    const isMade = await this.#succeeds('create-imported', async () => {
      await client.create(shards).catch((error: unknown) => {
        // A try whose answer got lost; with another number of shards it is another collection to make.
        if (
          !(error instanceof ElanusError && /exist/.test(error.message) && !/not exist/.test(error.message))
        )
          throw error;
      });
      await client.load();
    });
    if (isMade) this.#collection = 'there';
    return isMade;
  }

  async #act(): Promise<void> {
    const { client, random } = this.#parts;
    const draw = nextFloat(random);
    const open = this.#jobs.filter(({ life }) => life === this.#life);
    const job = open.length === 0 ? undefined : (open[nextBelow(random, open.length)] as Job);
    if (draw < 0.3 && open.length < JOBS_OPEN_MAX) await this.#begin();
    else if (draw < 0.45 && job !== undefined) await this.#order(job);
    else if (draw < 0.75 && job !== undefined) await this.#poll(job, nextFloat(random) < 0.5);
    else if (draw < 0.78 && job !== undefined) await this.#decide(job, 'abort');
    else if (draw < 0.84) await this.#insert();
    else if (draw < 0.87) await this.#succeeds('flush-imported', () => client.flush());
    else if (draw < 0.89) await this.#succeeds('compact-imported', () => client.compact());
    else if (draw < 0.93) await this.#drop();
    else if (draw < 0.97) await this.look();
    else await this.lookAtNewest();
  }

  async #drop(): Promise<void> {
    this.#collection = 'dropping';
    this.#life++;
    await this.#next();
  }

  #rows(count: number): ImportRow[] {
    const { random } = this.#parts;
    return Array.from({ length: count }, () => {
      const draw = nextFloat(random);
      const now = this.#nowMs;
      const after = (ms: number): number | undefined =>
        now === undefined ? undefined : Math.floor(now + ms);
      return {
        key: this.#nextKey++,
        version: this.#nextVersion++,
        untilMs:
          draw < 0.4
            ? undefined
            : draw < 0.7
              ? after(nextFloat(random) * 30_000)
              : draw < 0.8
                ? after(-1000)
                : after(nextFloat(random) * 1e12),
      };
    });
  }

  async #begin(): Promise<void> {
    const { random, objects } = this.#parts;
    const rows = this.#rows(3 + nextBelow(random, 20));
    const format = importFormats[nextBelow(random, importFormats.length)] ?? 'json';
    const isWrong = nextFloat(random) < 0.1;
    const number = this.#nextOrder++;
    const file = `import/own-${number}.${format}`;
    await objects.put(file, [importFile(format, rows, isWrong)]);
    const job: Job = {
      order: { file, key: `order ${number}`, isTwoPhase: nextFloat(random) < 0.4 },
      batch: this.#model.add(`order ${number} (${format})`, rows),
      ...{ isWrong, life: this.#life, id: undefined, asked: 'nothing', isConfirmed: false },
    };
    this.#jobs.push(job);
    await this.#order(job);
  }

  /** For the first time or again: it is one job. */
  async #order(job: Job): Promise<void> {
    const id = await this.#attempt('order', job.batch.what, () => this.#parts.client.order(job.order));
    if (id === undefined) return;
    const before = job.id;
    job.id ??= id;
    // A job whose record is gone has been over for a day by some clock.
    if (before !== undefined && before !== id && (await this.#stateOf(before)) !== 'forgotten')
      throw wrong(`${job.batch.what} is job ${id}, and was job ${before} before`);
  }

  async #stateOf(id: bigint) {
    return this.#attempt('import-state', String(id), () => this.#parts.client.stateOf(id));
  }

  /** @param decides a job that waits is committed or aborted */
  async #poll(job: Job, decides: boolean): Promise<void> {
    const { id } = job;
    if (id === undefined) {
      // Its collection is gone: whatever became of the order went with it.
      if (job.life !== this.#life) this.#jobs = this.#jobs.filter((one) => one !== job);
      return;
    }
    const state = await this.#stateOf(id);
    if (state === 'waiting' && job.life !== this.#life && this.#collection !== 'dropping')
      throw wrong(`${job.batch.what} waits for its commit after its collection was dropped`);
    if ((state === 'waiting' || state === 'running') && job.asked === 'abort' && job.isConfirmed)
      throw wrong(`${job.batch.what} is ${state} after it was aborted`);
    if (state === 'waiting' && job.asked !== 'commit') this.#model.settle(job.batch, 'hidden');
    if (state === 'waiting' && decides && job.life === this.#life)
      await this.#decide(job, nextFloat(this.#parts.random) < 0.6 ? 'commit' : 'abort');
    if (state === 'completed' || state === 'failed' || state === 'forgotten') this.#end(job, state);
  }

  #end(job: Job, state: 'completed' | 'failed' | 'forgotten'): void {
    this.#jobs = this.#jobs.filter((one) => one !== job);
    if (state === 'completed' && (job.isWrong || (job.asked === 'abort' && job.isConfirmed)))
      throw wrong(`${job.batch.what} is complete, and ${job.isWrong ? 'has a wrong row' : 'was aborted'}`);
    if (job.life !== this.#life) return;
    if (state === 'completed' && job.order.isTwoPhase && job.asked === 'nothing')
      throw wrong(`${job.batch.what} is complete, and nobody committed it`);
    if (state === 'failed' && job.asked === 'commit' && job.isConfirmed)
      throw wrong(`${job.batch.what} failed after its commit was confirmed`);
    if (state !== 'forgotten') this.#model.settle(job.batch, state === 'completed' ? 'there' : 'never');
  }

  async #decide(job: Job, decision: 'commit' | 'abort'): Promise<void> {
    const { id } = job;
    if (id === undefined) return;
    if (decision === 'commit' && job.batch.state === 'hidden') this.#model.settle(job.batch, 'unknown');
    if (!job.isConfirmed) job.asked = decision === 'commit' || job.asked === 'commit' ? 'commit' : 'abort';
    const answer = await this.#attempt(decision, job.batch.what, async () => {
      await this.#parts.client.decide(id, decision);
      return true;
    });
    if (answer !== true || job.isConfirmed) return;
    job.asked = decision;
    job.isConfirmed = true;
  }

  async #insert(): Promise<void> {
    const rows = this.#rows(1 + nextBelow(this.#parts.random, 4));
    // An insert is whole in each shard, no further.
    const batches = rows.map((row) => this.#model.add(`an insert of key ${row.key}`, [row]));
    const keys = rows.map(({ key }) => key).join();
    const at = await this.#attempt('insert-imported', keys, () => this.#parts.client.insert(rows));
    if (at === undefined) return;
    this.#nowMs = Number(at >> 18n);
    for (const batch of batches) this.#model.settle(batch, 'there');
  }

  /** Reads all rows and compares. @returns the time of the read; undefined: nobody answered */
  async look(): Promise<number | undefined> {
    const found = await this.#attempt('look-imported', '', () => this.#parts.client.rows());
    if (found === undefined) return undefined;
    this.#model.checkRead(found.rows, found.atMs);
    this.#nowMs = found.atMs;
    return found.atMs;
  }

  /** Reads all rows as each shard has them now: an import is seen in all shards or in none. */
  async lookAtNewest(): Promise<void> {
    const found = await this.#attempt('look-at-newest', '', () => this.#parts.client.rows(true));
    if (found !== undefined) this.#model.checkWhole(found.rows);
  }

  async #succeeds(name: string, call: () => Promise<void>): Promise<boolean> {
    return (await this.#attempt(name, '', () => call().then(() => true))) === true;
  }

  /** @returns undefined: it failed, and may have been carried out all the same */
  async #attempt<T>(name: string, what: string, call: () => Promise<T>): Promise<T | undefined> {
    const { trace } = this.#parts;
    trace.add('imports', name, { what });
    try {
      const answer = await call();
      trace.add('imports', 'ok', typeof answer === 'object' ? {} : { answer: String(answer) });
      return answer;
    } catch (error) {
      if (error instanceof Violation) throw error;
      trace.add('imports', 'failed', { reason: messageOf(error) });
      checkAnswered(name, error);
      return undefined;
    }
  }
}
