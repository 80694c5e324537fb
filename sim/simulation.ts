// One run of one seed: a cluster starts, clients work while things break, all heals, everything is compared; some rounds of that, then
// every process dies at once and everything is compared again, with what lies on the disks.
import { messageOf } from '#base/errors.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { type SimulatedCluster, simulatedCluster } from '#platform/memory/memory-platform.js';
import { grown, type Place, placesOf, rot } from './bit-rot.js';
import { SimClient } from './client.js';
import { ClockWatch } from './clock-watch.js';
import { type Host, hosts, PUBLIC_ADDRESS, type Sabotage, SimProcess } from './cluster.js';
import { chooseIndex, chooseSpecs } from './collection-spec.js';
import { Definitions } from './definitions.js';
import { checkDefined, checkDisk } from './disk-check.js';
import { Faults } from './faults.js';
import { ImportClient } from './import-client.js';
import { Imports } from './imports.js';
import { CollectionModel, Violation } from './model.js';
import { Names } from './names.js';
import { NamesClient } from './names-client.js';
import { Scenarios } from './scenarios.js';
import { isAboutSeveral } from './spread-scenario.js';
import { Trace } from './trace.js';
import { type SimCollection, Workload } from './workload.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Operations of clients in the whole run. */
  readonly steps?: number;
  /** Played in every round; else one by chance, in some. */
  readonly scenario?: string;
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

const DEFAULT_STEPS = 120;
const ROUNDS = 3;
const CLIENTS = 3;
/** After the last fault, calls that began before it may still take effect for this long. */
const DRAIN_MS = 15_000;
/** Share of the rounds that end in a scenario. */
const SCENARIO_SHARE = 0.6;
/** Share of the runs in which a client imports, and what it does in a round. */
const IMPORTS_SHARE = 0.2;
const IMPORT_STEPS = 10;
/** A healed cluster must answer again within this time. */
const RECOVERY_MS_MAX = 90_000;
/** No run takes this long unless something hangs. */
const RUN_MS_MAX = 3_600_000;

