// Situations that chance alone seldom makes. Each brings the healed cluster to where one kind of mistake would show: a process dies or is
// displaced in the middle of something, a clock goes back, a thing is dropped under someone who still works on it. What was written must
// be there afterwards as always; the comparison after the round says so.
import { must } from '#base/assert.js';
import { nextFloat, type Random } from '#base/random.js';
import type { SimulatedCluster } from '#platform/memory/memory-platform.js';
import type { Timers } from '#platform/time.js';
import { filledUnderWrites } from './backfill-scenario.js';
import type { SimClient } from './client.js';
import { type Host, hosts, type SimProcess } from './cluster.js';
import { partitionNames } from './collection-spec.js';
import { compactedUnderWrites, iteratedOverDeaths, iteratedWhileCompacted } from './compaction-scenarios.js';
import type { Definitions } from './definitions.js';
import { expiredMeanwhile } from './expiry-scenario.js';
import { keysGenerated } from './generated-keys.js';
import { fieldAddedMeanwhile, importInterrupted, importReadMeanwhile } from './import-scenarios.js';
import type { Imports } from './imports.js';
import {
  deletedByFilter,
  droppedWhileBuilt,
  flushedSlowly,
  shortOfMemory,
  writtenAgain,
} from './late-scenarios.js';
import type { Names } from './names.js';
import { changedOverFailOver } from './names-scenario.js';
import { releasedTooLate } from './release-scenario.js';
import { writtenByTwo } from './shared-keys.js';
import { spreadOverTwo } from './spread-scenario.js';
import type { Trace } from './trace.js';
import { truncatedThenKilled } from './truncate-scenario.js';
import { updatedTogether } from './updates.js';
import type { SimCollection, Workload } from './workload.js';

export interface ScenarioParts {
  readonly client: SimClient;
  readonly cluster: SimulatedCluster;
  readonly processes: Readonly<Record<Host, SimProcess>>;
  readonly collections: readonly SimCollection[];
  readonly workload: Workload;
  readonly definitions: Definitions;
  readonly imports: Imports;
  readonly names: Names;
  readonly random: Random;
  readonly timers: Timers;
  readonly trace: Trace;
}

export type UntilReady = (call: () => Promise<boolean>) => Promise<void>;
type Scenario = (collection: SimCollection, untilReady: UntilReady) => Promise<void>;

/** Where there are partitions with names: of the scenarios those that drop one. */
const NAMED_SHARE = 0.4;
const HOUR_MS = 3_600_000;
const CALL_MS_MAX = 8000;
/** What was sent before may take effect for so long. */
const DRAIN_MS = 15_000;
const coordinatorHosts = ['coord', 'spare'] as const;
const QUIET = { delayMinMs: 0.05, delayMaxMs: 0.5 };

export class Scenarios {
  readonly #parts: ScenarioParts;

  constructor(parts: ScenarioParts) {
    this.#parts = parts;
  }

  /** One of them, and whatever it began to its end. @param only its name; where there are no partitions for it, none is played */
  async run(untilReady: UntilReady, only?: string): Promise<void> {
    const { workload, collections, trace, timers, definitions, random } = this.#parts;
    const named = collections.filter(({ model }) => model.spec.partitions === 'named');
    const isOfNamed = only === undefined ? nextFloat(random) < NAMED_SHARE : only in this.#named;
    if (only !== undefined && isOfNamed && named.length === 0) return;
    const isNamed = named.length > 0 && isOfNamed;
    const collection = workload.one(isNamed ? named : collections);
    const choices = Object.entries(isNamed ? this.#named : this.#common);
    if (only !== undefined) choices.push(...Object.entries(this.#asked));
    const [name, scenario] =
      only === undefined
        ? workload.one(choices)
        : must(
            choices.find(([one]) => one === only),
            `scenario ${only}`,
          );
    for (const { model } of collections) await untilReady(() => workload.load(model));
    trace.add('scenario', name, { collection: collection.model.name });
    await scenario(collection, untilReady);
    trace.add('scenario', 'ends');
    this.#heal();
    await timers.sleep(DRAIN_MS);
    await definitions.finish(untilReady);
  }

  #heal(): void {
    const { processes, cluster } = this.#parts;
    for (const host of hosts) {
      processes[host].clearFaults();
      processes[host].exorcise();
      processes[host].start();
      for (const other of hosts) if (other !== host) cluster.network.setLink(host, other, QUIET);
    }
  }

  /** The active one of the two. */
  #coordinator(): Host {
    const { processes } = this.#parts;
    return coordinatorHosts.find((host) => processes[host].isUp) ?? 'coord';
  }

  #pause(mostMs: number): Promise<void> {
    return this.#parts.timers.sleep(nextFloat(this.#parts.random) * mostMs);
  }

