// The steps of building a graph that run on worker threads. Memory 0 has the vectors, memory 1 everything else (BuildLayout).
import { must } from '#base/assert.js';
import { vectorBytes } from '#index/block/element-type.js';
import type { MetricType } from '#index/block/metric.js';
import { addressOfRow, writeFloats } from '#index/block/vector-floats.js';
import type { ExactVectors } from '#index/block/vector-index.js';
import { type CodeForm, encode, isPlainForm, useCodes } from '#index/graph/codes/graph-codes.js';
import { type GraphKernel, graphKernel } from '#index/graph/codes/graph-kernel.js';
import { workLayout } from '#index/graph/nodes/graph-layout.js';
import type { BuildLayout } from './graph-build-layout.js';

export interface BuildPlace {
  readonly nodes: number;
  readonly dim: number;
  readonly degree: number;
  readonly efConstruction: number;
  readonly metric: MetricType;
  readonly layout: BuildLayout;
  readonly source: ExactVectors;
  readonly isRotated: boolean;
  readonly hasMean: boolean;
  readonly step: number;
  /** The codes that the graph is made by. */
  readonly by: 'SQ8' | 'FP32';
  /** Nodes that have vectors when the frame is made, where that is not all. */
  readonly sampled?: number;
}

export interface EncodeInput {
  readonly place: BuildPlace;
  readonly form: CodeForm;
  readonly begin: number;
  readonly end: number;
  readonly out: number;
  readonly stride: number;
  /** Address of the nodes in their final order, 0: as they are. */
  readonly order: number;
}

export interface InsertInput {
  readonly place: BuildPlace;
  /** Nodes from here on are not inserted yet. Default: all are. */
  readonly end?: number;
  readonly most: number;
}

export interface FillInput {
  readonly place: BuildPlace;
  readonly begin: number;
  readonly end: number;
}

export interface SampleOutput {
  /** Root mean square of framed values. */
  readonly deviation: number;
  /** 99.95 % of framed values are not larger. */
  readonly reach: number;
  /** None is. */
  readonly most: number;
}

export interface BuildContext {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}

export const memoriesOf = (context: BuildContext): [WebAssembly.Memory, WebAssembly.Memory] => [
  must(context.memories[0], 'memory of the vectors'),
  must(context.memories[1], 'memory of the build'),
];
const SAMPLED_ROWS = 20_000;

/** Brings rows into the frame, as float32; forms that keep floats are not rotated. */
export function framer(place: BuildPlace, context: BuildContext, isPlain: boolean): (node: number) => number {
  const [sourceMemory, memory] = memoriesOf(context);
  const { dim, layout, source, metric, isRotated, hasMean, nodes, degree } = place;
  const kernel = graphKernel.on(memory);
  const at = layout.work + layout.workBytes * context.thread;
  const work = workLayout(nodes, dim, degree);
  const rows = new Uint32Array(memory.buffer, layout.rows, nodes);
  const raw = new Float32Array(memory.buffer, at + work.raw, dim);
  const elementType = source.elementType ?? 'float32';
  const rowBytes = vectorBytes(elementType, dim);
  const mean = hasMean && !isPlain ? layout.frame : 0;
  const signs = isRotated && !isPlain ? layout.frame + dim * 4 : 0;
  return (node) => {
    const row = rows[node] as number;
    writeFloats(
      elementType,
      new Uint8Array(sourceMemory.buffer, addressOfRow(source, row, rowBytes), rowBytes),
      raw,
    );
    kernel.toFrame(at + work.raw, dim, mean, signs, metric === 'COSINE' ? 1 : 0, at + work.framed);
    return at + work.framed;
  };
}

