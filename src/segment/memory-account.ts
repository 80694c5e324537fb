// What the collections of one process take in memory, and the bound on it (docs/adr/0010-memory.md). Roles say what they hold when they
// are asked, so that the sum cannot drift from the truth; what is being loaded is reserved beforehand, so that two loads cannot both
// take the last room.
import { ElanusError } from '#base/errors.js';
import type { Gauge, Metrics } from '#platform/metrics.js';

export const memoryKinds = ['rows', 'vectors', 'keys', 'indexes', 'paths', 'growing', 'loading'] as const;
export type MemoryKind = (typeof memoryKinds)[number];
export interface MemoryUse {
  readonly collectionId: bigint;
  readonly kind: MemoryKind;
  readonly bytes: number;
  /** Can be given up for a while: an index that nobody searched for long. */
  readonly isIdle?: boolean;
}

/** Gives up idle bytes, at least so many if there are. */
export type Evictor = (bytes: number) => void;
export interface Reservation {
  /** Call it in the turn in which the holder begins to report the bytes itself, or gave them up. */
  release(): void;
}

export class MemoryAccount {
  readonly limitBytes: number;
  readonly #sources: (() => Iterable<MemoryUse>)[] = [];
  readonly #evictors: Evictor[] = [];
  readonly #reserved = new Set<MemoryUse>();
  readonly #ofCollection: Gauge;
  readonly #ofProcess: Gauge;
  #shown = new Map<string, Readonly<Record<string, string>>>();

  /** @param limitBytes of all collections of the process together. */
  constructor(limitBytes: number, metrics: Metrics) {
    this.limitBytes = limitBytes;
    this.#ofCollection = metrics.gauge({
      name: 'elanus_collection_memory_bytes',
      help: 'Memory that a collection takes in this process, by what it is for.',
      labels: ['collection_id', 'kind'],
    });
    this.#ofProcess = metrics.gauge({
      name: 'elanus_memory_bytes',
      help: 'Memory that all collections take in this process.',
    });
    metrics
      .gauge({
        name: 'elanus_memory_limit_bytes',
        help: 'Bound on the memory of all collections of this process.',
      })
      .set(limitBytes);
  }

  addSource(source: () => Iterable<MemoryUse>, evictor?: Evictor): void {
    this.#sources.push(source);
    if (evictor !== undefined) this.#evictors.push(evictor);
  }

  *#uses(): Iterable<MemoryUse> {
    yield* this.#reserved;
    for (const source of this.#sources) yield* source();
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const use of this.#uses()) bytes += use.bytes;
    return bytes;
  }

  bytesOf(collectionId: bigint): number {
    let bytes = 0;
    for (const use of this.#uses()) if (use.collectionId === collectionId) bytes += use.bytes;
    return bytes;
  }

  /** Bytes in use without what could be given up at once. */
  get neededBytes(): number {
    let bytes = 0;
    for (const use of this.#uses()) if (use.isIdle !== true) bytes += use.bytes;
    return bytes;
  }

  /** Whether so many bytes are free, without anything being given up. */
  hasRoom(bytes: number): boolean {
    return this.usedBytes + bytes <= this.limitBytes;
  }

  /** Gives idle memory up when it has to. @returns whether so many bytes are free now */
  makeRoom(bytes: number): boolean {
    let missing = this.usedBytes + bytes - this.limitBytes;
    for (const evict of this.#evictors) {
      if (missing <= 0) break;
      evict(missing);
      missing = this.usedBytes + bytes - this.limitBytes;
    }
    return missing <= 0;
  }

  /** Takes room for what is about to be read. @throws memory_limit, before anything is read */
  reserve(collectionId: bigint, bytes: number, what: string): Reservation {
    if (!this.makeRoom(bytes))
      throw tooLarge(what, bytes, { usedBytes: this.usedBytes, limitBytes: this.limitBytes });
    return this.hold(collectionId, bytes);
  }

  /** Counts bytes that are about to be taken, room or not. */
  hold(collectionId: bigint, bytes: number): Reservation {
    const use: MemoryUse = { collectionId, kind: 'loading', bytes };
    this.#reserved.add(use);
    return { release: () => void this.#reserved.delete(use) };
  }

  /** Brings the gauges up to date; asked for before they are read. */
  publish(): void {
    const sums = new Map<string, { labels: Record<string, string>; bytes: number }>();
    let total = 0;
    for (const { collectionId, kind, bytes } of this.#uses()) {
      const key = `${collectionId}/${kind}`;
      const sum = sums.get(key) ?? { labels: { collection_id: String(collectionId), kind }, bytes: 0 };
      sums.set(key, { ...sum, bytes: sum.bytes + bytes });
      total += bytes;
    }
    for (const [key, labels] of this.#shown) if (!sums.has(key)) this.#ofCollection.set(0, labels);
    for (const { labels, bytes } of sums.values()) this.#ofCollection.set(bytes, labels);
    this.#shown = new Map([...this.#shown, ...[...sums].map(([key, { labels }]) => [key, labels] as const)]);
    this.#ofProcess.set(total);
  }
}

/** The refusal of a load: what it needs, what is there, what to do. */
export function tooLarge(
  what: string,
  bytes: number,
  { usedBytes, limitBytes }: { readonly usedBytes: number; readonly limitBytes: number },
): ElanusError {
  const free = Math.max(0, limitBytes - usedBytes);
  return new ElanusError(
    'memory_limit',
    `memory limit exceeded[predict=${megabytes(usedBytes + bytes)}][limit=${megabytes(limitBytes)}]: ${what} needs ${megabytes(bytes)}, ${megabytes(free)} are free; release collections, or raise --memory-limit`,
  );
}

const megabytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
