// Two clients write the same rows at once: each replaces, deletes or inserts them, while somebody reads, rows are flushed and compacted, and their
// owner dies or is displaced. What a read shows of a key is of no write that another one followed: that began after its answer, and was answered
// before the read. With one shard the times of the answers say more: they are in the order in which the writes came, of which a read shows the
// newest that was answered, or a newer one, of all keys the same.
import { nextFloat } from '#base/random.js';
import { freshKeys } from './fresh-keys.js';
import { type CollectionModel, Violation } from './model.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

const ROUNDS = 14;
const READS = 20;
/** What was sent before may take effect for so long. */
const LATE_MS = 15_000;
const kinds = ['upsert', 'upsert', 'upsert', 'delete', 'insert'] as const;
const sufferings = ['crash', 'crash', 'displace', 'coordinator', 'none'] as const;

/** A write of all the keys. */
interface Sent {
  /** 0: they are deleted. */
  readonly version: number;
  readonly began: number;
  /** Undefined: nobody knows whether it was carried out, and when. */
  answer: { readonly at: bigint; readonly ended: number } | undefined;
}

interface Read {
  readonly began: number;
  /** Time of the newest write that was answered before it began. */
  readonly since: bigint;
  /** By key; one that was not found is left out. */
  readonly found: ReadonlyMap<number, number>;
}

class SharedKeys {
  readonly #parts: ScenarioParts;
  readonly #model: CollectionModel;
  readonly #partition: string;
  readonly #keys: readonly number[];
  readonly #sent: Sent[] = [];
  readonly #reads: Read[] = [];
  #newest = 0n;
  /** Counts begins and ends. */
  #order = 0;

  constructor(
    parts: ScenarioParts,
    model: CollectionModel,
    { partition, keys }: { readonly partition: string; readonly keys: readonly number[] },
  ) {
    this.#parts = parts;
    this.#model = model;
    this.#partition = partition;
    this.#keys = keys;
  }

  async write(): Promise<void> {
    const { workload, client } = this.#parts;
    const { spec, name } = this.#model;
    const kind = workload.one(kinds);
    const version = workload.version();
    const rows = this.#keys.map((key) => ({ key, version }));
    const began = this.#order++;
    const sent: Sent = { version: kind === 'delete' ? 0 : version, began, answer: undefined };
    this.#sent.push(sent);
    if (kind !== 'delete') this.#model.sendsAgain(this.#keys);
    await workload.attempt(this.#model, `${kind}-shared`, String(sent.version), async () => {
      const at = await (kind === 'delete'
        ? client.delete(name, this.#keys)
        : client[kind](spec, this.#partition, rows, false));
      sent.answer = { at, ended: this.#order++ };
      if (at > this.#newest) this.#newest = at;
      return String(at);
    });
  }

  /** @returns whether somebody answered */
  async read(): Promise<boolean> {
    const { workload, client } = this.#parts;
    const [since, began] = [this.#newest, this.#order++];
    const error = await workload.attempt(this.#model, 'read-shared', String(since), async () => {
      const rows = await client.rows(this.#model.name, this.#keys, false, false);
      const found = new Map(rows.map(({ key, version }) => [key, version]));
      if (found.size < rows.length)
        throw new Violation(`${this.#model.name}: a key of ${this.#keys.join()} was answered twice`);
      this.#reads.push({ began, since, found });
      return [...found].map(([key, version]) => `${key}:${version}`).join();
    });
    return error === undefined;
  }

  /** Nothing is under way any more. @throws Violation */
  check(): void {
    const { name, spec } = this.#model;
    for (const read of this.#reads) {
      for (const key of this.#keys) {
        const version = read.found.get(key) ?? 0;
        // Before the first answer the rows may be as they were.
        if (
          read.since === 0n ||
          this.#sent.some((one) => one.version === version && this.#mayShow(one, read))
        )
          continue;
        throw new Violation(
          `a write is lost: ${name} key ${key} has version ${version}, and a newer one was answered until ${read.since}`,
        );
      }
      const versions = new Set(this.#keys.map((key) => read.found.get(key) ?? 0));
      if (spec.shards === 1 && read.since > 0n && versions.size > 1)
        throw new Violation(
          `a batch took effect in part: ${name} keys ${this.#keys.join()} have ${[...versions].join()}`,
        );
    }
  }

  #mayShow({ answer }: Sent, { began, since }: Read): boolean {
    if (answer === undefined || answer.at >= since) return true;
    if (this.#model.spec.shards === 1) return false;
    return !this.#sent.some(
      (later) => later.began > answer.ended && later.answer !== undefined && later.answer.ended < began,
    );
  }

  /** The rows are again what everybody else takes them for. */
  async settle(untilReady: UntilReady): Promise<void> {
    const { workload, client } = this.#parts;
    const version = workload.version();
    const rows = this.#keys.map((key) => ({ key, version }));
    await workload.write(this.#model, 'upsert', rows, async () => {
      let at = 0n;
      await untilReady(async () => {
        const error = await workload.attempt(this.#model, 'settle-shared', String(version), async () => {
          at = await client.upsert(this.#model.spec, this.#partition, rows, false);
          return undefined;
        });
        return error === undefined;
      });
      return at;
    });
  }
}

export async function writtenByTwo(
  parts: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { workload, processes, timers, random, cluster } = parts;
  const fresh = await freshKeys(workload, model, untilReady);
  if (fresh.keys.length === 0) return;
  const shared = new SharedKeys(parts, model, fresh);
  cluster.network.setLink('front', 'stream', { delayMinMs: 1, delayMaxMs: 25 });
  // Writes that come while others wait for their times share an append.
  for (const host of ['coord', 'spare']) cluster.network.setLink('stream', host, { delayMaxMs: 40 });
  const pause = (mostMs: number): Promise<void> => timers.sleep(nextFloat(random) * mostMs);
  const writing = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) {
      await shared.write();
      await pause(40);
    }
  };
  const reading = async (): Promise<void> => {
    for (let reads = 0; reads < READS; reads++) {
      await shared.read();
      await pause(40);
    }
  };
  const moving = async (): Promise<void> => {
    await pause(300);
    await workload.flush(model);
    if (nextFloat(random) < 0.5) await workload.compact(model);
  };
  const suffering = async (): Promise<void> => {
    const how = workload.one(sufferings);
    await pause(500);
    if (how === 'displace') processes.stream.haunt();
    if (how === 'crash') processes.stream.crash(random, false);
    if (how === 'coordinator') processes.coord.crash(random, false);
    processes.stream.start();
    processes.coord.start();
  };
  await Promise.all([writing(), writing(), reading(), moving(), suffering()]);
  processes.stream.exorcise();
  await timers.sleep(LATE_MS);
  await untilReady(() => shared.read());
  shared.check();
  await shared.settle(untilReady);
}
