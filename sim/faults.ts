// Chance against the cluster: processes crash, stop or are displaced, links lose, delay and double messages or are cut, disks and stores
// fail, fill up or slow down, clocks jump. Each run has some of these kinds, so that a rare one is not drowned by the others. Every fault
// ends by itself or with `heal`, after which nothing more is broken; only clocks stay as they are.
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { SimulatedCluster } from '#platform/memory/memory-platform.js';
import { type Host, hosts, type SimProcess } from './cluster.js';
import { diskKinds } from './faulty-platform.js';
import type { Trace } from './trace.js';

export interface FaultParts {
  readonly cluster: SimulatedCluster;
  readonly processes: Readonly<Record<Host, SimProcess>>;
  readonly random: Random;
  readonly trace: Trace;
}

const QUIET_LINK = { delayMinMs: 0.05, delayMaxMs: 0.5, loss: 0, duplication: 0, giveUpMs: 1000 };
const links = [...hosts, 'client'].flatMap((from) =>
  [...hosts, 'client'].filter((to) => to !== from).map((to) => [from, to] as const),
);
const HOUR_MS = 3_600_000;
/** A displaced process does not notice that all is well again; it goes this much later, before everything is compared. */
const GHOST_MS = 8000;
const YEAR_MS = 365 * 24 * HOUR_MS;

/** Kinds with their weights: how often each is drawn among those of the run. */
const weights = {
  crash: 8,
  stop: 3,
  'power-loss': 2,
  'failed-append': 3,
  cut: 4,
  'bad-link': 5,
  'doubled-messages': 3,
  'slow-disk': 3,
  'full-disk': 2,
  'disk-errors': 2,
  'object-errors': 3,
  'meta-errors': 2,
  clock: 3,
  'no-memory': 2,
  'two-owners': 3,
} as const;
export type FaultKind = keyof typeof weights;
const faultKinds = Object.keys(weights) as readonly FaultKind[];

/**
 * Calls that their caller may send again: these may arrive twice. All other calls go over one connection that does not repeat.
 */
const repeated =
  /\/(Handshake|GetFlushedSegments|Flush|GetSegmentInfo|WatchChannels|GetInsertBinlogPaths|AwaitCheckpoint|SegmentsChanged|SyncTarget|Append)$/;

