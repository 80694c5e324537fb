// Slabs of shared memory for small sets of vectors. A WebAssembly memory reserves about 10 GB of address space whatever its size, so that
// some 12,900 of them exhaust a process: small segments share regions, and only large ones have one of their own.
//
//   region:  | reserved, scratch of threads (region-layout.ts) | slab | slab | free slab | slab | ... grows up to 4 GiB
//
// A slab never moves and is zero when it is handed out. What is freed serves the next slab of its size class; a region goes when its last
// slab is freed, but the one that is being filled, so that segments that come and go do not reserve address space again and again.
import { assert } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { DATA_OFFSET, REGION_BYTES_MAX, WASM_PAGE_BYTES } from './region-layout.js';
import type { IndexRegion, IndexWorkers } from './vector-index.js';

/** Larger sets have a region of their own. 64 vectors of the largest dim fit. */
export const SLAB_BYTES_MAX = 16 << 20;
/** Slabs begin and end at multiples of it, so that neighbours share no cache line. */
const SLAB_STEP = 256;
/** A region grows by a quarter, and by no less and no more than this. */
const GROW_BYTES_MIN = 1 << 20;
const GROW_BYTES_MAX = 64 << 20;

export interface Slab<Region extends IndexRegion> {
  readonly region: Region;
  readonly offset: number;
  /** Size of the slab, at least what was requested. */
  readonly bytes: number;
}

interface Shared<Region extends IndexRegion> {
  readonly region: Region;
  /** What was never handed out begins here. */
  end: number;
  /** Slabs that are handed out. */
  used: number;
}

/** Sizes that slabs have: at most an eighth is wasted, and few classes are many slabs each. */
export function slabBytes(bytes: number): number {
  const step = Math.max(SLAB_STEP, 2 ** (Math.floor(Math.log2(Math.max(1, bytes))) - 3));
  return Math.max(SLAB_STEP, Math.ceil(bytes / step) * step);
}

export class RegionPool<Region extends IndexRegion> {
  readonly #workers: Pick<IndexWorkers<Region>, 'allocate' | 'release'>;
  readonly #shared = new Map<Region, Shared<Region>>();
  /** Free slabs by size class. */
  readonly #free = new Map<number, Slab<Region>[]>();
  #filling: Shared<Region> | undefined;

  constructor(workers: Pick<IndexWorkers<Region>, 'allocate' | 'release'>) {
    this.#workers = workers;
  }

  get regionCount(): number {
    return this.#shared.size;
  }

  /** @param bytes 1 to SLAB_BYTES_MAX. @throws memory_limit */
  take(bytes: number): Slab<Region> {
    const size = slabBytes(bytes);
    assert(bytes > 0 && size <= SLAB_BYTES_MAX, `a slab of ${bytes} bytes, expected 1 to ${SLAB_BYTES_MAX}`);
    const again = this.#free.get(size)?.pop();
    if (again !== undefined) {
      new Uint8Array(again.region.memory.buffer, again.offset, size).fill(0);
      this.#of(again).used++;
      return again;
    }
    let shared = this.#filling;
    if (shared === undefined || shared.end + size > REGION_BYTES_MAX) shared = this.#begin();
    grow(shared.region.memory, shared.end + size);
    const slab = { region: shared.region, offset: shared.end, bytes: size };
    shared.end += size;
    shared.used++;
    return slab;
  }

  /** Gives the slab back; nothing reads it any more. */
  give(slab: Slab<Region>): void {
    const shared = this.#of(slab);
    shared.used--;
    const free = this.#free.get(slab.bytes);
    if (free === undefined) this.#free.set(slab.bytes, [slab]);
    else free.push(slab);
    if (shared.used === 0 && shared !== this.#filling) this.#drop(shared);
  }

  #of({ region }: Slab<Region>): Shared<Region> {
    const shared = this.#shared.get(region);
    assert(shared !== undefined, 'a slab of another pool, or of a region that was released');
    return shared;
  }

  #begin(): Shared<Region> {
    const full = this.#filling;
    const region = this.#workers.allocate(DATA_OFFSET, REGION_BYTES_MAX);
    const shared = { region, end: DATA_OFFSET, used: 0 };
    this.#shared.set(region, shared);
    this.#filling = shared;
    if (full !== undefined && full.used === 0) this.#drop(full);
    return shared;
  }

  #drop({ region }: Shared<Region>): void {
    this.#shared.delete(region);
    for (const [size, slabs] of this.#free) {
      const rest = slabs.filter((slab) => slab.region !== region);
      if (rest.length === 0) this.#free.delete(size);
      else this.#free.set(size, rest);
    }
    this.#workers.release(region);
  }
}

function grow(memory: WebAssembly.Memory, needed: number): void {
  const { byteLength } = memory.buffer;
  if (needed <= byteLength) return;
  const step = Math.min(Math.max(byteLength / 4, GROW_BYTES_MIN), GROW_BYTES_MAX);
  const wanted = Math.min(REGION_BYTES_MAX, Math.max(needed, byteLength + step));
  try {
    memory.grow(Math.ceil((wanted - byteLength) / WASM_PAGE_BYTES));
  } catch (error) {
    const why = `no memory for a region of ${wanted} bytes (${messageOf(error)})`;
    throw new ElanusError('memory_limit', `${why}: release collections or give the process more memory`, {
      cause: error,
    });
  }
}
