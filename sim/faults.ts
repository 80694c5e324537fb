// Chance against the cluster: processes crash or stop, links lose and delay messages or are cut, disks fail. Every fault ends by itself
// or with `heal`, after which nothing more is broken.
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { SimulatedCluster } from '#platform/memory/memory-platform.js';
import { type Host, hosts, type SimProcess } from './cluster.js';
import type { Trace } from './trace.js';

export interface FaultParts {
  readonly cluster: SimulatedCluster;
  readonly processes: Readonly<Record<Host, SimProcess>>;
  readonly random: Random;
  readonly trace: Trace;
}
const QUIET_LINK = { delayMinMs: 0.05, delayMaxMs: 0.5, loss: 0, duplication: 0, giveUpMs: 1000 };
const links = [...hosts, 'client'].flatMap((from) => [...hosts, 'client'].filter((to) => to !== from).map((to) => [from, to] as const));

export class Faults {
  readonly #parts: FaultParts;
  #active = false;
  constructor(parts: FaultParts) {
    this.#parts = parts;
  }
  /** Breaks things until `heal`. */
  async run(): Promise<void> {
    this.#active = true;
    const { cluster, random } = this.#parts;
    while (this.#active) {
      await cluster.world.timers.sleep(100 + nextFloat(random) * 2500);
      if (this.#active) this.#breakSomething();
    }
  }
  #breakSomething(): void {
    const { processes, random, trace } = this.#parts;
    const some = <T>(choices: readonly T[]): T => choices[nextBelow(random, choices.length)] as T;
    const restartMs = 100 + nextFloat(random) * 3000;
    const draw = nextFloat(random);
    const process = processes[some(hosts)];
    if (draw < 0.35) {
      process.crash(random);
      this.#later(restartMs, () => process.start());
    } else if (draw < 0.45) {
      const flush = nextFloat(random) < 0.5;
      void process.stop(flush, random).then(() => {
        if (this.#active) this.#later(restartMs, () => process.start());
        else process.start();
      });
    } else if (draw < 0.5) {
      trace.add('faults', 'power-loss');
      for (const host of hosts) processes[host].crash(random);
      for (const host of hosts) this.#later(restartMs + nextFloat(random) * 1000, () => processes[host].start());
    } else if (draw < 0.6) {
      // The log must recover by itself; now and then its process dies before or while it does.
      processes.stream.failNextAppend(nextFloat(random));
      if (nextFloat(random) < 0.5) return;
      this.#later(restartMs, () => {
        processes.stream.crash(random);
        this.#later(300, () => processes.stream.start());
      });
    } else if (draw < 0.75) {
      const [from, to] = some(links);
      trace.add('faults', 'cut', { from, to });
      this.#parts.cluster.network.cut(from, to);
      this.#later(restartMs * 2, () => this.#healLink(from, to));
    } else {
      const [from, to] = some(links);
      const isLossy = nextFloat(random) < 0.5;
      const link = isLossy ? { loss: 0.1 + nextFloat(random) * 0.4 } : { delayMaxMs: 20 + nextFloat(random) * 1500 };
      trace.add('faults', isLossy ? 'loses' : 'delays', { from, to, ...link });
      this.#parts.cluster.network.setLink(from, to, link);
      this.#later(restartMs * 2, () => this.#healLink(from, to));
    }
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
    }
  }
  /** All processes die at once and start again. */
  restartAll(): void {
    const { processes, random } = this.#parts;
    for (const host of hosts) processes[host].crash(random);
    for (const host of hosts) processes[host].start();
  }
}
