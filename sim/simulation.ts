// One run of one seed: a cluster starts, clients work while things break, all heals, everything is compared; some rounds of that, then
// every process dies at once and everything is compared again.
import { messageOf } from '#base/errors.js';
import { nextBelow, type Random, seededRandom } from '#base/random.js';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { SimClient } from './client.js';
import { hosts, PUBLIC_ADDRESS, type Sabotage, SimProcess } from './cluster.js';
import { Faults } from './faults.js';
import { CollectionModel, Violation } from './model.js';
import { Trace } from './trace.js';
import { Workload } from './workload.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Operations of clients in the whole run. */
  readonly steps?: number;
  readonly sabotage?: Sabotage;
}
export interface SimulationResult {
  readonly seed: number;
  readonly operations: number;
  readonly hash: string;
  readonly lines: readonly string[];
  /** What broke; undefined when all promises held. */
  readonly violation: string | undefined;
}
const DEFAULT_STEPS = 90;
const ROUNDS = 3;
const CLIENTS = 3;
/** After the last fault, calls that began before it may still take effect for this long. */
const DRAIN_MS = 15_000;
/** A healed cluster must answer again within this time. */
const RECOVERY_MS_MAX = 90_000;
/** No run takes this long unless something hangs. */
const RUN_MS_MAX = 3_600_000;

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const cluster = simulatedCluster(options.seed);
  const { world } = cluster;
  const random: Random = seededRandom(world.random.nextUint32());
  const trace = new Trace(() => world.clock.monotonic());
  const sabotage = options.sabotage ?? ((platform) => platform);
  const process = (host: (typeof hosts)[number]): SimProcess => new SimProcess(host, cluster, trace, sabotage);
  const processes = { coord: process('coord'), stream: process('stream'), query: process('query'), front: process('front') };
  const faults = new Faults({ cluster, processes, random: seededRandom(world.random.nextUint32()), trace });
  const collections = [new CollectionModel('one', 1), ...(nextBelow(random, 2) === 0 ? [new CollectionModel('two', 2)] : [])];
  const client = new SimClient(cluster.network, PUBLIC_ADDRESS);
  const workload = new Workload({ client, collections, random, timers: world.timers, trace });

  const untilReady = async (call: () => Promise<boolean>): Promise<void> => {
    const limit = world.clock.monotonic() + RECOVERY_MS_MAX;
    while (!(await call())) {
      if (world.clock.monotonic() > limit) throw new Violation(`the cluster does not answer ${RECOVERY_MS_MAX} ms after everything healed`);
      await world.timers.sleep(300);
    }
  };
  const succeeds = async (call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call();
      return true;
    } catch (error) {
      trace.add('setup', 'failed', { reason: messageOf(error) });
      return false;
    }
  };
  const compare = async (): Promise<void> => {
    for (const model of collections) await workload.checkAll(model, untilReady);
  };
  const main = async (): Promise<void> => {
    for (const host of hosts) processes[host].start();
    // Some clusters are in trouble from the first moment.
    const early = nextBelow(random, 2) === 0 ? faults.run() : undefined;
    for (const { name, shards } of collections) {
      await untilReady(() => succeeds(() => client.create(name, shards, 8000)));
      await untilReady(() => succeeds(() => client.createIndex(name, 8000)));
      await untilReady(() => succeeds(() => client.load(name, 8000)));
    }
    if (early !== undefined) {
      faults.heal();
      await early;
    }
    const perClient = Math.ceil((options.steps ?? DEFAULT_STEPS) / ROUNDS / CLIENTS);
    for (let round = 0; round < ROUNDS; round++) {
      const breaking = faults.run();
      const working = Array.from({ length: CLIENTS }, (_, id) => workload.run(id, perClient));
      await Promise.race([Promise.all(working), breaking.then(() => new Promise<never>(() => {}))]);
      faults.heal();
      await breaking;
      await world.timers.sleep(DRAIN_MS);
      await compare();
      for (const model of collections) await workload.checkWrites(model, untilReady);
    }
    faults.restartAll();
    await compare();
  };

  let violation: string | undefined;
  try {
    await world.runUntil(main(), RUN_MS_MAX);
  } catch (error) {
    violation = error instanceof Violation ? error.message : `the run broke off: ${error instanceof Error ? error.stack : String(error)}`;
  }
  trace.add('end', violation === undefined ? 'all-promises-held' : 'violation', { what: violation?.split('\n')[0] });
  for (const host of hosts) processes[host].crash(random);
  return { seed: options.seed, operations: workload.operations, hash: trace.hash, lines: trace.lines, violation };
}
