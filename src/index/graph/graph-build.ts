// Builds a graph index: encodes the vectors with 8 bits a dim, inserts them by several threads at once, relabels the nodes, so that
// neighbours lie near to each other in memory (graph-order.ts), and writes the block with the codes asked for.
import { assert } from '#base/assert.js';
import { nextFloat, seededRandom } from '#base/random.js';
import { encodeIndexBlock, type IndexParameter } from '#index/block/index-block.js';
import type { ExactVectors, IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes } from '#index/block/work-lanes.js';
import { type CodeFit, type CodeFitInput, doesFit } from '#index/graph/build/code-fit.js';
import { layoutBuild } from '#index/graph/build/graph-build-layout.js';
import { mendGraph } from '#index/graph/build/graph-mended.js';
import type { OrderInput, OrderOutput } from '#index/graph/build/graph-order.js';
import type {
  BuildPlace,
  EncodeInput,
  FillInput,
  InsertInput,
  SampleOutput,
} from '#index/graph/build/graph-tasks.js';
import type { RowCopies, RowCopiesInput } from '#index/graph/build/row-copies.js';
import {
  type CodeForm,
  codeBytes,
  fittingForm,
  isPlainForm,
  ROTATED_DIM_MIN,
  rescored,
  rotationSigns,
  scoredStepOf,
  stepOf,
} from '#index/graph/codes/graph-codes.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { buildPqCodes } from '#index/graph/pq/graph-pq-build.js';
import { GRAPH_PQ_FORM, type GraphPqSpec, graphPqLayout } from '#index/graph/pq/graph-pq-layout.js';
import { copyUpperCodes, type QgEncodeInput } from '#index/graph/qg/qg-encode.js';

export interface GraphSpec {
  readonly indexType: string;
  readonly metric: 'L2' | 'IP' | 'COSINE';
  readonly elementType: string;
  readonly dim: number;
  /** Rows of the segment; those in `without` have no vector and no node. */
  readonly rowCount: number;
  readonly without?: Uint8Array;
  /** M: links of a node in an upper layer; layer 0 has twice as many. 2 to 2,048. */
  readonly degree: number;
  readonly efConstruction: number;
  /** `fitting`: the shortest that tells neighbours apart. */
  readonly form: CodeForm | 'fitting';
  /** A quantised graph: records with codes of the neighbours take the place of codes and lists of layer 0. Its form is SQ8. */
  readonly bits?: 1 | 2;
  /** Product codes take the place of those of a form. */
  readonly pq?: GraphPqSpec;
  /** Rows are scored by the codes: the block says the node of each row too, where that is not its number. */
  readonly isScored?: boolean;
  /** Records in a file hold the vectors, one for each row. */
  readonly isPaged?: boolean;
  readonly params: Readonly<Record<string, IndexParameter>>;
  readonly seed?: number;
  /** Threads that insert; 1 makes the graph the same each time. */
  readonly threads?: number;
}

export interface BuildOptions {
  readonly signal?: AbortSignal;
  /** Share done, 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

/** The vectors of a segment, in their region. */
export interface SourceVectors<Region extends IndexRegion> {
  readonly region: Region;
  readonly place: ExactVectors;
}

const LEVEL_MAX = 15;
/** Nodes that one task inserts or encodes, tens of milliseconds: searches that wait for the same threads get their turn between. */
const INSERTED_NODES = 128;
const ENCODED_NODES = 8192;
/** From here on the order of nodes in memory matters: the codes outgrow the caches. */
const ORDERED_NODES_MIN = 20_000;

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

/** Undefined where there are few, and where rows are scored or read by their nodes. */
async function copiesIn<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: GraphSpec,
  { region, place }: SourceVectors<Region>,
  signal?: AbortSignal,
): Promise<RowCopies | undefined> {
  if (spec.isScored || spec.isPaged) return undefined;
  return workers.run<RowCopies | undefined>(
    'rowCopies',
    { place, rows: presentRows(spec) } satisfies RowCopiesInput,
    [region],
    signal,
  );
}

