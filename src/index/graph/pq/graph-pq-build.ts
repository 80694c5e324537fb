// The last step of building HNSW_PQ and HNSW_PRQ: learns codewords from a sample of the vectors, and writes the codes of all nodes in
// their final order. The graph itself was built on 8-bit codes, so its quality does not depend on m and nbits.
// Vectors are shifted by the mean, not rotated: codewords of neighbouring dims take what those have in common, which a rotation would
// spread over all; where they have nothing in common it makes no difference (measured, see the README of kernels/graph).
import { alignUp, bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { REGION_BYTES_MAX, RESERVED_BYTES, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes } from '#index/block/work-lanes.js';
import { sampleRows } from '#index/codebook/kmeans-tasks.js';
import { pqBiasFloats, pqBookFloats } from '#index/codebook/pq-codebook.js';
import { type PqCodebook, pqSampleCount, trainPq } from '#index/codebook/pq-train.js';
import type { BuildPlace } from '#index/graph/build/graph-tasks.js';
import { type GraphPqEncodeInput, type GraphPqSampleInput, graphPqRoom } from './graph-pq-encode.js';
import type { GraphPqLayout } from './graph-pq-layout.js';

export interface PqCodesInput {
  readonly place: BuildPlace;
  readonly pq: GraphPqLayout;
  /** Address of the codes, in the region of the build. */
  readonly out: number;
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

/** Multiplications of one piece: some 20 ms, so that searches get their turn between pieces. */
const PIECE_WORK = 2 ** 27;
const PIECE_ROWS_MAX = 2048;

/** @param regions vectors, build. @returns the sections of codewords and what tables of a query begin with */
export async function buildPqCodes<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  input: PqCodesInput,
): Promise<Map<string, Uint8Array>> {
  const { shape } = input.pq;
  const { nodes, metric } = input.place;
  const empty = {
    shape,
    books: new Float32Array(pqBookFloats(shape)),
    bias: new Float32Array(pqBiasFloats(shape)),
  };
  const book = nodes === 0 ? empty : await train(workers, regions, input);
  if (nodes > 0) await encodeAll(workers, regions, input, book);
  // Squared lengths of codewords add up to that of a vector only where each dim has one level.
  const isSquared = shape.levels === 1 && metric !== 'IP';
  return new Map([
    ['books', bytesView(book.books)],
    ['book_bias', bytesView(isSquared ? book.bias : empty.bias)],
  ]);
}

async function train<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  { place, pq, seed, signal }: PqCodesInput,
): Promise<PqCodebook> {
  const { shape } = pq;
  const count = pqSampleCount(shape, place.nodes);
  return withRegion(workers, RESERVED_BYTES + count * shape.padded * 4, REGION_BYTES_MAX, async (region) => {
    const sample: GraphPqSampleInput = {
      place,
      sampled: sampleRows(place.nodes, count, seed + 2),
      out: RESERVED_BYTES,
    };
    await workers.run('graphPqSample', sample, [...regions, region], signal);
    return trainPq(workers, shape, { region, samples: RESERVED_BYTES, count, seed: seed + 3, signal });
  });
}

async function encodeAll<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  { place, pq, out, threads, signal }: PqCodesInput,
  book: PqCodebook,
): Promise<void> {
  const { nodes, dim } = place;
  const { shape } = pq;
  const rows = Math.max(
    64,
    Math.min(PIECE_ROWS_MAX, nodes, Math.floor(PIECE_WORK / (shape.entries * dim * shape.levels))),
  );
  const books = RESERVED_BYTES;
  const bias = books + alignUp(book.books.byteLength, 64);
  const work = bias + alignUp(book.bias.byteLength, 64);
  const room = graphPqRoom(pq, rows);
  const bytes = work + room * threads;
  await withRegion(workers, bytes, bytes, async (region) => {
    new Float32Array(region.memory.buffer, books, book.books.length).set(book.books);
    new Float32Array(region.memory.buffer, bias, book.bias.length).set(book.bias);
    const run = async (piece: number, lane: number): Promise<void> => {
      const [begin, end] = [piece * rows, Math.min(nodes, (piece + 1) * rows)];
      const encode: GraphPqEncodeInput = {
        place,
        pq,
        books,
        bias,
        work: work + lane * room,
        begin,
        end,
        out,
      };
      await workers.run('graphPqEncode', encode, [...regions, region], signal);
    };
    await runLanes(Math.ceil(nodes / rows), threads, run, signal);
  });
}

async function withRegion<Region extends IndexRegion, Result>(
  workers: IndexWorkers<Region>,
  bytes: number,
  bytesMax: number,
  use: (region: Region) => Promise<Result>,
): Promise<Result> {
  if (bytes > REGION_BYTES_MAX) {
    throw new ElanusError(
      'memory_limit',
      `product codes need ${bytes} bytes at once, expected at most ${REGION_BYTES_MAX}; use smaller nbits`,
    );
  }
  const pages = (value: number): number => alignUp(value, WASM_PAGE_BYTES);
  const region = workers.allocate(pages(bytes), pages(bytesMax));
  try {
    return await use(region);
  } finally {
    workers.release(region);
  }
}
