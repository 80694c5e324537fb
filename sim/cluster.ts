// The processes of a simulated cluster: each runs some roles through the product's own `startNode` on a platform of its own. A process
// can crash at any moment and starts again on the disk it left, as under a supervisor.
import { messageOf } from '#base/errors.js';
import { nextFloat, type Random } from '#base/random.js';
import type { Logger } from '#platform/logger.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
} from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import { type RoleName, roleNames } from '#rpc/role-names.js';
import { type Config, defaultConfig } from '#server/config.js';
import { type RunningNode, startNode } from '#server/node.js';
import { faultyPlatform, SkewedClock, Troubles, troubleDisk } from './faulty-platform.js';
import type { Trace } from './trace.js';

export const hosts = ['coord', 'spare', 'stream', 'query', 'front'] as const;
/** `second`: a query-node more, in the runs of scenarios that are about several. */
export type Host = (typeof hosts)[number] | 'second';
/** Two processes run them, and one of the two is active. */
const coordinators: readonly RoleName[] = ['root-coord', 'data-coord', 'query-coord'];
const processRoles: Readonly<Record<Host, readonly RoleName[]>> = {
  coord: coordinators,
  spare: coordinators,
  stream: ['streaming-node'],
  query: ['query-node', 'data-node'],
  front: ['proxy'],
  second: ['query-node'],
};

const INTERNAL_PORT = 7000;
const PUBLIC_PORT = 19530;
/** Where the two coordinators listen. */
export const coordinatorAddresses = [`coord:${INTERNAL_PORT}`, `spare:${INTERNAL_PORT}`] as const;
export const PUBLIC_ADDRESS = `front:${PUBLIC_PORT}`;
/** A supervisor waits this long before it starts a process again that failed to start. */
const RESTART_MS = 500;

/** Puts something between a process and its platform: how tests plant a bug. */
export type Sabotage = (platform: Platform, host: Host) => Platform;

/** @param isSpread several processes are query-nodes, and known by their sessions */
function configOf(host: Host, isSpread: boolean): Config {
  const peers: Partial<Record<RoleName, string>> = {};
  for (const other of hosts)
    if (other !== host)
      for (const role of processRoles[other])
        if (!coordinators.includes(role) && !(isSpread && role === 'query-node'))
          peers[role] = `${other}:${INTERNAL_PORT}`;
  return {
    ...defaultConfig,
    roles: roleNames.filter((role) => processRoles[host].includes(role)),
    host,
    port: PUBLIC_PORT,
    internalHost: host,
    internalPort: INTERNAL_PORT,
    peers,
    // Coordinators are found by their sessions, everyone else by its address.
    sessions: { ttlMs: 2400, exclusiveRoles: coordinators },
    // Small and quick, so that a short run seals, rolls and cuts many times.
    physicalChannelCount: 2,
    segmentBytesMax: 1500,
    logFileBytesMax: 3000,
    idleSealMs: 2500,
    ageSealMs: 20_000,
    sealCheckIntervalMs: 700,
    brokerDeadlineMs: 4000,
    indexRowsMin: 10,
    indexCheckIntervalMs: 5000,
    targetCheckIntervalMs: 3000,
    compactedBytesMax: 60_000,
    compactionDelayMs: 1500,
    garbageIntervalMs: 4000,
    orphanIntervalMs: 9000,
    callDeadlineMs: 8000,
  };
}

export class SimProcess {
  readonly host: Host;
  readonly troubles = new Troubles();
  readonly clock: SkewedClock;
  readonly #cluster: SimulatedCluster;
  readonly #trace: Trace;
  readonly #sabotage: Sabotage;
  readonly #random: Random;
  readonly #isSpread: boolean;
  #disk: MemoryFiles | undefined;
  #platform: MemoryPlatform | undefined;
  #node: RunningNode | undefined;
  /** Processes whose place was taken and that go on all the same. */
  readonly #ghosts = new Set<MemoryPlatform>();
  #life = 0;

  constructor(
    host: Host,
    cluster: SimulatedCluster,
    trace: Trace,
    {
      sabotage,
      isSpread,
      random,
    }: { readonly sabotage: Sabotage; readonly isSpread: boolean; readonly random: Random },
  ) {
    this.host = host;
    this.clock = new SkewedClock(cluster.world);
    this.#cluster = cluster;
    this.#trace = trace;
    this.#sabotage = sabotage;
    this.#isSpread = isSpread;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#node !== undefined;
  }

  get isDown(): boolean {
    return this.#life % 2 === 0;
  }

  /** What is on its disk. */
  get disk(): MemoryFiles | undefined {
    return this.#disk;
  }

  /** Starts the process, again and again until it is up or crashed. */
  start(): void {
    if (!this.isDown) return;
    this.#life++;
    void this.#run(this.#life);
  }