  #restart(host: Host, isPowerLoss = false): void {
    this.#parts.processes[host].crash(this.#parts.random, isPowerLoss);
    this.#parts.processes[host].start();
  }

  /** Calls of the host on the object store take up to so long from now on; those under way keep their pace. */
  #slowObjects(host: Host, delayMs: number): void {
    this.#parts.processes[host].troubles.objects = { refused: 0, lost: 0, delayMs };
  }

  readonly #common: Readonly<Record<string, Scenario>> = {
    /** One partition has full segments in files, another still grows: the log is needed from where that one began. */
    'half-flushed': async ({ model }, untilReady) => {
      const { workload, timers } = this.#parts;
      const [few, many] = model.spec.partitions === 'named' ? ['p0', 'p1'] : ['', ''];
      await workload.insert(model, 0, few);
      for (let writes = 0; writes < 18; writes++) await workload.insert(model, writes % 3, many);
      await timers.sleep(300);
      this.#restart('stream');
      // What is written anew now takes its time, and is counted meanwhile.
      this.#slowObjects('stream', 3000);
      for (let reads = 0; reads < 3; reads++) await untilReady(() => workload.count(model));
    },
    'killed-flush': async ({ model }) => {
      const { workload } = this.#parts;
      for (let writes = 0; writes < 3; writes++) await workload.insert(model, writes);
      this.#slowObjects('stream', 400);
      const flushing = workload.flush(model);
      await this.#pause(1500);
      this.#restart('stream');
      await flushing;
    },
    /** A flush that began before its owner was replaced ends after the next owner's. */
    'late-commit': async ({ model }, untilReady) => {
      const { workload, processes, timers } = this.#parts;
      for (let writes = 0; writes < 3; writes++) await workload.insert(model, writes);
      this.#slowObjects('stream', 20_000);
      const flushing = workload.flush(model);
      await timers.sleep(100);
      processes.stream.troubles.heal();
      processes.stream.haunt();
      // Enough for the log to begin new files and to let go of the old ones.
      for (let writes = 0; writes < 18; writes++) await untilReady(() => workload.insert(model, writes % 3));
      await untilReady(() => workload.flush(model));
      await flushing;
      await timers.sleep(12_000);
      processes.stream.exorcise();
      this.#restart('stream');
    },
    /** Writes that their owner had begun when it was replaced. */
    'late-append': async ({ model }, untilReady) => {
      const { workload, processes, cluster, timers } = this.#parts;
      for (const host of coordinatorHosts) cluster.network.setLink('stream', host, { delayMaxMs: 4000 });
      const writing = [0, 1, 2].map((client) => workload.insert(model, client));
      await timers.sleep(20);
      processes.stream.haunt();
      for (const host of coordinatorHosts) cluster.network.setLink('stream', host, QUIET);
      await Promise.all(writing);
      processes.stream.exorcise();
      await untilReady(() => workload.insert(model, 0));
      this.#restart('stream');
    },
    /** Every clock goes back, and the oracle starts anew: what is written then is newer all the same. */
    'clocks-back': async (collection, untilReady) => {
      const { workload, processes } = this.#parts;
      const { model } = collection;
      for (let writes = 0; writes < 3; writes++) await untilReady(() => workload.insert(model, writes));
      for (const host of hosts) processes[host].clock.step(-HOUR_MS);
      if (nextFloat(this.#parts.random) < 0.7) this.#restart(this.#coordinator());
      await untilReady(() => workload.insert(model, 0));
      for (const client of [0, 1, 2]) {
        await workload.upsert(model, client);
        await workload.delete(model, client);
      }
      await untilReady(() => workload.search(collection, undefined, [], [], true));
    },
    /** The active coordinator does not reach the store for longer than its session lives, goes on all the same, and finds its place taken. */
    'stale-coordinator': async ({ model }, untilReady) => {
      const { workload, processes, timers, trace } = this.#parts;
      const active = this.#coordinator();
      trace.add(active, 'loses-the-store');
      processes[active].troubles.meta = { refused: 1, lost: 0, delayMs: 0 };
      const writing = [0, 1, 2].map((client) => workload.insert(model, client));
      await timers.sleep(4000 + nextFloat(this.#parts.random) * 2000);
      for (let writes = 0; writes < 3; writes++) await untilReady(() => workload.insert(model, writes));
      const flushing = workload.flush(model);
      // It is back, with what it knew then.
      processes[active].troubles.heal();
      await flushing;
      await Promise.all(writing);
      for (const client of [0, 1, 2]) await workload.upsert(model, client);
      await untilReady(() => workload.count(model));
    },
    /** One dies after the other, each in the middle of what it does. */
    'fail-over': async ({ model }, untilReady) => {
      const { workload, timers } = this.#parts;
      for (let lives = 0; lives < 2; lives++) {
        const flushing = workload.flush(model);
        await this.#pause(400);
        this.#restart(this.#coordinator());
        await timers.sleep(500);
        for (let writes = 0; writes < 2; writes++) await untilReady(() => workload.insert(model, writes));
        await flushing;
        await untilReady(() => workload.flush(model));
      }
    },
    /** The logs outlive all collections, and remember their owners. */
    'all-dropped': async ({ model }, untilReady) => {
      const { workload, definitions, timers } = this.#parts;
      for (let lives = 0; lives < 2; lives++) {
        this.#restart('stream');
        await untilReady(() => workload.insert(model, 0));
      }
      await definitions.replaceAll(untilReady, async () => {
        this.#restart('stream');
        await timers.sleep(3000);
      });
    },
    /** Two clients change different fields of the same rows at once, again and again, and the owner dies in the middle. */
    'updated-together': (collection, untilReady) => updatedTogether(this.#parts, collection, untilReady),
    'counted-while-flushed': async ({ model }) => {
      const { workload, cluster } = this.#parts;
      for (let rounds = 0; rounds < 4; rounds++) {
        for (let writes = 0; writes < 2; writes++) await workload.insert(model, writes);
        cluster.network.setLink('front', 'stream', { delayMaxMs: 60 });
        const flushing = workload.flush(model);
        for (let reads = 0; reads < 6; reads++) await workload.rowCount(model);
        await flushing;
        cluster.network.setLink('front', 'stream', QUIET);
      }
    },
    'compacted-under-writes': (collection, untilReady) =>
      compactedUnderWrites(this.#parts, collection, untilReady),
    'filled-under-writes': (collection, untilReady) => filledUnderWrites(this.#parts, collection, untilReady),
    'iterated-while-compacted': (collection, untilReady) =>
      iteratedWhileCompacted(this.#parts, collection, untilReady),
    'iterated-over-deaths': (collection, untilReady) =>
      iteratedOverDeaths(this.#parts, collection, untilReady),
    'field-added-meanwhile': (collection, untilReady) =>
      fieldAddedMeanwhile(this.#parts, collection, untilReady),
    'written-by-two': (collection, untilReady) => writtenByTwo(this.#parts, collection, untilReady),
    'keys-generated': (collection, untilReady) => keysGenerated(this.#parts, collection, untilReady),
    'expired-meanwhile': (collection, untilReady) => expiredMeanwhile(this.#parts, collection, untilReady),
    'deleted-by-filter': (collection, untilReady) => deletedByFilter(this.#parts, collection, untilReady),
    'short-of-memory': (collection, untilReady) => shortOfMemory(this.#parts, collection, untilReady),
    'import-interrupted': (_collection, untilReady) => importInterrupted(this.#parts, untilReady),
    'import-read-meanwhile': (_collection, untilReady) => importReadMeanwhile(this.#parts, untilReady),
    'changed-over-fail-over': (_collection, untilReady) => changedOverFailOver(this.#parts, untilReady),
    'flushed-slowly': (collection, untilReady) => flushedSlowly(this.#parts, collection, untilReady),
    'dropped-while-built': (collection, untilReady) => droppedWhileBuilt(this.#parts, collection, untilReady),
    'written-again': (collection, untilReady) => writtenAgain(this.#parts, collection, untilReady),
    'released-too-late': (collection, untilReady) => releasedTooLate(this.#parts, collection, untilReady),
    'truncated-then-killed': (collection, untilReady) =>
      truncatedThenKilled(this.#parts, collection, untilReady),
    /** A sync fails, the page cache still has what was written, the power goes: what a read found must stay. */
    'forgotten-pages': async ({ model }, untilReady) => {
      const { workload, processes } = this.#parts;
      for (let writes = 0; writes < 2; writes++) await workload.insert(model, writes);
      processes.stream.troubles.nextSync = 'forgotten';
      for (let writes = 0; writes < 2; writes++) await workload.insert(model, 2);
      await untilReady(() => workload.rows(model, model.keys.slice(-40), false));
      this.#restart('stream', true);
      await untilReady(() => workload.insert(model, 0));
    },
  };

  readonly #named: Readonly<Record<string, Scenario>> = {
    /** Each partition once, since the moment of the crash decides. */
    'drop-interrupted': async (collection, untilReady) => {
      const { workload, processes, definitions } = this.#parts;
      for (const partition of partitionNames) {
        for (let writes = 0; writes < 2; writes++) await workload.insert(collection.model, writes, partition);
        await untilReady(() => workload.flush(collection.model));
        const active = this.#coordinator();
        processes[active].troubles.meta = { refused: 0, lost: 0, delayMs: 300 };
        const dropping = definitions.beginReplacePartition(collection, partition);
        await this.#pause(1500);
        this.#restart(active);
        processes[active].troubles.heal();
        await dropping;
        await definitions.finish(untilReady);
      }
    },
    'dropped-while-flushed': async (collection) => {
      const { workload, timers, definitions, processes } = this.#parts;
      const partition = workload.one(partitionNames);
      for (let writes = 0; writes < 2; writes++) await workload.insert(collection.model, writes, partition);
      this.#slowObjects('stream', 3000);
      const flushing = workload.flush(collection.model);
      await timers.sleep(50);
      processes.stream.troubles.heal();
      await definitions.beginReplacePartition(collection, partition);
      await flushing;
    },
    'dropped-while-imported': async (collection, untilReady) => {
      const { definitions, timers, processes } = this.#parts;
      for (const partition of partitionNames) {
        this.#slowObjects('query', 1500);
        const importing = definitions.import(collection, partition);
        await this.#pause(1500);
        await definitions.beginReplacePartition(collection, partition);
        await timers.sleep(CALL_MS_MAX);
        await importing;
        // Loads read many objects: while each takes so long, nobody is ready.
        processes.query.troubles.heal();
        await definitions.finish(untilReady);
      }
    },
  };

  /** Played when they are asked for by their names; no seed draws them. */
  readonly #asked: Readonly<Record<string, Scenario>> = {
    'spread-over-two': (collection, untilReady) => spreadOverTwo(this.#parts, collection, untilReady),
  };
}
