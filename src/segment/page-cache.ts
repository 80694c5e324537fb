// Pages of disk indexes, read from the object store and kept within a bound that all indexes of the process share. What is used stays:
// the page that was not used for the longest time goes first.
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { type DiskHead, diskCorrupt, isSealed } from '#index/disk-layout.js';
import type { DiskPages } from '#index/disk-search.js';
import type { Counter, Gauge } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';

interface CachePlatform extends Pick<Platform, 'timers' | 'metrics' | 'crc32'> {
  readonly objectStore: Pick<Platform['objectStore'], 'getRange'>;
}
/** Reads under way at a time, of all indexes; others wait. A disk needs some to be busy, memory must not fill with answers. */
const READS_MAX = 64;
/** Pages of a file below this number; files are numbered. */
const PAGES_MAX = 2 ** 28;
/** Counted in memory first: a counter of the platform costs more than a hit. */
const HITS_COUNTED = 1024;

export class PageCache {
  readonly #platform: CachePlatform;
  readonly #bytesMax: number;
  /** The least recently used first. */
  readonly #pages = new Map<number, Uint8Array>();
  readonly #reading = new Map<number, Promise<Uint8Array>>();
  readonly #waiting: (() => void)[] = [];
  #reads = 0;
  #bytes = 0;
  #nextFile = 0;
  #hits = 0;
  readonly #hitCount: Counter;
  readonly #readCount: Counter;
  readonly #readBytes: Counter;
  readonly #cachedBytes: Gauge;

  constructor(platform: CachePlatform, bytesMax: number) {
    this.#platform = platform;
    this.#bytesMax = bytesMax;
    const { metrics } = platform;
    this.#hitCount = metrics.counter({ name: 'elanus_disk_index_cache_hits', help: 'Pages of disk indexes that were in the cache.' });
    this.#readCount = metrics.counter({ name: 'elanus_disk_index_reads', help: 'Pages of disk indexes that were read.' });
    this.#readBytes = metrics.counter({ name: 'elanus_disk_index_read_bytes', help: 'Bytes of disk indexes that were read.' });
    this.#cachedBytes = metrics.gauge({ name: 'elanus_disk_index_cache_bytes', help: 'Pages of disk indexes in memory, in bytes.' });
  }
  /** Of pages that are kept. */
  get bytes(): number {
    return this.#bytes;
  }
  /** The pages of one file; `close` gives up what is kept of it. */
  open(key: string, head: DiskHead): DiskPages & { close(): void } {
    const first = this.#nextFile++ * PAGES_MAX;
    let isClosed = false;
    return {
      page: (number) => {
        const kept = this.#pages.get(first + number);
        if (kept === undefined) return this.#read(key, head, number, first, () => !isClosed);
        this.#pages.delete(first + number);
        this.#pages.set(first + number, kept);
        if (++this.#hits === HITS_COUNTED) this.#countHits();
        return kept;
      },
      yield: () => this.#platform.timers.yield(),
      close: () => {
        isClosed = true;
        for (const [id, page] of this.#pages) if (id >= first && id < first + PAGES_MAX) this.#drop(id, page);
        this.#cachedBytes.set(this.#bytes);
      },
    };
  }
  /** Two that want a page at the same time share one read. */
  #read(key: string, head: DiskHead, number: number, first: number, isWanted: () => boolean): Promise<Uint8Array> {
    const id = first + number;
    const running = this.#reading.get(id);
    if (running !== undefined) return running;
    const read = this.#fetch(key, head, number)
      .then((page) => {
        if (isWanted()) this.#keep(id, page);
        return page;
      })
      .finally(() => this.#reading.delete(id));
    this.#reading.set(id, read);
    return read;
  }
  async #fetch(key: string, { pagesOffset, pageBytes }: DiskHead, number: number): Promise<Uint8Array> {
    if (this.#reads >= READS_MAX) {
      const turn = deferred<void>();
      this.#waiting.push(() => turn.resolve());
      await turn.promise;
    } else this.#reads++;
    try {
      const begin = pagesOffset + number * pageBytes;
      const page = await this.#platform.objectStore.getRange(key, begin, begin + pageBytes);
      this.#readCount.add(1);
      this.#readBytes.add(page.length);
      if (page.length !== pageBytes) throw diskCorrupt(key, `page ${number} has ${page.length} bytes, expected ${pageBytes}`);
      if (!isSealed(page, number, this.#platform.crc32)) throw diskCorrupt(key, `the checksum of page ${number} is wrong`);
      // A view into something larger would keep that alive, and its words could lie askew.
      return page.byteLength === page.buffer.byteLength ? page : page.slice();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#reads--;
      else next();
    }
  }
  #keep(id: number, page: Uint8Array): void {
    if (page.length > this.#bytesMax) return;
    for (const [oldest, old] of this.#pages) {
      if (this.#bytes + page.length <= this.#bytesMax) break;
      this.#drop(oldest, old);
    }
    this.#pages.set(id, page);
    this.#bytes += page.length;
    this.#cachedBytes.set(this.#bytes);
    this.#countHits();
  }
  #drop(id: number, page: Uint8Array): void {
    this.#pages.delete(id);
    this.#bytes -= page.length;
  }
  #countHits(): void {
    if (this.#hits > 0) this.#hitCount.add(this.#hits);
    this.#hits = 0;
  }
}
/** A file that is damaged or gone; other errors may pass. */
export const isLostFile = (error: unknown): boolean =>
  error instanceof ElanusError && (error.key === 'data_corrupt' || error.key === 'object_not_found');
