// A Platform of one simulated process. Processes of one cluster share the world, the network, the metadata and the objects; each has
// its own disk, which outlives it: give it to the next process of that name to restart it.
import { crc32 } from '#base/crc32.js';
import { seededRandom } from '#base/random.js';
import { FileObjectStore } from '#platform/file-object-store.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { ObjectStore } from '#platform/object-store.js';
import type { HttpClient } from '#platform/outside/http-client.js';
import type { Platform } from '#platform/platform.js';
import { TextMetrics } from '#platform/text-metrics.js';
import type { Clock } from '#platform/time.js';
import type { WorkerTask } from '#platform/workers.js';
import { InlineWorkers } from './inline-workers.js';
import { type Completes, type KeptBytes, MemoryFiles } from './memory-files.js';
import { MemoryLogger } from './memory-logger.js';
import { MemoryMetaStore } from './memory-meta-store.js';
import { memoryPasswords } from './memory-passwords.js';
import { MemoryTransport } from './memory-transport.js';
import { mortalFiles, mortalMetaStore, mortalObjectStore } from './mortal-stores.js';
import { type Link, SimulatedNetwork } from './simulated-network.js';
import { SimulatedWorld, simulatedTimers } from './simulated-time.js';

/** What the processes of one simulated cluster have in common. */
export interface SimulatedCluster {
  readonly world: SimulatedWorld;
  readonly network: SimulatedNetwork;
  readonly metaStore: MetaStore;
  readonly objectStore: ObjectStore;
  /** Where the objects lie, below `objects/`: for a look from outside. */
  readonly objectDisk: MemoryFiles;
}

export interface MemoryPlatformOptions {
  readonly cluster: SimulatedCluster;
  /** Name of the process in the network. */
  readonly host: string;
  /** Disk of an earlier process of that name; new and empty when not given. */
  readonly disk?: MemoryFiles;
  /** Wall clock of this process alone; the world's when not given. */
  readonly clock?: Clock;
  readonly tasks?: Readonly<Record<string, WorkerTask>>;
  readonly parallelism?: number;
  /** Speaks for the services outside; none is asked when not given. */
  readonly http?: HttpClient;
  /** A terabyte when not given. */
  readonly memoryBytes?: number;
}

export interface MemoryPlatform extends Platform {
  /** What `files` is built on: for faults, for a look from outside, and for the next process. */
  readonly disk: MemoryFiles;
  readonly logger: MemoryLogger;
  readonly audit: MemoryLogger;
  readonly host: string;
  /**
   * The process dies now: timers stay silent, calls and stores never answer it again, its ports are gone, its disk keeps what was written.
   * Parameters are those of MemoryFiles.crash.
   */
  crash(kept?: KeptBytes, completes?: Completes): void;
  /** The process dies with its machine: its disk keeps what was synced. Parameters are those of MemoryFiles.losePower. */
  losePower(keepsPage?: (path: string, page: number) => boolean, completes?: Completes): void;
  /** The process dies after another one took its place: ports and disk are the other's and stay as they are. */
  vanish(): void;
}

export function simulatedCluster(seed: number, links: Partial<Link> = {}): SimulatedCluster {
  const world = new SimulatedWorld({ seed });
  const objectDisk = new MemoryFiles(diskPause(world));
  return {
    world,
    network: new SimulatedNetwork(world, links),
    metaStore: new MemoryMetaStore(),
    objectStore: new FileObjectStore(objectDisk, 'objects'),
    objectDisk,
  };
}

export function openMemoryPlatform(options: MemoryPlatformOptions): MemoryPlatform {
  const { world, network, metaStore, objectStore } = options.cluster;
  const { host } = options;
  const disk = options.disk ?? new MemoryFiles(diskPause(world));
  let isAlive = true;
  const alive = (): boolean => isAlive;
  const timers = simulatedTimers(world, alive);
  const clock = options.clock ?? world.clock;
  const transport = new MemoryTransport(network, host, { alive, clock });
  const stop = (endDisk: () => void): void => {
    if (!isAlive) return;
    isAlive = false;
    network.crash(host);
    transport.crash();
    endDisk();
  };
  return {
    host,
    clock,
    timers,
    random: seededRandom(world.random.nextUint32()),
    files: mortalFiles(disk, alive),
    disk,
    metaStore: mortalMetaStore(metaStore, alive),
    objectStore: mortalObjectStore(objectStore, alive),
    transport,
    ...(options.http === undefined ? {} : { http: options.http }),
    workers: new InlineWorkers({
      timers,
      ...(options.tasks === undefined ? {} : { tasks: options.tasks }),
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    }),
    passwords: memoryPasswords(seededRandom(1)),
    logger: new MemoryLogger(() => clock.now()),
    audit: new MemoryLogger(() => clock.now()),
    metrics: new TextMetrics(),
    memoryBytes: options.memoryBytes ?? 2 ** 40,
    crc32,
    crash: (kept, completes) => stop(() => disk.crash(kept, completes)),
    losePower: (keepsPage, completes) => stop(() => disk.losePower(keepsPage, completes)),
    vanish: () => {
      isAlive = false;
      network.vanish(host);
      transport.crash();
    },
    close: async () => stop(() => disk.crash()),
  };
}

const diskPause = (world: SimulatedWorld) => (): Promise<void> => world.timers.sleep(world.between(0.05, 1));