interface Making {
  /** The codes that the graph is made by; floats are not measured. */
  readonly by?: 'SQ8' | 'FP32';
  readonly copies: RowCopies | undefined;
}

async function buildBy<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  spec: GraphSpec,
  source: SourceVectors<Region>,
  options: BuildOptions,
  { by = 'SQ8', copies }: Making,
): Promise<Uint8Array<ArrayBuffer> | Unfit> {
  const { dim, degree, metric } = spec;
  const { signal, onProgress = () => {} } = options;
  const threads = Math.max(1, Math.min(spec.threads ?? workers.parallelism, workers.parallelism));
  const rows = copies?.distinct ?? presentRows(spec);
  const nodes = rows.length;
  const levels = drawLevels(nodes, degree, spec.seed ?? 1);
  // Floats need no frame: what reads the block finds one of zeros.
  const isRotated = by === 'SQ8' && dim >= ROTATED_DIM_MIN;
  const frame = new Float32Array(5 * dim);
  if (isRotated) frame.set(rotationSigns(dim, (spec.seed ?? 1) + 1), dim);
  const pq = spec.pq && graphPqLayout(dim, spec.pq, metric, nodes);
  // Room for the longest of those that may fit.
  const roomFor = spec.form === 'fitting' ? 'SQ8' : spec.form;
  const layout = layoutBuild(
    { ...spec, by, form: roomFor, ...(pq && { codeStride: pq.stride }) },
    nodes,
    levels.lists,
    workers.parallelism,
  );
  const region = workers.allocate(layout.total, layout.total);
  try {
    const buffer = region.memory.buffer;
    new Uint8Array(buffer, layout.links, layout.linkBytes).fill(255);
    new Uint8Array(buffer, layout.upper, layout.upperBytes).fill(255);
    new Uint8Array(buffer, layout.levels, nodes).set(levels.levels);
    new Uint32Array(buffer, layout.upperOf, nodes).set(levels.offsets);
    new Uint32Array(buffer, layout.rows, nodes).set(rows);
    new Int32Array(buffer, layout.header, 4).set([0, -1, 0, 0]);
    new Float32Array(buffer, layout.frame, frame.length).set(frame);
    const base = {
      nodes,
      dim,
      degree,
      metric,
      layout,
      source: source.place,
      isRotated,
      hasMean: by === 'SQ8' && metric !== 'IP',
      by,
      efConstruction: spec.efConstruction,
    };
    const regions = [source.region, region];
    const sample = await workers.run<SampleOutput>(
      'graphSample',
      { ...base, step: 1 } satisfies BuildPlace,
      regions,
      signal,
    );
    const place: BuildPlace = { ...base, step: stepOf(by, sample.deviation, sample.reach) };
    const stepFor = (form: CodeForm): number => {
      const { deviation, reach, most } = sample;
      return spec.isScored ? scoredStepOf(form, deviation, reach, most) : stepOf(form, deviation, reach);
    };
    const fits = async (form: CodeForm, codeStep: number, use: CodeFitInput['use']): Promise<boolean> => {
      // What rows are scored by has to rank them nearly as the vectors do; who asks for less than 8 bits takes some loss.
      const isLast = spec.isScored && use === 'walked' && (isPlainForm(form) || form === 'SQ8');
      const scored = isLast ? NEAREST_WANTED + 2 : rescored(NEAREST_WANTED, form);
      const input: CodeFitInput = { place, form, step: codeStep, scored, use };
      return doesFit(await workers.run<CodeFit>('codeFit', input, regions, signal), use);
    };
    const doBytesFit = async (): Promise<boolean> =>
      (await fits('SQ8', place.step, 'made')) &&
      (!spec.isScored || (await fits('SQ8', stepFor('SQ8'), 'walked')));
    if (by === 'SQ8' && !(await doBytesFit()))
      return { form: (await fits('BF16', 1, 'walked')) ? 'BF16' : 'FP32' };
    const runShares = (task: string, input: object): Promise<void> =>
      runLanes(
        Math.ceil(nodes / ENCODED_NODES),
        threads,
        async (piece) => {
          const begin = piece * ENCODED_NODES;
          await workers.run(
            task,
            { ...input, begin, end: Math.min(nodes, begin + ENCODED_NODES) },
            regions,
            signal,
          );
        },
        signal,
      );
    const encode = (input: Omit<EncodeInput, 'begin' | 'end'>): Promise<void> =>
      runShares('graphEncode', input);
    await encode({ place, form: by, out: layout.codes, stride: layout.codeStride, order: 0 });
    let inserted = 0;
    // The first node alone: until it stands there is no graph for the others to enter.
    if (nodes > 0)
      await workers.run<number>('graphInsert', { place, most: 1 } satisfies InsertInput, regions, signal);
    inserted = Math.min(1, nodes);
    const insert = async (): Promise<void> => {
      const done = await workers.run<number>(
        'graphInsert',
        { place, most: INSERTED_NODES } satisfies InsertInput,
        regions,
        signal,
      );
      inserted += done;
      onProgress((inserted / Math.max(1, nodes)) * 0.9);
    };
    // Threads take the next nodes from one counter, so a piece has no fixed range; as many pieces as it takes, and none comes back empty-handed.
    await runLanes(Math.ceil((nodes - inserted) / INSERTED_NODES), threads, insert, signal);
    assert(inserted === nodes, `${inserted} of ${nodes} nodes were inserted`);
    if (metric !== 'IP') await mendGraph(workers, regions, place, nodes, signal);
    const isOrdered = nodes >= ORDERED_NODES_MIN;
    const order: OrderInput = { place, isOrdered };
    const { nearest, upperNodes } = await workers.run<OrderOutput>('graphOrder', order, regions, signal);
    onProgress(0.92);
    await runShares('graphFill', { place } satisfies Omit<FillInput, 'begin' | 'end'>);
    onProgress(0.95);
    const { bits } = spec;
    const fitting =
      spec.form === 'fitting'
        ? fittingForm(dim, nearest * place.step, sample.deviation, sample.reach)
        : spec.form;
    // Room was taken for the codes that were asked for, or for those of 8 bits.
    const form =
      by === 'FP32' || bits || pq
        ? fitting
        : await firstFit(fitting, dim, (one) => fits(one, stepFor(one), 'walked'));
    const step = bits ? place.step : stepFor(form);
    const stride = pq?.stride ?? codeBytes(form, dim);
    let books: ReadonlyMap<string, Uint8Array> = new Map();
    if (pq)
      books = await buildPqCodes(workers, regions, {
        place,
        pq,
        out: layout.finalCodes,
        seed: spec.seed ?? 1,
        threads,
        signal,
      });
    else if (bits)
      await runShares('qgEncode', { place, bits, out: layout.finalCodes } satisfies Omit<
        QgEncodeInput,
        'begin' | 'end'
      >);
    else
      await encode({ place: { ...place, step }, form, out: layout.finalCodes, stride, order: layout.order });
    // Records lie far apart: the codes in which every search begins are kept side by side as well.
    const hasUpperCodes = bits !== undefined && isOrdered;
    if (hasUpperCodes) copyUpperCodes(region.memory, place, upperNodes);
    onProgress(0.97);
    const hasRows = isOrdered || nodes !== spec.rowCount;
    const section = (offset: number, bytes: number): Uint8Array => new Uint8Array(buffer, offset, bytes);
    const block = encodeIndexBlock(
      {
        indexType: spec.indexType,
        metric,
        elementType: spec.elementType,
        dim,
        rowCount: spec.rowCount,
        params: {
          ...spec.params,
          nodes,
          degree,
          codeStride: stride,
          hasRows,
          ...(isOrdered && { upperNodes }),
          ...(pq ? { form: GRAPH_PQ_FORM, isRotated: false } : { form, step, isRotated }),
        },
      },
      new Map([
        ['header', section(layout.header, 16)],
        ['frame', section(layout.frame, frame.length * 4)],
        ['upperOf', section(layout.finalUpperOf, (isOrdered ? upperNodes : nodes) * 4)],
        ['upper', section(layout.finalUpper, layout.upperBytes)],
        ...(bits
          ? [['records', section(layout.finalCodes, layout.finalBytes)] as const]
          : ([
              ['links', section(layout.finalLinks, nodes * degree * 8)],
              ['codes', section(layout.finalCodes, nodes * stride)],
            ] as const)),
        ...(hasUpperCodes
          ? [['upperCodes', section(layout.upperCodes, upperNodes * layout.codeStride)] as const]
          : []),
        ...books,
        ...copySections(copies),
        ...(hasRows ? [['rows', section(layout.finalRows, nodes * 4)] as const] : []),
        ...(hasRows && spec.isScored
          ? [
              [
                'nodeOf',
                nodesOfRows(new Uint32Array(buffer, layout.finalRows, nodes), spec.rowCount),
              ] as const,
            ]
          : []),
      ]),
    );
    onProgress(1);
    return block;
  } finally {
    workers.release(region);
  }
}

