// Rows get their keys from the cluster, while coordinators, owners and the proxy die over writes of them: no key is given twice, a row has the key
// that its writer was answered, and one that was sent once is there once, as the answer to a write may be lost, but not the write itself be doubled.
import { nextBelow, nextFloat } from '#base/random.js';
import { type Host, hosts } from './cluster.js';
import { Violation } from './model.js';
import type { OwnCollection } from './own-collection.js';
import { type Ask, withOwnCollection } from './own-scenario.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

const WRITERS = 2;
const WRITES = 12;
const DEATHS = 4;
const ANSWER_MS = 40;
/** What was sent before may take effect for so long. */
const LATE_MS = 15_000;
const wrong = (text: string): Violation => new Violation(`a generated key is wrong: ${text}`);

/** What is known of a row by its note. */
interface Sent {
  /** Undefined: its writer was not answered. */
  id: bigint | undefined;
  /** replacing: it goes with a write that was not answered; replaced: it went. */
  state: 'there' | 'replacing' | 'replaced';
}

class Rows {
  readonly #own: OwnCollection;
  readonly #parts: ScenarioParts;
  readonly #ask: Ask;
  readonly #sent = new Map<string, Sent>();

  constructor(own: OwnCollection, parts: ScenarioParts, ask: Ask) {
    this.#own = own;
    this.#parts = parts;
    this.#ask = ask;
  }

  #notes(count: number): string[] {
    const notes = Array.from({ length: count }, (_, at) => `row ${this.#sent.size + at}`);
    for (const note of notes) this.#sent.set(note, { id: undefined, state: 'there' });
    return notes;
  }

  #answered(notes: readonly string[], ids: readonly bigint[]): void {
    for (const [at, note] of notes.entries()) {
      const sent = this.#sent.get(note);
      if (sent !== undefined) sent.id = ids[at];
    }
  }

  async insert(): Promise<void> {
    const notes = this.#notes(1 + nextBelow(this.#parts.random, 5));
    const answer = await this.#ask('insert-generated', () => this.#own.insert(notes));
    if (answer !== undefined) this.#answered(notes, answer.ids);
  }

  /** One row that is there for certain, and nobody else replaces. */
  async replace(): Promise<void> {
    const known = [...this.#sent.values()].filter(({ id, state }) => id !== undefined && state === 'there');
    const before = known[nextBelow(this.#parts.random, Math.max(1, known.length))];
    if (before?.id === undefined) return;
    const { id } = before;
    before.state = 'replacing';
    const notes = this.#notes(1);
    const answer = await this.#ask('replace-generated', () => this.#own.replace([id], notes));
    if (answer === undefined) return;
    before.state = 'replaced';
    this.#answered(notes, answer.ids);
  }

  /** Nothing is under way. @returns whether somebody answered @throws Violation */
  async check(): Promise<boolean> {
    const rows = await this.#ask('rows-generated', () => this.#own.rows());
    const count = rows && (await this.#ask('count-generated', () => this.#own.count()));
    if (rows === undefined || count === undefined) return false;
    if (count !== rows.length) throw wrong(`count(*) is ${count}, and ${rows.length} rows are found`);
    const found = new Map(rows.map(({ id, note }) => [note, id]));
    if (found.size < rows.length) throw wrong('a row is there twice');
    if (new Set(found.values()).size < rows.length) throw wrong('two rows have one key');
    for (const [note, id] of found) {
      const sent = this.#sent.get(note);
      if (sent === undefined) throw wrong(`${note} is there, which nobody sent`);
      if (sent.id !== undefined && sent.id !== id)
        throw wrong(`${note} has ${id}, its writer was answered ${sent.id}`);
    }
    for (const [note, { id, state }] of this.#sent) {
      if (state === 'replaced' && found.has(note)) throw wrong(`${note} was replaced and is there`);
      if (state === 'there' && id !== undefined && !found.has(note)) throw wrong(`${note} is lost`);
    }
    return true;
  }
}

export async function keysGenerated(
  parts: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { processes, timers, random, workload, cluster } = parts;
  await withOwnCollection(parts, model, untilReady, async (own, ask) => {
    const rows = new Rows(own, parts, ask);
    const dyingHosts: readonly Host[] = ['stream', 'stream', 'coord', 'spare', 'front'];
    cluster.network.setLink('stream', 'front', { delayMinMs: 1, delayMaxMs: ANSWER_MS });
    const writing = async (): Promise<void> => {
      for (let writes = 0; writes < WRITES; writes++) {
        if (nextFloat(random) < 0.7) await rows.insert();
        else await rows.replace();
        await timers.sleep(nextFloat(random) * 300);
        if (nextFloat(random) < 0.1) await ask('flush-generated', () => own.flush());
      }
    };
    const dying = async (): Promise<void> => {
      for (let deaths = 0; deaths < DEATHS; deaths++) {
        await timers.sleep(nextFloat(random) * 2500);
        const host = workload.one(dyingHosts);
        processes[host].crash(random, false);
        await timers.sleep(nextFloat(random) * 500);
        processes[host].start();
      }
    };
    await Promise.all([...Array.from({ length: WRITERS }, writing), dying()]);
    for (const host of hosts) processes[host].start();
    await timers.sleep(LATE_MS);
    await untilReady(() => rows.check());
  });
}
