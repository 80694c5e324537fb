// Pages of disk indexes, read from the object store and kept within a bound that all indexes of the process share. What is used stays:
// pages that nobody asked for since they came, or since the last round, go first.
import { deferred } from '#base/async.js';
import { type DiskHead, diskCorrupt, isSealed } from '#index/disk/disk-layout.js';
import type { DiskPages } from '#index/disk/disk-search.js';
import type { Counter, Gauge } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';

interface CachePlatform extends Pick<Platform, 'timers' | 'metrics' | 'crc32'> {
  readonly objectStore: Pick<Platform['objectStore'], 'getRange'>;
}

/** Reads under way at a time, of all indexes; others wait. A disk needs some to be busy, memory must not fill with answers. */
const READS_MAX = 64;
/** Counted in memory first: a counter of the platform costs more than a hit. */
const HITS_COUNTED = 1024;

/** One that is kept. */
interface Kept {
  readonly page: Uint8Array;
  readonly number: number;
  readonly file: CachedFile;
  /** Since the hand passed it. */
  isUsed: boolean;
}

class CachedFile {
  readonly key: string;
  readonly head: DiskHead;
  /** Place in the ring by page, or -1: four bytes for a page are little, and looking one up is what a walk does most. */
  readonly places: Int32Array;
  readonly reading = new Map<number, Promise<Uint8Array>>();
  isClosed = false;

  constructor(key: string, head: DiskHead) {
    this.key = key;
    this.head = head;
    this.places = new Int32Array(head.pages).fill(-1);
  }
}

export class PageCache {
  readonly #platform: CachePlatform;
  readonly #bytesMax: number;
  /** A clock: its hand gives what was used since it last came by another round, and takes the rest. */
  readonly #ring: (Kept | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #waiting: (() => void)[] = [];
  #hand = 0;
  #reads = 0;
  #bytes = 0;
  #shownBytes = 0;
  #hits = 0;
  readonly #hitCount: Counter;
  readonly #readCount: Counter;
  readonly #readBytes: Counter;
  readonly #cachedBytes: Gauge;

  constructor(platform: CachePlatform, bytesMax: number) {
    this.#platform = platform;
    this.#bytesMax = bytesMax;
    const { metrics } = platform;
    this.#hitCount = metrics.counter({
      name: 'elanus_disk_index_cache_hits',
      help: 'Pages of disk indexes that were in the cache.',
    });
    this.#readCount = metrics.counter({
      name: 'elanus_disk_index_reads',
      help: 'Pages of disk indexes that were read.',
    });
    this.#readBytes = metrics.counter({
      name: 'elanus_disk_index_read_bytes',
      help: 'Bytes of disk indexes that were read.',
    });
    this.#cachedBytes = metrics.gauge({
      name: 'elanus_disk_index_cache_bytes',
      help: 'Pages of disk indexes in memory, in bytes.',
    });
  }

  /** Bytes of pages that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The pages of one file; `close` gives up what is kept of it. */
  open(key: string, head: DiskHead): DiskPages & { close(): void } {
    const file = new CachedFile(key, head);
    return {
      page: (number) => {
        const place = file.places[number] ?? -1;
        const kept = place < 0 ? undefined : this.#ring[place];
        if (kept === undefined) return this.#read(file, number);
        kept.isUsed = true;
        if (++this.#hits === HITS_COUNTED) this.#countHits();
        return kept.page;
      },
      yield: () => this.#platform.timers.yield(),
      close: () => {
        file.isClosed = true;
        for (const place of file.places) if (place >= 0) this.#drop(place);
        this.#showBytes();
      },
    };
  }

  /** Two that want a page at the same time share one read. */
  #read(file: CachedFile, number: number): Promise<Uint8Array> {
    const running = file.reading.get(number);
    if (running !== undefined) return running;
    const read = this.#fetch(file, number)
      .then((page) => {
        if (!file.isClosed) this.#keep(file, number, page);
        return page;
      })
      .finally(() => file.reading.delete(number));
    file.reading.set(number, read);
    return read;
  }

  async #fetch({ key, head }: CachedFile, number: number): Promise<Uint8Array> {
    const { pagesOffset, pageBytes } = head;
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
      if (page.length !== pageBytes)
        throw diskCorrupt(key, `page ${number} has ${page.length} bytes, expected ${pageBytes}`);
      if (!isSealed(page, number, this.#platform.crc32))
        throw diskCorrupt(key, `the checksum of page ${number} is wrong`);
      // A view into something larger would keep that alive, and its words could lie askew.
      return page.byteLength === page.buffer.byteLength ? page : page.slice();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#reads--;
      else next();
    }
  }

  #keep(file: CachedFile, number: number, page: Uint8Array): void {
    if (page.length > this.#bytesMax) return;
    while (this.#bytes + page.length > this.#bytesMax) this.#turnHand();
    const place = this.#free.pop() ?? this.#ring.length;
    this.#ring[place] = { page, number, file, isUsed: false };
    file.places[number] = place;
    this.#bytes += page.length;
    this.#showBytes();
    this.#countHits();
  }

  #turnHand(): void {
    this.#hand = (this.#hand + 1) % this.#ring.length;
    const kept = this.#ring[this.#hand];
    if (kept === undefined) return;
    if (kept.isUsed) kept.isUsed = false;
    else this.#drop(this.#hand);
  }

  #drop(place: number): void {
    const kept = this.#ring[place];
    if (kept === undefined) return;
    kept.file.places[kept.number] = -1;
    this.#ring[place] = undefined;
    this.#free.push(place);
    this.#bytes -= kept.page.length;
  }

  #showBytes(): void {
    if (this.#bytes === this.#shownBytes) return;
    this.#shownBytes = this.#bytes;
    this.#cachedBytes.set(this.#bytes);
  }

  #countHits(): void {
    if (this.#hits > 0) this.#hitCount.add(this.#hits);
    this.#hits = 0;
  }
}
