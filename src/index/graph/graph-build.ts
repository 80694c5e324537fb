// Builds a graph index: encodes the vectors with 8 bits a dim, inserts them by several threads at once, relabels the nodes, so that
// neighbours lie near to each other in memory (graph-order.ts), and writes the block with the codes asked for.
import { assert } from '#base/assert.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { mendGraph } from '#index/graph/build/graph-mended.js';
import type { RowCopies, RowCopiesInput } from '#index/graph/build/row-copies.js';
import type { CodeForm } from '#index/graph/codes/graph-codes.js';
import { buildPqCodes } from '#index/graph/pq/graph-pq-build.js';
import { copyUpperCodes, type QgEncodeInput } from '#index/graph/qg/qg-encode.js';
import { beginRegion, type Making, planBuild } from './build-plan.js';
import {
  type BuildRun,
  beginRun,
  encodeForMaking,
  encodeNodes,
  fillLinks,
  insertNodes,
  orderNodes,
  runShares,
} from './build-run.js';
import { type ChosenCodes, chooseCodes, doBytesFit, floatForm } from './code-choice.js';
import { graphBlock, hasUpperCodes } from './graph-block.js';
import { type BuildOptions, type GraphSpec, presentRows, type SourceVectors } from './graph-spec.js';
import { addNearLinks } from './near-links.js';

/** By codes of 8 bits; where those do not rank rows as the vectors do, by floats. */
export async function buildGraph<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: GraphSpec,
  source: SourceVectors<Region>,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const copies = await copiesIn(workers, spec, source, options.signal);
  const built = await buildBy(workers, spec, source, options, { copies });
  if (built instanceof Uint8Array) return built;
  // Codes of floats are searched as those of HNSW are, whatever was asked for. Records of a quantised graph and codewords would err as codes did.
  const { bits: _bits, pq: _pq, ...rest } = spec;
  const indexType = spec.bits !== undefined || spec.pq !== undefined ? 'HNSW' : spec.indexType;
  const floats = await buildBy(workers, { ...rest, indexType, form: built.form }, source, options, {
    copies,
    by: 'FP32',
  });
  assert(floats instanceof Uint8Array, 'floats rank rows as vectors do');
  return floats;
}

/** Codes do not rank rows as vectors do; those of this form do. */
interface Unfit {
  readonly form: CodeForm;
}

/** Undefined where there are few. */
async function copiesIn<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: GraphSpec,
  { region, place }: SourceVectors<Region>,
  signal?: AbortSignal,
): Promise<RowCopies | undefined> {
  const input: RowCopiesInput = {
    place,
    rows: presentRows(spec),
    ...(spec.isPaged === true && { isToTheBit: true }),
  };
  return workers.run<RowCopies | undefined>('rowCopies', input, [region], signal);
}

async function buildBy<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: GraphSpec,
  source: SourceVectors<Region>,
  { signal, onProgress = () => {}, crc32 }: BuildOptions,
  making: Making,
): Promise<Uint8Array<ArrayBuffer> | Unfit> {
  const plan = planBuild(spec, making, workers.parallelism);
  const { layout, nodes } = plan;
  const region = workers.allocate(layout.total, layout.total);
  try {
    const regions = [source.region, region] as const;
    beginRegion(region.memory, plan);
    const run = await beginRun({ workers, regions, signal }, plan, source.place);
    if (plan.by === 'SQ8' && !(await doBytesFit(run))) return { form: await floatForm(run) };
    await encodeForMaking(run);
    if (spec.metric === 'IP') {
      await insertNodes(run, (done) => onProgress(done * 0.45));
      await addNearLinks(run, (done) => onProgress(0.45 + done * 0.45));
    } else {
      await insertNodes(run, (done) => onProgress(done * 0.9));
      await mendGraph(workers, regions, run.place, nodes, signal);
    }
    const { nearest, upperNodes } = await orderNodes(run);
    onProgress(0.92);
    await fillLinks(run);
    onProgress(0.95);
    const codes = await chooseCodes(run, nearest);
    const books = await writeCodes(run, codes);
    if (hasUpperCodes(plan)) copyUpperCodes(region.memory, run.place, upperNodes);
    onProgress(0.97);
    const block = graphBlock(region.memory, { plan, codes, upperNodes, books }, crc32);
    onProgress(1);
    return block;
  } finally {
    workers.release(region);
  }
}

/** Writes the codes that searches read, in the final order: product codes, records or those of a form. @returns sections of codewords */
async function writeCodes<Region extends IndexRegion>(
  run: BuildRun<Region>,
  { form, step, stride }: ChosenCodes,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { workers, regions, signal, place, plan } = run;
  const { pq, layout, seed, threads, spec } = plan;
  const { bits } = spec;
  const out = layout.finalCodes;
  if (pq) return buildPqCodes(workers, regions, { place, pq, out, seed, threads, signal });
  if (bits)
    await runShares(run, 'qgEncode', { place, bits, out } satisfies Omit<QgEncodeInput, 'begin' | 'end'>);
  else await encodeNodes(run, { place: { ...place, step }, form, out, stride, order: layout.order });
  return new Map();
}
