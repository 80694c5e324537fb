// Segments of a few rows share regions: many of them take little memory and no address space, and vectors that move to a larger place while
// they are searched are found all the same.

import { afterAll, describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { SLAB_BYTES_MAX } from '#index/block/region-pool.js';
import { batchOf, column, columnFromBytes, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { SegmentData } from '#segment/segment-data.js';

const real = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => real.close());
const [KEY, VECTOR, SPARSE] = [100n, 101n, 102n];
const schemaOf = (dim: number) =>
  CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        fieldID: VECTOR,
        name: 'v',
        dataType: DataType.FloatVector,
        typeParams: [{ key: 'dim', value: String(dim) }],
      },
      { fieldID: SPARSE, name: 's', dataType: DataType.SparseFloatVector },
    ],
  });
function counted(): { readonly platform: Platform; readonly live: Set<number>; allocated: number } {
  const live = new Set<number>();
  const world = { live, allocated: 0 };
  const { workers } = real;
  const own: Platform['workers'] = {
    parallelism: workers.parallelism,
    allocate: (bytes, bytesMax) => {
      const region = workers.allocate(bytes, bytesMax);
      live.add(region.id);
      world.allocated++;
      return region;
    },
    release: (region) => {
      live.delete(region.id);
      workers.release(region);
    },
    run: (task, input, regions, signal, micros) => workers.run(task, input, regions, signal, micros),
  };
  return Object.assign(world, { platform: Object.assign(Object.create(real) as Platform, { workers: own }) });
}

const sparseOf = (weight: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, 3, true);
  new DataView(bytes.buffer).setFloat32(4, weight, true);
  return bytes;
};

/** Row i has the vector (i, i, ...) and the sparse vector {3: i + 1}. */
const rowsFrom = (first: number, count: number, dim: number) =>
  batchOf(count, [
    columnFromInt64(
      KEY,
      Array.from({ length: count }, (_, i) => BigInt(first + i)),
    ),
    column(
      VECTOR,
      DataType.FloatVector,
      bytesView(Float32Array.from({ length: count * dim }, (_, i) => first + Math.floor(i / dim))),
    ),
    columnFromBytes(
      SPARSE,
      DataType.SparseFloatVector,
      Array.from({ length: count }, (_, i) => sparseOf(first + i + 1)),
    ),
  ]);

describe('twenty thousand growing segments of a row', () => {
  const SEGMENTS = 20_000;
  /** Memory of the process for each segment: its objects, columns, key index and vectors. */
  const BYTES_EACH = 24 * 1024;
  it('share a region, take a bounded memory, and give it back', () => {
    const world = counted();
    const schema = schemaOf(8);
    const before = process.memoryUsage().rss;
    const segments = Array.from({ length: SEGMENTS }, (_, i) => {
      const data = new SegmentData(world.platform, {
        id: BigInt(i),
        collectionId: 1n,
        partitionId: 1n,
        schema,
      });
      data.appendBatch(rowsFrom(i, 1, 8), BigInt(i + 1));
      return data;
    });
    expect(world.allocated).toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(SEGMENTS * BYTES_EACH);
    expect(segments.reduce((sum, data) => sum + data.memoryBytes, 0)).toBeLessThan(SEGMENTS * BYTES_EACH);
    for (const i of [0, 777, SEGMENTS - 1])
      expect(segments[i]?.vectorAt(VECTOR, 0)).toEqual(new Float32Array(8).fill(i));
    for (const data of segments) data.release();
    expect(world.live.size).toBe(1);
  });
});

