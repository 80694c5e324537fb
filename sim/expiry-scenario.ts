// Rows that expire a while after they were written: while they are flushed, compacted and read, processes die and clocks jump, and the time that
// they have is made longer or taken away while a compaction works by the shorter one. The age of a row is reckoned by times of the oracle. Of
// these a look has one from before and one from after it, from rows that it writes: what had expired at the first is not found, what has not
// at the second is. What expired while the shorter time held may be gone or come back, whatever holds later.
import { nextBelow, nextFloat } from '#base/random.js';
import { type Host, hosts } from './cluster.js';
import { Violation } from './model.js';
import type { OwnCollection } from './own-collection.js';
import { type Ask, withOwnCollection } from './own-scenario.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

const SHORT_S = 12;
const LONG_S = 100_000_000;
const TURNS = 9;
/** Steps of a compaction take up to so long. */
const STORE_MS = 1500;
const HOUR_MS = 3_600_000;
const timeOf = (seconds: number): bigint => BigInt(seconds * 1000) << 18n;

class AgingRows {
  readonly #own: OwnCollection;
  readonly #ask: Ask;
  /** By note: when it was written. */
  readonly #written = new Map<string, bigint>();
  /** Notes of writes without an answer. */
  readonly #unknown = new Set<string>();
  #notes = 0;
  #seconds: number | undefined;
  /** Rows that were written then or before may have expired for ever. */
  #mayBeGoneUntil = 0n;

  constructor(own: OwnCollection, ask: Ask) {
    this.#own = own;
    this.#ask = ask;
  }

  /** @returns when they were written; undefined: nobody answered */
  async insert(count: number): Promise<bigint | undefined> {
    const notes = Array.from({ length: count }, () => `row ${this.#notes++}`);
    for (const note of notes) this.#unknown.add(note);
    const answer = await this.#ask('insert-aging', () => this.#own.insert(notes));
    if (answer === undefined) return undefined;
    for (const note of notes) {
      this.#unknown.delete(note);
      this.#written.set(note, answer.at);
    }
    return answer.at;
  }

  /** @returns whether it was confirmed */
  async keepFor(seconds: number | undefined): Promise<boolean> {
    const shorter = this.#seconds;
    const isDone = await this.#ask('keep-for', () => this.#own.keepFor(seconds).then(() => true));
    if (isDone === undefined) return false;
    // What was begun by the shorter time reckons from a time before this one.
    const now = await this.insert(1);
    if (now === undefined) return false;
    if (shorter !== undefined) this.#mayBeGoneUntil = now - timeOf(shorter);
    this.#seconds = seconds;
    return true;
  }

  /** @returns whether somebody answered @throws Violation */
  async look(): Promise<boolean> {
    const before = await this.insert(1);
    const rows = before === undefined ? undefined : await this.#ask('look', () => this.#own.rows());
    const after = rows === undefined ? undefined : await this.insert(1);
    if (before === undefined || rows === undefined || after === undefined) return false;
    const found = new Set(rows.map(({ note }) => note));
    if (found.size < rows.length) throw new Violation(`${this.#own.name}: a row is found twice`);
    const age = this.#seconds === undefined ? undefined : timeOf(this.#seconds);
    for (const [note, at] of this.#written) {
      if (at >= after) continue;
      const isExpired = age !== undefined && at <= before - age;
      if (isExpired && found.has(note))
        throw new Violation(
          `an expired row is found: ${this.#own.name} ${note} of ${at}, read after ${before}`,
        );
      const lives = at > this.#mayBeGoneUntil && (age === undefined || at > after - age);
      if (lives && at <= before && !found.has(note))
        throw new Violation(
          `an acknowledged row is lost: ${this.#own.name} ${note} of ${at}, read before ${after}`,
        );
    }
    for (const note of found)
      if (!this.#written.has(note) && !this.#unknown.has(note))
        throw new Violation(`${this.#own.name}: ${note} is found, which nobody wrote`);
    return true;
  }
}

export async function expiredMeanwhile(
  parts: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { processes, timers, random, workload } = parts;
  const active = (): Host =>
    hosts.find((host) => (host === 'coord' || host === 'spare') && processes[host].isUp) ?? 'coord';
  await withOwnCollection(parts, model, untilReady, async (own, ask) => {
    const rows = new AgingRows(own, ask);
    const insert = (): Promise<void> =>
      untilReady(async () => (await rows.insert(1 + nextBelow(random, 6))) !== undefined);
    const die = async (host: Host): Promise<void> => {
      processes[host].crash(random, false);
      processes[host].start();
    };
    const acts: readonly (() => Promise<unknown>)[] = [
      ...[insert, insert, insert, insert],
      ...[() => ask('flush-aging', () => own.flush()), () => ask('flush-aging', () => own.flush())],
      ...[() => ask('compact-aging', () => own.compact()), () => ask('compact-aging', () => own.compact())],
      () => die(workload.one(['stream', 'query', active()])),
      async () => processes[active()].clock.step(workload.one([-HOUR_MS, -5000, 5000])),
    ];
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < TURNS; turn++) {
        await insert();
        await workload.one(acts)();
        await timers.sleep(nextFloat(random) * 3000);
        await untilReady(() => rows.look());
      }
    };
    await insert();
    await ask('flush-aging', () => own.flush());
    await untilReady(() => rows.keepFor(SHORT_S));
    await turns();
    processes.query.troubles.objects = { refused: 0, lost: 0, delayMs: STORE_MS };
    await ask('flush-aging', () => own.flush());
    await ask('compact-aging', () => own.compact());
    await timers.sleep(nextFloat(random) * STORE_MS * 2);
    await untilReady(() => rows.keepFor(workload.one([undefined, LONG_S])));
    await untilReady(() => rows.look());
    processes.query.troubles.heal();
    await turns();
  });
}
