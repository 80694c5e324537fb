// The tables of HPACK (RFC 7541): the headers that everybody knows, and those that a peer has sent before. Pure.

// biome-ignore format: as in appendix A, one line a few headers
const KNOWN: readonly (readonly [string, string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'],
  [':scheme', 'http'], [':scheme', 'https'], [':status', '200'], [':status', '204'], [':status', '206'],
  [':status', '304'], [':status', '400'], [':status', '404'], [':status', '500'], ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''], ['accept', ''],
  ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''], ['cache-control', ''],
  ['content-disposition', ''], ['content-encoding', ''], ['content-language', ''], ['content-length', ''],
  ['content-location', ''], ['content-range', ''], ['content-type', ''], ['cookie', ''], ['date', ''], ['etag', ''],
  ['expect', ''], ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''], ['if-modified-since', ''],
  ['if-none-match', ''], ['if-range', ''], ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''],
  ['location', ''], ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''],
  ['referer', ''], ['refresh', ''], ['retry-after', ''], ['server', ''], ['set-cookie', ''],
  ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''], ['vary', ''], ['via', ''],
  ['www-authenticate', ''],
];

export interface Header {
  readonly name: string;
  readonly value: string;
}

const known: readonly Header[] = KNOWN.map(([name, value]) => ({ name, value }));
/** What a header counts beside its name and value. */
export const HEADER_BYTES_EXTRA = 32;
export const TABLE_BYTES_MAX = 4096;
const GONE: Header = { name: '', value: '' };
const sizeOf = ({ name, value }: Header): number => name.length + value.length + HEADER_BYTES_EXTRA;

export class HeaderTable {
  /** The newest is last; those before `#first` are gone. */
  #kept: Header[] = [];
  #first = 0;
  #bytes = 0;
  #bytesMax = TABLE_BYTES_MAX;

  /** @param index from 1: those that everybody knows, then those that were kept, the newest first */
  at(index: number): Header | undefined {
    if (index <= known.length) return known[index - 1];
    const place = this.#kept.length - (index - known.length);
    return place < this.#first ? undefined : this.#kept[place];
  }

  add(header: Header): void {
    this.#bytes += sizeOf(header);
    this.#kept.push(header);
    this.#evict();
  }

  /** @returns false: larger than it may be */
  resize(bytesMax: number): boolean {
    if (bytesMax > TABLE_BYTES_MAX) return false;
    this.#bytesMax = bytesMax;
    this.#evict();
    return true;
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax) {
      this.#bytes -= sizeOf(this.#kept[this.#first] as Header);
      // A header may be far longer than the table: its texts go at once.
      this.#kept[this.#first++] = GONE;
    }
    // The places of what is gone are cut off now and then, not each time.
    if (this.#first <= TABLE_BYTES_MAX / HEADER_BYTES_EXTRA) return;
    this.#kept = this.#kept.slice(this.#first);
    this.#first = 0;
  }
}
