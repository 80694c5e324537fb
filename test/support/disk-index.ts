// Disk indexes in tests: built on one thread, their pages served from the bytes of the file, at once or after a turn.
import { alignUp } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import type { MetricType } from '#index/block/metric.js';
import { buildDiskIndex, type DiskSpec } from '#index/disk/disk-build.js';
import { type DiskIndex, loadDiskIndex } from '#index/disk/disk-index.js';
import { decodeDiskHead, diskCorrupt, isSealed, SECTOR_BYTES } from '#index/disk/disk-layout.js';
import { type DiskPages, type DiskSearchInput, diskSearch } from '#index/disk/disk-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { type Fixture, hnsw, toBytes, workers } from './vector-index.js';

export interface DiskFixture extends Fixture {
  readonly disk: DiskIndex;
  readonly file: Uint8Array;
}

export type DiskOverrides = Partial<Omit<DiskSpec, 'dim' | 'rowCount' | 'metric'>>;

/** The `index` and `block` of the fixture are not of use: what is searched is `disk`. */
export async function buildDisk(
  values: Float32Array,
  dim: number,
  metric: MetricType,
  overrides: DiskOverrides = {},
): Promise<DiskFixture> {
  const elementType: ElementType = overrides.elementType ?? 'float32';
  const bytes = toBytes(elementType, values);
  const rowCount = bytes.length / vectorBytes(elementType, dim);
  const options = {
    dim,
    elementType,
    inverseNorms: true,
    blockRows: Math.max(64, alignUp(rowCount, 64)),
  };
  const region = workers.allocate(VectorStore.bytesFor(Math.max(1, rowCount), options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(bytes);
  const spec: DiskSpec = {
    maxDegree: 32,
    searchListSize: 60,
    pqCodeBudgetRatio: 0.125,
    elementType,
    metric,
    dim,
    rowCount,
    ...overrides,
  };
  const built = await buildDiskIndex(workers, spec, { region, place: store.place }, crc32);
  const file = joined(built.parts);
  if (file.length !== built.bytes) throw new Error(`${file.length} bytes, said ${built.bytes}`);
  const disk = loadFile(file);
  const { placement } = disk;
  return {
    store,
    region,
    disk,
    file,
    block: new Uint8Array(0),
    index: { ...disk, task: 'none' },
    spec: { build: hnsw, metric, elementType, dim, rowCount: placement.rowCount },
  };
}

function joined(parts: Iterable<Uint8Array>): Uint8Array {
  const copies = Array.from(parts, (part) => part.slice());
  const out = new Uint8Array(copies.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of copies) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** What loading reads of a file, checked. */
export function loadFile(file: Uint8Array, what = 'test'): DiskIndex {
  const head = decodeDiskHead(file.slice(0, SECTOR_BYTES), what, crc32);
  return loadDiskIndex(workers, head, file.slice(SECTOR_BYTES, SECTOR_BYTES + head.blockBytes), what);
}

/** @param isSlow every page comes in a later turn */
export function pagesOfFile(
  disk: DiskIndex,
  file: Uint8Array,
  isSlow: (page: number) => boolean = () => true,
): DiskPages & { reads: number } {
  const { pagesOffset, pageBytes } = disk.head;
  const read = (number: number): Uint8Array => {
    const page = file.slice(pagesOffset + number * pageBytes, pagesOffset + (number + 1) * pageBytes);
    if (page.length !== pageBytes || !isSealed(page, number, crc32))
      throw diskCorrupt('test', `page ${number}`);
    return page;
  };
  const pages = {
    reads: 0,
    page(number: number) {
      pages.reads++;
      return isSlow(number) ? Promise.resolve().then(() => read(number)) : read(number);
    },
    yield: async () => {},
  };
  return pages;
}

export const searchDisk = (
  fixture: DiskFixture,
  query: Uint8Array,
  k: number,
  rest: Partial<DiskSearchInput> = {},
) =>
  diskSearch(fixture.disk, pagesOfFile(fixture.disk, fixture.file), workers, {
    queries: query,
    k,
    params: { searchList: 40 },
    ...rest,
  });