/** What may take the place of codes that do not rank rows as the vectors do, where those of 8 bits do. */
const otherForms = {
  SQ4: ['SQ6', 'SQ8'],
  SQ6: ['SQ8'],
  SQ8: [],
  BF16: ['SQ8'],
  FP16: ['SQ8'],
  FP32: [],
} as const satisfies Record<CodeForm, readonly CodeForm[]>;
/** The form that is wanted, or the first in its place that ranks rows as the vectors do. */
async function firstFit(
  form: CodeForm,
  dim: number,
  fits: (form: CodeForm) => Promise<boolean>,
): Promise<CodeForm> {
  if (form === 'SQ8' || (await fits(form))) return form;
  for (const one of otherForms[form])
    if (one === 'SQ8' || (codeBytes(one, dim) < codeBytes('SQ8', dim) && (await fits(one)))) return one;
  return form;
}

const NEAREST_WANTED = 10;
function copySections(copies: RowCopies | undefined): readonly (readonly [string, Uint8Array])[] {
  if (copies === undefined) return [];
  return (['firsts', 'ends', 'copies'] as const).map(
    (part) => [COPY_SECTIONS[part], new Uint8Array(copies[part].buffer)] as const,
  );
}

function presentRows({ rowCount, without }: GraphSpec): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++)
    if (((without?.[row >> 3] ?? 0) & (1 << (row & 7))) === 0) rows[count++] = row;
  return rows.slice(0, count);
}

/** NIL where a row has no vector. */
function nodesOfRows(rows: Uint32Array, rowCount: number): Uint8Array {
  const nodeOf = new Uint32Array(rowCount).fill(NIL);
  for (const [node, row] of rows.entries()) nodeOf[row] = node;
  return new Uint8Array(nodeOf.buffer);
}

/** Layers are drawn as the paper does, with mean 1 / ln(M). */
export function drawLevels(
  nodes: number,
  degree: number,
  seed: number,
): { levels: Uint8Array; offsets: Uint32Array; lists: number } {
  const random = seededRandom(seed);
  const scale = 1 / Math.log(degree);
  const levels = new Uint8Array(nodes);
  const offsets = new Uint32Array(nodes);
  let lists = 0;
  for (let i = 0; i < nodes; i++) {
    levels[i] = Math.min(LEVEL_MAX, Math.floor(-Math.log(1 - nextFloat(random)) * scale));
    offsets[i] = lists;
    lists += levels[i] as number;
  }
  return { levels, offsets, lists };
}
