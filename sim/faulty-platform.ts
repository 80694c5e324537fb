// What can go wrong below a process besides its own death: slow reads, stores that fail before or after they did the work, no memory, a
// full disk, a wall clock that jumps. All is off until chance turns it on, and ends with `heal`.
import { ElanusError } from '#base/errors.js';
import { nextFloat, type Random } from '#base/random.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import type { SimulatedWorld } from '#platform/memory/simulated-time.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { ObjectStore } from '#platform/object-store.js';
import type { Platform } from '#platform/platform.js';
import type { Clock } from '#platform/time.js';
import type { Workers } from '#platform/workers.js';

/** Trouble with one kind of store: shares of calls, 0 to 1, and the longest delay in ms. */
export interface StoreTrouble {
  /** Fails and did nothing. */
  readonly refused: number;
  /** Fails and has done it all the same: a timeout after the commit. */
  readonly lost: number;
  readonly delayMs: number;
  /** The longest time from what a change did to its answer, in ms. */
  readonly answerMs?: number;
}

const NO_TROUBLE: StoreTrouble = { refused: 0, lost: 0, delayMs: 0 };

export const diskKinds = ['objects', 'meta', 'files'] as const;
export type DiskKind = (typeof diskKinds)[number];

export class Troubles {
  objects: StoreTrouble = NO_TROUBLE;
  meta: StoreTrouble = NO_TROUBLE;
  readDelayMs = 0;
  /** Share of allocations that are refused. */
  noMemory = 0;
  /** Disks, of which each kind of file may have its own, that have no space left. */
  fullDisks: ReadonlySet<DiskKind> = new Set();
  /** Share of changes of files that fail. */
  diskErrors = 0;
  /** The next sync fails, and this becomes of the pages. */
  nextSync: 'dirty' | 'forgotten' | 'zeroed' | undefined;

  heal(): void {
    this.nextSync = undefined;
    this.objects = NO_TROUBLE;
    this.meta = NO_TROUBLE;
    this.readDelayMs = 0;
    this.noMemory = 0;
    this.fullDisks = new Set();
    this.diskErrors = 0;
  }
}

/** The wall clock of one process: jumps and runs fast or slow, while the monotonic one goes on. */
export class SkewedClock implements Clock {
  readonly #world: SimulatedWorld;
  #offsetMs = 0;
  #drift = 0;
  #driftSinceMs = 0;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  now(): number {
    return Math.floor(
      this.#world.now + this.#offsetMs + this.#drift * (this.monotonic() - this.#driftSinceMs),
    );
  }

  monotonic(): number {
    return this.#world.clock.monotonic();
  }

  step(ms: number): void {
    this.#offsetMs += ms;
  }

  /** @param drift seconds gained in a second */
  setDrift(drift: number): void {
    this.#offsetMs += this.#drift * (this.monotonic() - this.#driftSinceMs);
    this.#driftSinceMs = this.monotonic();
    this.#drift = drift;
  }
}

export function faultyPlatform<P extends Platform>(platform: P, troubles: Troubles, random: Random): P {
  const pause = async (mostMs: number): Promise<void> => {
    if (mostMs > 0) await platform.timers.sleep(nextFloat(random) * mostMs);
  };
  async function troubled<T>(
    trouble: StoreTrouble,
    what: string,
    isChange: boolean,
    run: () => Promise<T>,
  ): Promise<T> {
    await pause(trouble.delayMs);
    const draw = nextFloat(random);
    if (draw < trouble.refused) throw new ElanusError('io_failed', `${what}: injected fault; try again`);
    const value = await run();
    if (isChange) await pause(trouble.answerMs ?? 0);
    if (isChange && draw < trouble.refused + trouble.lost)
      throw new ElanusError('io_failed', `${what}: injected fault, no answer in time; try again`);
    return value;
  }
  const full = (what: string, kind: DiskKind): void => {
    if (troubles.fullDisks.has(kind))
      throw new ElanusError('io_failed', `${what}: injected fault: no space left on device; make room`);
  };
  const { objectStore, metaStore, workers } = platform;
  const objects = <T>(what: string, isChange: boolean, run: () => Promise<T>): Promise<T> =>
    troubled(troubles.objects, what, isChange, run);
  const meta = <T>(what: string, isChange: boolean, run: () => Promise<T>): Promise<T> =>
    troubled(troubles.meta, what, isChange, run);
  const faultyObjects: ObjectStore = {
    put: (key, parts, options) =>
      objects(`put ${key}`, true, async () => {
        full(`put ${key}`, 'objects');
        return objectStore.put(key, parts, options);
      }),
    get: (key) => objects(`get ${key}`, false, () => objectStore.get(key)),
    getRange: (key, begin, end) => objects(`get ${key}`, false, () => objectStore.getRange(key, begin, end)),
    readInto: (key, begin, parts) =>
      objects(`get ${key}`, false, () => objectStore.readInto(key, begin, parts)),
    openRead: (key) => objects(`open ${key}`, false, () => objectStore.openRead(key)),
    size: (key) => objects(`size ${key}`, false, () => objectStore.size(key)),
    list: (prefix) => objects(`list ${prefix}`, false, () => objectStore.list(prefix)),
    remove: (key) => objects(`remove ${key}`, true, () => objectStore.remove(key)),
  };
  const faultyMeta: MetaStore = {
    get: (key) => meta(`get ${key}`, false, () => metaStore.get(key)),
    range: (prefix) => meta(`range ${prefix}`, false, () => metaStore.range(prefix)),
    transact: (compares, operations) =>
      meta('transact', true, async () => {
        full('transact', 'meta');
        return metaStore.transact(compares, operations);
      }),
    watch: (prefix, onEvent) => metaStore.watch(prefix, onEvent),
  };
  const faultyWorkers: Workers = {
    get parallelism() {
      return workers.parallelism;
    },
    allocate: (bytes, bytesMax) => {
      if (troubles.noMemory > 0 && nextFloat(random) < troubles.noMemory)
        throw new ElanusError(
          'memory_limit',
          `no memory for a region of ${bytes} bytes: injected fault; release collections`,
        );
      return workers.allocate(bytes, bytesMax);
    },
    release: (region) => workers.release(region),
    run: (task, input, regions, signal, micros) => workers.run(task, input, regions, signal, micros),
  };
  return { ...platform, objectStore: faultyObjects, metaStore: faultyMeta, workers: faultyWorkers };
}

/** The same for the disk of a process, which outlives it. */
export function troubleDisk(
  disk: MemoryFiles,
  troubles: Troubles,
  random: Random,
  world: SimulatedWorld,
): void {
  disk.readPause = async () => {
    if (troubles.readDelayMs > 0) await world.timers.sleep(nextFloat(random) * troubles.readDelayMs);
  };
  disk.fault = (operation, _path, bytes) => {
    if (troubles.fullDisks.has('files') && (operation === 'write' || operation === 'append'))
      return { code: 'ENOSPC', keptBytes: Math.floor(nextFloat(random) * bytes) };
    if (operation === 'sync' && troubles.nextSync !== undefined) {
      const pages = troubles.nextSync;
      troubles.nextSync = undefined;
      return { code: 'EIO', pages };
    }
    if (
      troubles.diskErrors > 0 &&
      operation !== 'read' &&
      operation !== 'list' &&
      nextFloat(random) < troubles.diskErrors
    ) {
      const pages = (['dirty', 'forgotten', 'zeroed'] as const)[Math.floor(nextFloat(random) * 3)] ?? 'dirty';
      return { code: 'EIO', keptBytes: Math.floor(nextFloat(random) * (bytes + 1)), pages };
    }
    return undefined;
  };
}
