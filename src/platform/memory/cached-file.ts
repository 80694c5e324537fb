// One file of the simulated disk, with its page cache: which bytes reads return, and which of them the disk has as well. Bytes come at
// the end only, as in logs; what is not on the disk is a few ranges.
export const PAGE_BYTES = 4096;

interface Range {
  readonly begin: number;
  readonly end: number;
  /** The cache believes that the disk has them, after a sync that failed: no later sync writes them. */
  readonly isForgotten: boolean;
}

export class CachedFile {
  #bytes: Uint8Array;
  #length: number;
  #diskLength: number;
  #unsynced: Range[] = [];
  readonly #pageBytes: number;

  /** @param bytes the content, on the disk as well; the file owns them from now on */
  constructor(bytes: Uint8Array = new Uint8Array(0), pageBytes = PAGE_BYTES) {
    this.#bytes = bytes;
    this.#length = bytes.length;
    this.#diskLength = bytes.length;
    this.#pageBytes = pageBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether a power loss could take something of it. */
  get isSynced(): boolean {
    return this.#unsynced.length === 0 && this.#diskLength === this.#length;
  }

  read(begin = 0, end = this.#length): Uint8Array {
    const from = Math.max(begin, 0);
    return this.#bytes.slice(from, Math.max(from, Math.min(end, this.#length)));
  }

  /** Writes into the page cache. */
  append(more: Uint8Array): void {
    if (more.length === 0) return;
    const begin = this.#length;
    const length = begin + more.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, begin));
      this.#bytes = grown;
    }
    this.#bytes.set(more, begin);
    this.#length = length;
    this.#unsynced.push({ begin, end: length, isForgotten: false });
  }

  /** Writes the dirty pages to the disk; what was forgotten goes along where it shares a page with them. */
  sync(): void {
    const dirty = this.#unsynced.filter((range) => !range.isForgotten);
    const goesAlong = (page: number): boolean =>
      dirty.some((range) => this.#pageOf(range.begin) <= page && page <= this.#pageOf(range.end - 1));
    this.#unsynced = this.#unsynced
      .filter((range) => range.isForgotten)
      .flatMap((range) => this.#pagesOf(range))
      .filter((part) => !goesAlong(this.#pageOf(part.begin)));
    this.#diskLength = this.#length;
  }

  /**
   * A sync failed. The pages stay dirty, are taken for written, or are read from the disk again, which holds zeros there. Kernels do
   * each of these.
   */
  failSync(pages: 'dirty' | 'forgotten' | 'zeroed'): void {
    if (pages === 'dirty') return;
    if (pages === 'forgotten') {
      this.#unsynced = this.#unsynced.map((range) => ({ ...range, isForgotten: true }));
      return;
    }
    for (const range of this.#unsynced) this.#bytes.fill(0, range.begin, range.end);
    this.#unsynced = [];
    this.#diskLength = this.#length;
  }

  /** Cuts or extends with zeros, durably. */
  truncate(size: number): void {
    if (size > this.#length) this.append(new Uint8Array(size - this.#length));
    this.#length = size;
    this.#diskLength = size;
    this.#unsynced = [];
  }

  /** Changes bytes as decay does: in the cache and on the disk. */
  damage(change: (bytes: Uint8Array) => void): void {
    change(this.#bytes.subarray(0, this.#length));
  }

  /** Only what is on the disk stays, and of the other pages those that `keeps` says were written just before; a hole reads as zeros. */
  losePower(keeps: (page: number) => boolean): void {
    let length = this.#diskLength;
    for (const part of this.#unsynced.flatMap((range) => this.#pagesOf(range))) {
      if (!part.isForgotten && keeps(this.#pageOf(part.begin))) length = Math.max(length, part.end);
      else this.#bytes.fill(0, part.begin, part.end);
    }
    this.#length = length;
    this.#diskLength = length;
    this.#unsynced = [];
  }

  #pageOf(offset: number): number {
    return Math.floor(offset / this.#pageBytes);
  }

  #pagesOf(range: Range): Range[] {
    const parts: Range[] = [];
    for (let begin = range.begin; begin < range.end; ) {
      const end = Math.min(range.end, (this.#pageOf(begin) + 1) * this.#pageBytes);
      parts.push({ begin, end, isForgotten: range.isForgotten });
      begin = end;
    }
    return parts;
  }
}