export class Faults {
  readonly #parts: FaultParts;
  readonly #kinds: readonly FaultKind[];
  #active = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
    const { random, trace, cluster } = parts;
    this.#kinds = faultKinds.filter((kind) => kind === 'crash' || nextFloat(random) < 0.45);
    trace.add('faults', 'kinds', { kinds: this.#kinds.join() });
    cluster.network.mayDouble = (path) => repeated.test(path);
  }

  /** Breaks things until `heal`. */
  async run(): Promise<void> {
    this.#active = true;
    const { cluster, random } = this.#parts;
    while (this.#active) {
      await cluster.world.timers.sleep(100 + nextFloat(random) * 2500);
      if (this.#active) this.#break(this.#draw());
    }
  }

  #draw(): FaultKind {
    let left = nextFloat(this.#parts.random) * this.#kinds.reduce((sum, kind) => sum + weights[kind], 0);
    for (const kind of this.#kinds) {
      left -= weights[kind];
      if (left < 0) return kind;
    }
    return 'crash';
  }

  #break(kind: FaultKind): void {
    const forMs = 100 + nextFloat(this.#parts.random) * 3000;
    const process = this.#parts.processes[this.#some(hosts)];
    this.#breaks[kind](process, forMs);
  }

  readonly #breaks: Readonly<Record<FaultKind, (process: SimProcess, forMs: number) => void>> = {
    crash: (process, forMs) => {
      process.crash(this.#parts.random);
      this.#later(forMs, () => process.start());
    },
    stop: (process, forMs) => {
      const flush = nextFloat(this.#parts.random) < 0.5;
      void process.stop(flush, this.#parts.random).then(() => {
        if (this.#active) this.#later(forMs, () => process.start());
        else process.start();
      });
    },
    'power-loss': (_process, forMs) => this.#losePower(forMs),
    'failed-append': (_process, forMs) => this.#failAppend(forMs),
    cut: (_process, forMs) => {
      const [from, to] = this.#some(links);
      this.#parts.trace.add('faults', 'cut', { from, to });
      this.#parts.cluster.network.cut(from, to);
      this.#later(forMs * 2, () => this.#healLink(from, to));
    },
    'bad-link': (_process, forMs) => this.#spoilLink('bad-link', forMs),
    'doubled-messages': (_process, forMs) => this.#spoilLink('doubled-messages', forMs),
    'slow-disk': (process, forMs) =>
      this.#during(process, forMs, 'slow-disk', ({ troubles }, random) => {
        troubles.readDelayMs = 5 + nextFloat(random) * 400;
        troubles.objects = { refused: 0, lost: 0, delayMs: nextFloat(random) * 500 };
        troubles.meta = { refused: 0, lost: 0, delayMs: nextFloat(random) * 200 };
      }),
    'full-disk': (_process, forMs) => this.#fillDisks(forMs),
    'disk-errors': (_process, forMs) => {
      const { processes, trace } = this.#parts;
      trace.add('faults', 'disk-errors', { host: 'stream' });
      processes.stream.troubles.diskErrors = 0.2;
      this.#later(forMs, () => {
        processes.stream.troubles.diskErrors = 0;
      });
    },
    'object-errors': (process, forMs) =>
      this.#during(process, forMs, 'object-errors', ({ troubles }, random) => {
        const [refused, lost] = [nextFloat(random) * 0.3, nextFloat(random) * 0.3];
        troubles.objects = { refused, lost, delayMs: nextFloat(random) * 100 };
      }),
    'meta-errors': (process, forMs) =>
      this.#during(process, forMs, 'meta-errors', ({ troubles }, random) => {
        const [refused, lost] = [nextFloat(random) * 0.2, nextFloat(random) * 0.2];
        troubles.meta = { refused, lost, delayMs: nextFloat(random) * 100 };
      }),
    clock: (process) => this.#changeClock(process),
    'no-memory': (process, forMs) =>
      this.#during(process, forMs, 'no-memory', ({ troubles }) => {
        troubles.noMemory = 0.3;
      }),
    'two-owners': (_process, forMs) => {
      const { stream } = this.#parts.processes;
      stream.haunt();
      this.#later(forMs * 4, () => stream.exorcise());
    },
  };

  #some<T>(choices: readonly T[]): T {
    return choices[nextBelow(this.#parts.random, choices.length)] as T;
  }

  #during(
    process: SimProcess,
    forMs: number,
    what: string,
    begin: (process: SimProcess, random: Random) => void,
  ): void {
    this.#parts.trace.add('faults', what, { host: process.host });
    begin(process, this.#parts.random);
    this.#later(forMs, () => process.troubles.heal());
  }

  /** One machine, or the whole room. */
  #losePower(forMs: number): void {
    const { processes, random } = this.#parts;
    const lost = nextFloat(random) < 0.5 ? [processes.stream] : hosts.map((name) => processes[name]);
    for (const one of lost) {
      one.crash(random, true);
      this.#later(forMs + nextFloat(random) * 1000, () => one.start());
    }
  }

  /** The log must recover by itself; now and then its process dies before or while it does. */
  #failAppend(forMs: number): void {
    const { processes, random } = this.#parts;
    processes.stream.failNextAppend(nextFloat(random));
    if (nextFloat(random) < 0.5) return;
    this.#later(forMs, () => {
      processes.stream.crash(random, nextFloat(random) < 0.3);
      this.#later(300, () => processes.stream.start());
    });
  }

  #spoilLink(kind: 'bad-link' | 'doubled-messages', forMs: number): void {
    const { cluster, random, trace } = this.#parts;
    const [from, to] = this.#some(links);
    const isLossy = nextFloat(random) < 0.5;
    const bad = isLossy
      ? { loss: 0.1 + nextFloat(random) * 0.4 }
      : { delayMaxMs: 20 + nextFloat(random) * 1500 };
    const link = kind === 'bad-link' ? bad : { duplication: 0.5, delayMaxMs: 300 };
    trace.add('faults', kind, { from, to, ...link });
    cluster.network.setLink(from, to, link);
    this.#later(forMs * 2, () => this.#healLink(from, to));
  }

  /** One disk for all files, or one of several. */
  #fillDisks(forMs: number): void {
    const { processes, trace } = this.#parts;
    const kinds = this.#some([diskKinds, diskKinds, ...diskKinds.map((kind) => [kind])]);
    trace.add('faults', 'full-disk', { kinds: kinds.join() });
    for (const name of hosts) processes[name].troubles.fullDisks = new Set(kinds);
    this.#later(forMs, () => {
      for (const name of hosts) processes[name].troubles.fullDisks = new Set();
    });
  }

  #changeClock({ host, clock }: SimProcess): void {
    const { random, trace } = this.#parts;
    const steps = [-HOUR_MS, HOUR_MS, YEAR_MS, -5000, 5000];
    if (nextFloat(random) < 0.2) {
      const drift = nextFloat(random) * 0.2 - 0.1;
      trace.add('faults', 'clock-drifts', { host, drift });
      clock.setDrift(drift);
      return;
    }
    const ms = steps[nextBelow(random, steps.length)] ?? 0;
    trace.add('faults', 'clock-steps', { host, ms });
    clock.step(ms);
  }

  #later(delayMs: number, run: () => void): void {
    this.#parts.cluster.world.schedule(delayMs, () => {
      if (this.#active) run();
    });
  }

  #healLink(from: string, to: string): void {
    this.#parts.cluster.network.heal(from, to);
    this.#parts.cluster.network.setLink(from, to, QUIET_LINK);
  }

  /** Ends all faults and starts every process that is down. */
  heal(): void {
    this.#active = false;
    this.#parts.trace.add('faults', 'heal');
    for (const [from, to] of links) this.#healLink(from, to);
    for (const host of hosts) {
      const process = this.#parts.processes[host];
      process.clearFaults();
      process.start();
      this.#parts.cluster.world.schedule(GHOST_MS, () => process.exorcise());
    }
  }

  /** All processes die at once and start again. */
  restartAll(isPowerLoss: boolean): void {
    const { processes, random } = this.#parts;
    for (const host of hosts) processes[host].crash(random, isPowerLoss);
    for (const host of hosts) processes[host].start();
  }
}