describe('vectors that move', () => {
  it('leave what a search holds as it is until it ends, whoever comes meanwhile', async () => {
    const world = counted();
    const make = (id: bigint) =>
      new SegmentData(world.platform, { id, collectionId: 1n, partitionId: 1n, schema: schemaOf(4) });
    const data = make(1n);
    data.appendBatch(rowsFrom(1, 64, 4), 1n);
    const [dense, sparse] = [
      must(data.denseVectors(VECTOR), 'vectors'),
      must(data.sparseVectors(SPARSE), 'sparse vectors'),
    ];
    const others: SegmentData[] = [];
    const heldOf = (region: { readonly memory: WebAssembly.Memory }, at: number, bytes: number) =>
      new Uint8Array(region.memory.buffer, at, bytes).slice();
    await dense.hold(() =>
      sparse.hold(async () => {
        const [denseRegion, sparseRegion] = [dense.region, sparse.region];
        const [denseAt, sparseAt] = [dense.store.vectorOffset(0), sparse.offsetOf(0)];
        const [before, sparseBefore] = [
          heldOf(denseRegion, denseAt, 64 * 16),
          heldOf(sparseRegion, sparseAt, 64 * 12),
        ];
        data.appendBatch(rowsFrom(65, 1000, 4), 2n);
        expect([dense.store.vectorOffset(0) === denseAt, sparse.offsetOf(0) === sparseAt]).toEqual([
          false,
          false,
        ]);
        for (let i = 0; i < 20; i++) {
          const other = make(BigInt(i + 2));
          other.appendBatch(rowsFrom(9_000_000, 64, 4), 3n);
          others.push(other);
        }
        expect(heldOf(denseRegion, denseAt, before.length)).toEqual(before);
        expect(heldOf(sparseRegion, sparseAt, sparseBefore.length)).toEqual(sparseBefore);
      }),
    );
    expect(data.vectorAt(VECTOR, 0)).toEqual(new Float32Array(4).fill(1));
    for (const one of [data, ...others]) one.release();
  });
  it('are found by searches that began before, and by those that begin after', async () => {
    const random = seededRandom(7);
    for (const dim of [2, 64, 512]) {
      const world = counted();
      const data = new SegmentData(world.platform, {
        id: 1n,
        collectionId: 1n,
        partitionId: 1n,
        schema: schemaOf(dim),
      });
      // Another one, whose slabs lie between.
      const other = new SegmentData(world.platform, {
        id: 2n,
        collectionId: 1n,
        partitionId: 1n,
        schema: schemaOf(dim),
      });
      let rows = 0;
      const bytesMax = SLAB_BYTES_MAX * 1.5;
      while (rows * dim * 4 < bytesMax && rows < 60_000) {
        const count = 1 + nextBelow(random, Math.max(8, rows));
        data.appendBatch(rowsFrom(rows, count, dim), BigInt(rows + 1));
        rows += count;
        const asked = nextBelow(random, rows);
        const queries = new Float32Array(dim).fill(asked);
        const dense = searchSegment(data, {
          fieldId: VECTOR,
          metric: 'L2',
          queries,
          k: 1,
          readTs: 1n << 60n,
        });
        const sparse = searchSegment(data, {
          fieldId: SPARSE,
          metric: 'IP',
          queries: new Float32Array(0),
          k: 1,
          readTs: 1n << 60n,
          sparseQueries: Uint8Array.from([1, 0, 0, 0, ...sparseOf(1)]),
        });
        // Rows that come before the answer, and move what is searched; a slab that were given back now would be handed out again.
        const more = 1 + nextBelow(random, rows);
        data.appendBatch(rowsFrom(rows, more, dim), BigInt(rows + 1));
        other.appendBatch(rowsFrom(5_000_000, Math.min(more, 3000), dim), BigInt(rows + 1));
        const [hits, sparseHits] = await Promise.all([dense, sparse]);
        expect([hits.rows[0], sparseHits.rows[0]]).toEqual([asked, rows - 1]);
        rows += more;
      }
      const ids = Uint32Array.from({ length: 50 }, () => nextBelow(random, rows));
      const fetched = data.fetch(ids, [VECTOR, SPARSE]);
      const vectors = new Float32Array(fetched.columns[0]?.data.slice().buffer ?? new ArrayBuffer(0));
      expect([...vectors].filter((_, i) => i % dim === 0)).toEqual([...ids]);
      data.release();
      other.release();
      expect(world.live.size).toBeLessThanOrEqual(1);
    }
  });
});

describe('a segment that was let go', () => {
  it('gives late reads of it nothing of what lies in its place, but a reason to ask again', async () => {
    const world = counted();
    const make = (id: bigint) =>
      new SegmentData(world.platform, { id, collectionId: 1n, partitionId: 1n, schema: schemaOf(4) });
    const data = make(1n);
    data.appendBatch(rowsFrom(1, 64, 4), 1n);
    const [dense, sparse] = [
      must(data.denseVectors(VECTOR), 'vectors'),
      must(data.sparseVectors(SPARSE), 'sparse vectors'),
    ];
    data.release();
    const other = make(2n);
    other.appendBatch(rowsFrom(9_000_000, 64, 4), 2n);
    const gone = { key: 'segment_not_found' };
    await expect(dense.hold(async () => 1)).rejects.toMatchObject(gone);
    await expect(sparse.hold(async () => 1)).rejects.toMatchObject(gone);
    expect(() => dense.gather(Uint32Array.of(0))).toThrow(expect.objectContaining(gone));
    other.release();
  });
});
