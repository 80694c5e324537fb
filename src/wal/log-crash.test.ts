// A log and a crash at each operation of the file layer, and again while it opens: with the process alone or with the power, with each
// choice of the pages that reached the disk. What was acknowledged is read back, once, in order; numbers never repeat.
import { expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import type { WriteAheadLog } from '#platform/log.js';
import { type DiskFault, MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { mortalFiles } from '#platform/memory/mortal-stores.js';
import type { Platform } from '#platform/platform.js';
import { openFileLog } from './file-log.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

interface Crash {
  /** The change before which it comes, counted over the life of a process. */
  readonly at: number;
  readonly how: 'killed' | 'power';
  /** Killed: share of what was being appended, in quarters. Power: one bit for each unsynced page. */
  readonly choice: number;
  readonly completes: boolean;
}

/** What a client knows: it outlives every process. */
interface Facts {
  readonly acknowledged: Map<bigint, string>;
  /** Entries before it are in files: they may be gone. */
  checkpoint: bigint;
}

class Machine {
  readonly disk: MemoryFiles;
  changes = 0;
  #crash: Crash | undefined;
  #died: () => void = () => {};
  isAlive = true;

  constructor() {
    this.disk = new MemoryFiles(async () => this.#change(), 64);
  }

  /** One life of a process. @returns whether it came to its end */
  async live(work: (platform: Platform) => Promise<void>, crash?: Crash): Promise<boolean> {
    this.changes = 0;
    this.#crash = crash;
    const life = { isAlive: true };
    const dead = new Promise<boolean>((resolve) => {
      this.#died = () => {
        life.isAlive = false;
        resolve(false);
      };
    });
    const platform = {
      ...openMemoryPlatform({ cluster: simulatedCluster(1), host: 'a' }),
      random: seededRandom(nextSalt++),
    };
    const files = mortalFiles(this.disk, () => life.isAlive);
    return Promise.race([dead, work({ ...platform, files }).then(() => true)]);
  }

  #change(): void {
    const crash = this.#crash;
    if (crash === undefined || ++this.changes !== crash.at) return;
    this.#crash = undefined;
    this.#died();
    const completes = (): boolean => crash.completes;
    let page = 0;
    if (crash.how === 'killed')
      this.disk.crash((_path, count) => Math.floor((count * crash.choice) / 4), completes);
    else this.disk.losePower(() => ((crash.choice >> (page++ % 16)) & 1) === 1, completes);
  }
}

let nextSalt = 1;

async function open(platform: Platform, facts: Facts): Promise<WriteAheadLog> {
  const log = await openFileLog(platform, { folder: 'wal/c', epoch: 1n, fileBytesMax: 250 });
  const found = new Map<bigint, string>();
  for await (const { lsn, payload } of log.read(0n)) found.set(lsn, text(payload));
  for (const [lsn, value] of facts.acknowledged)
    if (lsn >= facts.checkpoint) expect(found.get(lsn)).toBe(value);
  expect([...found.keys()]).toEqual(Array.from(found, (_one, index) => log.firstLsn + BigInt(index)));
  expect(log.firstLsn <= facts.checkpoint && facts.checkpoint <= log.nextLsn).toBe(true);
  // What was read back counts from now on.
  for (const [lsn, value] of found) facts.acknowledged.set(lsn, value);
  return log;
}

async function append(log: WriteAheadLog, facts: Facts, count: number): Promise<void> {
  const payloads = Array.from(
    { length: count },
    (_one, index) => `${nextSalt++} is entry ${index} of ${count}`,
  );
  const [first = 0n] = await log.append(payloads.map(bytes));
  for (const [index, payload] of payloads.entries()) {
    expect(facts.acknowledged.has(first + BigInt(index))).toBe(false);
    facts.acknowledged.set(first + BigInt(index), payload);
  }
}

async function truncate(log: WriteAheadLog, facts: Facts, end: bigint): Promise<void> {
  facts.checkpoint = end;
  await log.truncate(end);
}

/** Several files, groups of several entries, truncation with and without the newest file, a clean end. */
const script = (facts: Facts) => async (platform: Platform) => {
  const log = await open(platform, facts);
  await append(log, facts, 1);
  await append(log, facts, 4);
  await append(log, facts, 3);
  await truncate(log, facts, log.nextLsn - 3n);
  await append(log, facts, 2);
  await truncate(log, facts, log.nextLsn);
  await append(log, facts, 3);
  await log.close();
};

const check = (facts: Facts) => async (platform: Platform) => {
  const log = await open(platform, facts);
  await append(log, facts, 1);
};

const newFacts = (): Facts => ({ acknowledged: new Map(), checkpoint: 1n });

async function changesOf(): Promise<number> {
  const machine = new Machine();
  await machine.live(script(newFacts()), {
    at: Number.POSITIVE_INFINITY,
    how: 'killed',
    choice: 0,
    completes: false,
  });
  return machine.changes;
}

it('keeps what it acknowledged over a crash at every change, with every choice of pages', async () => {
  const changes = await changesOf();
  expect(changes).toBeGreaterThan(10);
  for (let at = 1; at <= changes; at++) {
    for (const how of ['killed', 'power'] as const) {
      for (let choice = 0; choice < (how === 'killed' ? 5 : 32); choice++) {
        const facts = newFacts();
        const machine = new Machine();
        expect(await machine.live(script(facts), { at, how, choice, completes: choice % 2 === 1 })).toBe(
          false,
        );
        expect(await machine.live(script(facts)), `${how} before change ${at}, choice ${choice}`).toBe(true);
        expect(await machine.live(check(facts))).toBe(true);
      }
    }
  }
});

it('WAL recovery: keeps what it acknowledged over crashes of crashes: while it opens, again and again', async () => {
  const random = seededRandom(7);
  for (let run = 0; run < 400; run++) {
    const facts = newFacts();
    const machine = new Machine();
    const lives: Crash[] = [];
    for (let life = 0; life < 6; life++) {
      const how = nextBelow(random, 2) === 0 ? 'killed' : 'power';
      const crash: Crash = {
        at: 1 + nextBelow(random, life % 2 === 0 ? 30 : 6),
        how,
        choice: nextBelow(random, how === 'killed' ? 5 : 65536),
        completes: nextBelow(random, 2) === 0,
      };
      lives.push(crash);
      await machine.live(script(facts), crash).catch((error: unknown) => {
        throw new Error(`run ${run}: ${JSON.stringify(lives)}`, { cause: error });
      });
    }
    expect(await machine.live(check(facts)), JSON.stringify(lives)).toBe(true);
  }
});

it('keeps what it acknowledged when syncs fail and the power goes, whatever the kernel did with the pages', async () => {
  const random = seededRandom(11);
  for (let run = 0; run < 200; run++) {
    const facts = newFacts();
    const machine = new Machine();
    const faults: readonly DiskFault[] = [
      { code: 'EIO', pages: 'dirty' },
      { code: 'EIO', pages: 'forgotten' },
      { code: 'EIO', pages: 'zeroed' },
      { code: 'ENOSPC', keptBytes: nextBelow(random, 100) },
    ];
    const fault = faults[nextBelow(random, faults.length)];
    let countdown = 1 + nextBelow(random, 12);
    machine.disk.fault = (operation) => {
      const isDue = operation === (fault?.pages === undefined ? 'append' : 'sync') && --countdown <= 0;
      if (!isDue) return undefined;
      countdown = 3 + nextBelow(random, 20);
      return fault;
    };
    for (let life = 0; life < 4; life++) {
      await machine.live((platform) => script(facts)(platform).catch(expectDiskError), undefined);
      // The process lives on, or dies, or the power goes.
      if (nextBelow(random, 3) === 0) machine.disk.losePower(() => nextBelow(random, 2) === 0);
    }
    machine.disk.fault = undefined;
    expect(await machine.live(check(facts))).toBe(true);
  }
});

function expectDiskError(error: unknown): void {
  expect(error).toMatchObject({ key: expect.stringMatching(/^(io_failed|wal_unavailable)$/) });
}
