// What the collections of one process take in memory, and the bound on it (docs/adr/0010-memory.md). Roles say what they hold when they
// are asked, so that the sum cannot drift from the truth; what is being loaded is reserved beforehand, so that two loads cannot both
// take the last room.
import { ElanusError } from '#base/errors.js';
import type { Collector, Measured, Metrics } from '#platform/metrics.js';

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

interface Shown {
  readonly labels: { readonly collection_id: string; readonly kind: MemoryKind };
  /** Readings that showed 0, one after another. */
  readonly zeros: number;
}

const ZERO_READINGS = 10;

export class MemoryAccount {
  readonly limitBytes: number;
  readonly #sources: (() => Iterable<MemoryUse>)[] = [];
  readonly #evictors: Evictor[] = [];
  readonly #reserved = new Set<MemoryUse>();
  /** What the last reading showed, by its labels. */
  #shown: ReadonlyMap<string, Shown> = new Map();

  /** @param limitBytes of all collections of the process together. */
  constructor(limitBytes: number, metrics: Metrics) {
    this.limitBytes = limitBytes;
    metrics
      .gauge({
        name: 'elanus_memory_limit_bytes',
        help: 'Bound on the memory of all collections of this process.',
      })
      .set(limitBytes);
    metrics.collect(this.#measure);
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

  /** What a collection gave up is 0 for a while, and then not shown any more: ids of collections do not come again. */
  readonly #measure: Collector = (gauge) => {
    const ofCollection = gauge({
      name: 'elanus_collection_memory_bytes',
      help: 'Memory that a collection takes in this process, by what it is for.',
      labels: ['collection_id', 'kind'],
    });
    const shown = new Map<string, Shown>();
    let total = 0;
    for (const { collectionId, kind, bytes } of this.#uses()) {
      const labels = { collection_id: String(collectionId), kind };
      ofCollection.add(bytes, labels);
      shown.set(`${collectionId}/${kind}`, { labels, zeros: 0 });
      total += bytes;
    }
    for (const [key, { labels, zeros }] of this.#shown) {
      if (shown.has(key) || zeros === ZERO_READINGS) continue;
      ofCollection.set(0, labels);
      shown.set(key, { labels, zeros: zeros + 1 });
    }
    this.#shown = shown;
    gauge({
      name: 'elanus_memory_bytes',
      help: 'Memory that all collections take in this process.',
    }).set(total);
  };
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

const SERVED_LABELS = ['collection_id', 'segment_state'];

/** The gauges of what a process has in memory for searches: streaming-nodes fill them with growing segments, query-nodes with sealed ones. */
export const servedGauges = (
  gauge: Parameters<Collector>[0],
): { readonly segments: Measured; readonly rows: Measured } => ({
  segments: gauge({
    name: 'milvus_querynode_segment_num',
    help: 'Segments in the memory of this process.',
    labels: SERVED_LABELS,
  }),
  rows: gauge({
    name: 'milvus_querynode_entity_num',
    help: 'Rows in the memory of this process, deleted ones among them.',
    labels: SERVED_LABELS,
  }),
});
