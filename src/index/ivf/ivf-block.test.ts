// Builds of IVF indexes give the same bytes, and damaged bytes are refused or harmless.

import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { decodeIndexBlock } from '#index/block/index-block.js';
import { DATA_OFFSET, REGION_BYTES_MAX } from '#index/block/region-layout.js';
import { placeIndex } from '#index/block/vector-index.js';
import { VectorStore } from '#index/flat/vector-store.js';
import {
  ALL,
  build,
  clustered,
  fixChecksums,
  inlineWorkers,
  search,
  types,
} from '../../../test/support/ivf.js';
import { buildIvf, type IvfSpec } from './ivf-build.js';
import { checkIvfBlock, ivfWorkBytes } from './ivf-layout.js';
import { ivfSearch } from './ivf-search.js';

describe('threads', () => {
  it('each has working memory of its own, and a thread without any is refused', async () => {
    const vectors = clustered(500, 16, 15);
    const b = await build('SCANN', 'L2', 16, vectors, { nlist: 10 });
    const block = decodeIndexBlock(b.block);
    const { region, placement } = placeIndex(inlineWorkers(2), block, ivfWorkBytes(block.meta), 2);
    const on = (thread: number) =>
      ivfSearch(
        { index: placement, vectors: b.store.place, queries: vectors.subarray(0, 64), k: 5, params: {} },
        { memories: [b.region.memory, region.memory], thread },
      );
    const other = new Uint8Array(region.memory.buffer, placement.workOffset, placement.workBytes);
    const second = on(1);
    expect(other.every((byte) => byte === 0)).toBe(true);
    expect(on(0)).toEqual(second);
    expect(() => on(40)).toThrow(/thread 40 has no working memory/);
  });
});

describe('builds', () => {
  const vectors = clustered(2500, 24, 10);
  it.each(types)('%s: the same bytes for the same seed, however many threads', async (type) => {
    const params = { nlist: 20, m: 4 };
    const one = await build(type, 'L2', 24, vectors, params);
    const four = await build(type, 'L2', 24, vectors, params, { threads: 4 });
    expect(crc32(four.block)).toBe(crc32(one.block));
    expect(crc32((await build(type, 'L2', 24, vectors, params, { seed: 2 })).block)).not.toBe(
      crc32(one.block),
    );
  });
  it('reads vectors where a segment has them, reports progress, and gives up when cancelled', async () => {
    const workers = inlineWorkers(2);
    const region = {
      memory: new WebAssembly.Memory({
        initial: DATA_OFFSET / 65536,
        maximum: REGION_BYTES_MAX / 65536,
        shared: true,
      }),
    };
    const store = new VectorStore(region, { dim: 24, inverseNorms: true, blockRows: 192 });
    store.append(new Uint8Array(vectors.buffer));
    const spec: IvfSpec = {
      indexType: 'IVF_PQ',
      metric: 'COSINE',
      elementType: 'float32',
      dim: 24,
      rowCount: 2500,
      params: { nlist: 20, m: 4 },
    };
    const source = { region, vectorsOffset: store.offset, blocks: store.blocks };
    const seen: number[] = [];
    const block = await buildIvf(workers, spec, source, { onProgress: (done) => seen.push(done) });
    const copied = await buildIvf(workers, spec, { bytes: new Uint8Array(vectors.buffer) });
    expect(crc32(block)).toBe(crc32(copied));
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    for (const limit of [0, 0.3, 0.6, 0.95]) {
      const stop = new AbortController();
      const cancel = (done: number): void => {
        if (done >= limit) stop.abort();
      };
      if (limit === 0) stop.abort();
      await expect(
        buildIvf(workers, spec, source, { signal: stop.signal, onProgress: cancel }),
      ).rejects.toMatchObject({
        key: 'cancelled',
      });
      expect(workers.live.size).toBe(0);
    }
  });
});

describe('damaged blocks', () => {
  const vectors = clustered(300, 16, 12);
  const refuses = (block: Uint8Array): boolean => {
    try {
      checkIvfBlock(decodeIndexBlock(block));
      return false;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'data_corrupt') return true;
      throw error;
    }
  };
  it.each(types)('%s: any changed byte is data_corrupt', async (type) => {
    const { block } = await build(type, 'L2', 16, vectors, { nlist: 8, m: 4 });
    const random = seededRandom(13);
    for (let i = 0; i < 300; i++) {
      const at = i < 100 ? i : nextBelow(random, block.length);
      const bad = block.slice();
      bad[at] = (bad[at] as number) ^ (1 << nextBelow(random, 8));
      expect(refuses(bad)).toBe(true);
    }
  });
  it('codes past their tables are refused', async () => {
    const { block } = await build('IVF_PQ', 'L2', 16, vectors, { nlist: 8, m: 4, nbits: 10 });
    const bad = block.slice();
    const codes = decodeIndexBlock(bad).sections.get('codes');
    codes?.fill(255, codes.length - 2);
    fixChecksums(bad);
    expect(refuses(bad)).toBe(true);
    expect(refuses(block)).toBe(false);
  });
  it.each(types)('%s: damage with right checksums is refused or harmless', async (type) => {
    const b = await build(type, 'L2', 16, vectors, { nlist: 8, m: 4 });
    const random = seededRandom(14);
    const workers = inlineWorkers(1);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const bad = b.block.slice();
      for (let n = 0; n <= nextBelow(random, 20); n++)
        bad[nextBelow(random, bad.length)] = nextBelow(random, 256);
      fixChecksums(bad);
      if (refuses(bad)) {
        refused++;
        continue;
      }
      const block = decodeIndexBlock(bad);
      const loaded = placeIndex(workers, block, ivfWorkBytes(block.meta), 1);
      const out = search({ ...b, loaded }, vectors.subarray(0, 32), { params: ALL });
      expect([...out.rows].every((row) => row < 300)).toBe(true);
    }
    expect(refused).toBeGreaterThan(0);
  });
});

/** As encodeIndexBlock wrote them, over the bytes as they are now. */