  async #run(life: number): Promise<void> {
    while (life === this.#life) {
      const platform = this.#open();
      this.#platform = platform;
      this.#trace.add(this.host, 'starts');
      try {
        const shown = this.#sabotage(this.#shown(platform), this.host);
        // As the program does: at once, and a supervisor starts it again.
        const onLost = (): void => this.#endLost(life, platform);
        const node = await startNode(shown, configOf(this.host, this.#isSpread), { onLost });
        if (life !== this.#life) return;
        this.#node = node;
        this.#trace.add(this.host, 'is-up');
        return;
      } catch (error) {
        if (life !== this.#life) return;
        this.#trace.add(this.host, 'failed-to-start', { reason: messageOf(error) });
        platform.crash();
        await this.#cluster.world.timers.sleep(RESTART_MS);
      }
    }
  }

  #endLost(life: number, platform: MemoryPlatform): void {
    this.#trace.add(this.host, 'lost-its-session');
    if (life !== this.#life) {
      platform.vanish();
      return;
    }
    this.#life++;
    this.#node = undefined;
    platform.crash();
    this.#cluster.world.schedule(RESTART_MS, () => this.start());
  }

  /** As the product sees it: with its troubles, and a log that goes into the trace. */
  #shown(platform: MemoryPlatform): Platform {
    return faultyPlatform<Platform>({ ...platform, logger: this.#logger() }, this.troubles, this.#random);
  }

  #open(): MemoryPlatform {
    const { host, clock } = this;
    const disk = this.#disk;
    const platform = openMemoryPlatform({
      cluster: this.#cluster,
      host,
      clock,
      ...(disk === undefined ? {} : { disk }),
    });
    if (disk === undefined) troubleDisk(platform.disk, this.troubles, this.#random, this.#cluster.world);
    this.#disk = platform.disk;
    return platform;
  }

  /** Dies now; of what was being appended, a part that chance decides reaches the disk. With the power goes what was not synced. */
  crash(random: Random, isPowerLoss = false): void {
    if (this.isDown) return;
    this.#life++;
    this.#node = undefined;
    this.#trace.add(this.host, isPowerLoss ? 'loses-power' : 'crashes');
    for (const ghost of this.#ghosts) ghost.vanish();
    this.#ghosts.clear();
    const completes = (): boolean => nextFloat(random) < 0.5;
    if (isPowerLoss) this.#platform?.losePower(() => nextFloat(random) < 0.5, completes);
    else
      this.#platform?.crash((path, bytes) => {
        const kept = Math.floor(nextFloat(random) * (bytes + 1));
        this.#trace.add(this.host, 'torn-tail', { path, bytes, kept });
        return kept;
      }, completes);
  }

  /** A second process takes the place of this one, which does not know it and goes on until it is exorcised. */
  haunt(): void {
    const old = this.#platform;
    if (this.#node === undefined || old === undefined) return;
    this.#trace.add(this.host, 'is-displaced');
    this.#ghosts.add(old);
    this.#cluster.network.displace(this.host);
    this.#node = undefined;
    this.#life += 2;
    void this.#run(this.#life);
  }

  exorcise(): void {
    if (this.#ghosts.size > 0) this.#trace.add(this.host, 'ghosts-end');
    for (const ghost of this.#ghosts) ghost.vanish();
    this.#ghosts.clear();
  }

  /** Ends as after SIGTERM; killed when that takes longer than a supervisor waits. */
  async stop(flush: boolean, random: Random): Promise<void> {
    const node = this.#node;
    if (node === undefined) return this.crash(random);
    const life = this.#life;
    this.#node = undefined;
    this.#trace.add(this.host, 'stops', { flush });
    const closed = node.close({ flush }).then(
      () => 'stopped',
      (error: unknown) => `stopped badly: ${messageOf(error)}`,
    );
    const how = await Promise.race([
      closed,
      this.#cluster.world.timers.sleep(6000).then(() => 'does not stop'),
    ]);
    if (life !== this.#life) return;
    this.#trace.add(this.host, how.replaceAll(' ', '-'));
    this.crash(random);
  }

  /** The next append to this process's disk fails; `share` of it is written all the same. */
  failNextAppend(share: number): void {
    const disk = this.#disk;
    if (disk === undefined) return;
    disk.appendFault = (path, bytes) => {
      disk.appendFault = undefined;
      const keptBytes = Math.floor(share * (bytes + 1));
      this.#trace.add(this.host, 'append-fails', { path, bytes, keptBytes });
      return { keptBytes };
    };
  }

  clearFaults(): void {
    this.troubles.heal();
    if (this.#disk !== undefined) this.#disk.appendFault = undefined;
  }

  #logger(): Logger {
    const log = (level: string) => (event: string, fields: Parameters<Logger['info']>[1]) =>
      this.#trace.add(this.host, `${level}:${event}`, { ...fields, stack: undefined });
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }
}