/** Computes the mean (into the frame) and the spread of framed values. */
export function graphSample(place: BuildPlace, context: BuildContext): SampleOutput {
  const [, memory] = memoriesOf(context);
  const { nodes, dim, layout } = place;
  const total = place.sampled ?? nodes;
  const count = Math.min(total, SAMPLED_ROWS);
  const nodeAt = (i: number): number => Math.floor((i * total) / count);
  if (count === 0) return { deviation: 1, reach: 1, most: 1 };
  const toFrame = framer({ ...place, hasMean: false, isRotated: false }, context, false);
  if (place.hasMean) {
    const mean = new Float64Array(dim);
    for (let i = 0; i < count; i++) {
      const values = new Float32Array(memory.buffer, toFrame(nodeAt(i)), dim);
      for (let d = 0; d < dim; d++) mean[d] = (mean[d] as number) + (values[d] as number) / count;
    }
    new Float32Array(memory.buffer, layout.frame, dim).set(mean);
  }
  const framed = framer(place, context, false);
  const magnitudes = new Float32Array(Math.min(count, Math.ceil(2_000_000 / dim)) * dim);
  let squares = 0;
  for (let i = 0; i * dim < magnitudes.length; i++) {
    const values = new Float32Array(memory.buffer, framed(nodeAt(i)), dim);
    for (let d = 0; d < dim; d++) {
      const value = Math.abs(values[d] as number);
      magnitudes[i * dim + d] = value;
      squares += value * value;
    }
  }
  return {
    deviation: Math.sqrt(squares / magnitudes.length),
    reach: inOrder(magnitudes, Math.min(magnitudes.length - 1, Math.floor(magnitudes.length * 0.9995))),
    most: magnitudes.reduce((most, value) => Math.max(most, value), 0),
  };
}

/** The value that sorting would put at a place. The bits of floats that are not negative are in their order, so the upper halves nearly decide. */
function inOrder(values: Float32Array, place: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = new Uint32Array(1 << 16);
  for (const word of bits) counts[word >>> 16] = (counts[word >>> 16] as number) + 1;
  let [half, before] = [0, 0];
  while (before + (counts[half] as number) <= place) before += counts[half++] as number;
  const alike = values.filter((_, i) => (bits[i] as number) >>> 16 === half).sort();
  return alike[place - before] as number;
}

export function graphEncode(
  { place, form, begin, end, out, stride, order }: EncodeInput,
  context: BuildContext,
): void {
  const [, memory] = memoriesOf(context);
  const kernel = graphKernel.on(memory);
  const isPlain = isPlainForm(form);
  const toFrame = framer(place, context, isPlain);
  const nodeOf = order === 0 ? undefined : new Uint32Array(memory.buffer, order, place.nodes);
  for (let i = begin; i < end; i++) {
    encode(
      kernel,
      form,
      place.dim,
      place.step,
      toFrame(nodeOf === undefined ? i : (nodeOf[i] as number)),
      out + i * stride,
    );
  }
}

export function graphInsert({ place, most, end }: InsertInput, context: BuildContext): number {
  return buildKernel(place, context).insertNext(end ?? place.nodes, most);
}

/** Fills the final lists of nodes [begin, end), in their final order. */
export function graphFill({ place, begin, end }: FillInput, context: BuildContext): void {
  const { order, inverse, finalLinks } = place.layout;
  buildKernel(place, context).fillLists(begin, end, order, inverse, finalLinks);
}

/** The kernel over the codes and lists of a build. */
export function buildKernel(place: BuildPlace, context: BuildContext): GraphKernel {
  const [, memory] = memoriesOf(context);
  const { nodes, dim, degree, layout, metric, efConstruction, by } = place;
  const kernel = graphKernel.on(memory);
  const at = layout.work + layout.workBytes * context.thread;
  const work = workLayout(nodes, dim, degree);
  useCodes(kernel, by, metric === 'IP', dim, layout.codes, layout.codeStride);
  kernel.useGraph(nodes, degree, layout.links, degree * 8, layout.upper, layout.upperOf, layout.header);
  const ef = Math.min(Math.max(efConstruction, degree), nodes);
  kernel.useThread(
    at + work.visited,
    at + work.pool,
    at + work.results,
    ef,
    at + work.scratch,
    kernel.lastEpoch(),
  );
  kernel.useBuild(
    layout.levels,
    layout.linkKeys,
    layout.locks,
    ef,
    at + work.query,
    work.queryBytes,
    at + work.picks,
  );
  return kernel;
}