class Run {
  readonly #options: SimulationOptions;
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #collections: readonly SimCollection[];
  readonly #client: SimClient;
  readonly #definitions: Definitions;
  readonly #names: Names;
  readonly #imports: Imports;
  readonly #scenarios: Scenarios;
  readonly #hasImports: boolean;
  readonly trace: Trace;
  readonly workload: Workload;
  readonly processes: Readonly<Record<Host, SimProcess>>;
  /** Those that run. */
  readonly #hosts: readonly Host[];

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#cluster = simulatedCluster(options.seed);
    const { world, network, objectStore } = this.#cluster;
    world.watch.onEndless = endProcess;
    const elapsedMs = (): number => world.clock.monotonic();
    const random = seededRandom(world.random.nextUint32());
    const trace = new Trace(elapsedMs);
    const sabotage = options.sabotage ?? ((platform) => platform);
    const isSpread = options.scenario !== undefined && isAboutSeveral(options.scenario);
    this.#hosts = isSpread ? [...hosts, 'second'] : hosts;
    const process = (host: Host, processSeed = world.random.nextUint32()): SimProcess =>
      new SimProcess(host, this.#cluster, trace, { sabotage, isSpread, random: seededRandom(processSeed) });
    this.processes = {
      coord: process('coord'),
      spare: process('spare'),
      stream: process('stream'),
      query: process('query'),
      front: process('front'),
      second: process('second', options.seed),
    };
    this.#faults = new Faults({
      cluster: this.#cluster,
      processes: this.processes,
      random: seededRandom(world.random.nextUint32()),
      trace,
    });
    const collections = chooseSpecs(random).map((spec) => ({
      model: new CollectionModel(spec),
      index: chooseIndex(random),
    }));
    for (const { model, index } of collections)
      trace.add('setup', 'collection', { ...model.spec, index: index.type });
    const client = new SimClient(network, PUBLIC_ADDRESS);
    const common = { client, collections, random, timers: world.timers, trace, elapsedMs };
    this.workload = new Workload(common);
    this.#definitions = new Definitions({ ...common, workload: this.workload, objects: objectStore });
    this.#imports = new Imports({
      ...common,
      client: new ImportClient(network, PUBLIC_ADDRESS, 'imported'),
      random: seededRandom(world.random.nextUint32()),
      objects: objectStore,
    });
    this.#names = new Names({
      ...common,
      client: new NamesClient(network, PUBLIC_ADDRESS),
      random: seededRandom(world.random.nextUint32()),
    });
    this.#scenarios = new Scenarios({
      ...common,
      cluster: this.#cluster,
      processes: this.processes,
      workload: this.workload,
      definitions: this.#definitions,
      imports: this.#imports,
      names: this.#names,
    });
    this.#collections = collections;
    this.#client = client;
    this.#hasImports = nextFloat(random) < IMPORTS_SHARE;
    this.#random = random;
    this.trace = trace;
  }

  /** @returns what broke */
  async run(): Promise<string | undefined> {
    let violation: string | undefined;
    try {
      const watch = new ClockWatch(this.#cluster.network);
      const main = this.#main().finally(() => watch.stop());
      await this.#cluster.world.runUntil(Promise.race([main, neverEnding(watch.run())]), RUN_MS_MAX);
    } catch (error) {
      violation =
        error instanceof Violation
          ? error.message
          : `the run broke off: ${error instanceof Error ? error.stack : String(error)}`;
    }
    this.trace.add('end', violation === undefined ? 'all-promises-held' : 'violation', {
      what: violation?.split('\n')[0],
    });
    for (const host of this.#hosts) this.processes[host].crash(this.#random);
    return violation;
  }

  async #main(): Promise<void> {
    for (const host of this.#hosts) this.processes[host].start();
    await this.#setUp();
    for (let round = 0; round < ROUNDS; round++) {
      await this.#round();
      const { scenario } = this.#options;
      if (nextFloat(this.#random) < SCENARIO_SHARE || scenario !== undefined)
        await this.#scenarios.run(this.#untilReady, scenario);
      await this.#compare();
      for (const { model } of this.#collections) await this.workload.checkWrites(model, this.#untilReady);
      // Before everything starts anew, which would mend what a drop left.
      await checkDefined(this.#cluster, RECOVERY_MS_MAX);
    }
    this.#faults.restartAll(nextBelow(this.#random, 2) === 0);
    await this.#compare();
    await checkDisk(this.#cluster, RECOVERY_MS_MAX);
    if (nextBelow(this.#random, 3) === 0) await this.#rot();
  }

  /** After this nothing more is written. */
  async #rot(): Promise<void> {
    const { objectDisk, world } = this.#cluster;
    const isInLog = nextBelow(this.#random, 2) === 0;
    const inLog = isInLog ? await this.#provenLog() : [];
    // What was written last began a file of its own: nothing proves it, and it is in no other file.
    if (isInLog && inLog.length === 0) return;
    for (const host of this.#hosts) this.processes[host].crash(this.#random);
    const places = inLog.length > 0 ? inLog : await placesOf([this.processes.stream.disk, objectDisk]);
    if (rot(places, this.#random, this.trace) === undefined) return;
    for (const host of this.#hosts) this.processes[host].start();
    // Whatever comes up is asked: it answers what is so, or not at all.
    for (let round = 0; round < 3; round++) {
      await world.timers.sleep(5000);
      for (const collection of this.#collections) {
        await this.workload.load(collection.model);
        await this.workload.rows(collection.model, collection.model.keys.slice(0, 200), true);
        await this.workload.count(collection.model);
        await this.workload.search(collection, undefined);
      }
    }
  }

  /** Writes that are in no file yet. @returns the parts of the log before the last of them */
  async #provenLog(): Promise<readonly Place[]> {
    const { model } = this.workload.one(this.#collections);
    for (let writes = 0; writes < 4; writes++) await this.workload.insert(model, writes % CLIENTS);
    const before = await placesOf([this.processes.stream.disk], 'wal');
    return (await this.workload.insert(model, 0)) ? grown(before) : [];
  }

  async #setUp(): Promise<void> {
    // Some clusters are in trouble from the first moment.
    const early = nextBelow(this.#random, 2) === 0 ? this.#faults.run() : undefined;
    for (const { model, index } of this.#collections) {
      await this.#untilReady(() => this.#succeeds(() => this.#definitions.create(model)));
      await this.#untilReady(() => this.#succeeds(() => this.#client.createIndex(model.spec, index)));
      await this.#untilReady(() => this.#succeeds(() => this.#client.load(model.name)));
    }
    if (early === undefined) return;
    this.#faults.heal();
    await early;
  }

  async #round(): Promise<void> {
    const perClient = Math.ceil((this.#options.steps ?? DEFAULT_STEPS) / ROUNDS / (CLIENTS + 1));
    const breaking = this.#faults.run();
    const working = Array.from({ length: CLIENTS }, (_, id) => this.workload.run(id, perClient));
    const changing = nextFloat(this.#random) < 0.7 ? [this.#definitions.run(perClient)] : [];
    if (nextFloat(this.#random) < 0.5) changing.push(this.#names.run(perClient));
    if (this.#hasImports) changing.push(this.#imports.run(IMPORT_STEPS));
    await Promise.race([
      Promise.all([...working, ...changing]),
      breaking.then(() => new Promise<never>(() => {})),
    ]);
    this.#faults.heal();
    await breaking;
    await this.#cluster.world.timers.sleep(DRAIN_MS);
    await this.#imports.finish(this.#untilReady);
    await this.#definitions.finish(this.#untilReady);
    await this.#names.finish(this.#untilReady);
  }

  async #compare(): Promise<void> {
    for (const collection of this.#collections) await this.workload.checkAll(collection, this.#untilReady);
    await this.#names.compare(this.#untilReady);
    await this.#imports.compare(this.#untilReady);
    await this.workload.compactions.check(this.#client, this.#untilReady);
  }

  readonly #untilReady = async (call: () => Promise<boolean>): Promise<void> => {
    const { clock, timers } = this.#cluster.world;
    const limit = clock.monotonic() + RECOVERY_MS_MAX;
    while (!(await call())) {
      if (clock.monotonic() > limit)
        throw new Violation(`the cluster does not answer ${RECOVERY_MS_MAX} ms after everything healed`);
      await timers.sleep(300);
    }
  };

  async #succeeds(call: () => Promise<unknown>): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (error) {
      this.trace.add('setup', 'failed', { reason: messageOf(error) });
      return false;
    }
  }
}

/** Only its failure counts. */
const neverEnding = (work: Promise<void>): Promise<never> => work.then(() => new Promise<never>(() => {}));

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const run = new Run(options);
  const violation = await run.run();
  const { trace, workload } = run;
  return {
    seed: options.seed,
    operations: workload.operations,
    hash: trace.hash,
    lines: trace.lines,
    violation,
  };
}

/** Whatever goes round catches all that it is thrown: the run cannot end by itself, nor say why. */
function endProcess({ message }: Error): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
