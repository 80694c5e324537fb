// The steps of building a graph that run on worker threads. Memory 0 has the vectors, memory 1 everything else (BuildLayout).
import { must } from '#base/assert.js';
import { vectorBytes } from './element-type.js';
import type { BuildLayout } from './graph-build-layout.js';
import { type CodeForm, encode, useCodes } from './graph-codes.js';
import { graphKernel } from './graph-kernel.js';
import { NIL, workLayout } from './graph-layout.js';
import type { MetricType } from './metric.js';
import { addressOfRow, writeFloats } from './vector-floats.js';
import type { ExactVectors } from './vector-index.js';

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
export interface OrderInput {
  readonly place: BuildPlace;
  readonly isOrdered: boolean;
}
export interface SampleOutput {
  /** Root mean square of framed values. */
  readonly deviation: number;
  /** 99.95 % of framed values are not larger. */
  readonly reach: number;
  /** None is. */
  readonly most: number;
}
interface Context {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}
const memoriesOf = (context: Context): [WebAssembly.Memory, WebAssembly.Memory] => [
  must(context.memories[0], 'memory of the vectors'),
  must(context.memories[1], 'memory of the build'),
];
const SAMPLED_ROWS = 20_000;

/** Brings rows into the frame, as float32; forms that keep floats are not rotated. */
export function framer(place: BuildPlace, context: Context, isPlain: boolean): (node: number) => number {
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
    writeFloats(elementType, new Uint8Array(sourceMemory.buffer, addressOfRow(source, row, rowBytes), rowBytes), raw);
    kernel.toFrame(at + work.raw, dim, mean, signs, metric === 'COSINE' ? 1 : 0, at + work.framed);
    return at + work.framed;
  };
}
/** Computes the mean (into the frame) and the spread of framed values. */
export function graphSample(place: BuildPlace, context: Context): SampleOutput {
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
  magnitudes.sort();
  return {
    deviation: Math.sqrt(squares / magnitudes.length),
    reach: magnitudes[Math.min(magnitudes.length - 1, Math.floor(magnitudes.length * 0.9995))] as number,
    most: magnitudes.at(-1) as number,
  };
}
export function graphEncode({ place, form, begin, end, out, stride, order }: EncodeInput, context: Context): void {
  const [, memory] = memoriesOf(context);
  const kernel = graphKernel.on(memory);
  const isPlain = form === 'FP32' || form === 'FP16' || form === 'BF16';
  const toFrame = framer(place, context, isPlain);
  const nodeOf = order === 0 ? undefined : new Uint32Array(memory.buffer, order, place.nodes);
  for (let i = begin; i < end; i++) {
    encode(kernel, form, place.dim, place.step, toFrame(nodeOf === undefined ? i : (nodeOf[i] as number)), out + i * stride);
  }
}
export function graphInsert({ place, most, end }: InsertInput, context: Context): number {
  const [, memory] = memoriesOf(context);
  const { nodes, dim, degree, layout, metric, efConstruction } = place;
  const kernel = graphKernel.on(memory);
  const at = layout.work + layout.workBytes * context.thread;
  const work = workLayout(nodes, dim, degree);
  useCodes(kernel, 'SQ8', metric === 'IP', dim, layout.codes, layout.codeStride);
  kernel.useGraph(nodes, degree, layout.links, degree * 8, layout.upper, layout.upperOf, layout.header);
  const ef = Math.min(Math.max(efConstruction, degree), nodes);
  kernel.useThread(at + work.visited, at + work.pool, at + work.results, ef, at + work.scratch, kernel.lastEpoch());
  kernel.useBuild(layout.levels, layout.linkKeys, layout.locks, ef, at + work.query, work.queryBytes, at + work.picks);
  return kernel.insertNext(end ?? nodes, most);
}
/** The median over some nodes of the distance to the nearest of their first links, in units of the 8-bit codes. */
function nearestOf(memory: WebAssembly.Memory, { nodes, dim, degree, layout }: BuildPlace): number {
  const links = new Uint32Array(memory.buffer, layout.links, nodes * degree * 2);
  const codes = new Int8Array(memory.buffer, layout.codes, nodes * layout.codeStride);
  const count = Math.min(nodes, NEAREST_NODES);
  const distances = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    const node = Math.floor((i * nodes) / count);
    for (let j = 0; j < Math.min(NEAREST_LINKS, degree * 2); j++) {
      const other = links[node * degree * 2 + j] as number;
      if (other === NIL) break;
      let sum = 0;
      for (let d = 0; d < dim; d++) {
        const difference = (codes[node * layout.codeStride + d] as number) - (codes[other * layout.codeStride + d] as number);
        sum += difference * difference;
      }
      distances[i] = Math.min(distances[i] as number, sum);
    }
  }
  const found = distances.filter(Number.isFinite).sort();
  return found.length === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(found[found.length >> 1] as number);
}
const NEAREST_NODES = 1000;
const NEAREST_LINKS = 8;
/** Writes the final lists: relabelled in the order of a breadth-first walk of layer 0 from the entry, or as they are. @returns see `nearestOf` */
export function graphOrder({ place, isOrdered }: OrderInput, context: Context): number {
  const [, memory] = memoriesOf(context);
  const { nodes, degree, layout } = place;
  const nearest = nearestOf(memory, place);
  const words = (offset: number, count: number): Uint32Array => new Uint32Array(memory.buffer, offset, count);
  const links = words(layout.links, nodes * degree * 2);
  const header = words(layout.header, 4);
  const order = words(layout.order, nodes);
  const inverse = words(layout.inverse, nodes);
  if (nodes > 0) walk(links, degree * 2, nodes, header[0] as number, order);
  if (!isOrdered) for (let i = 0; i < nodes; i++) order[i] = i;
  for (let i = 0; i < nodes; i++) inverse[order[i] as number] = i;
  const relabel = (from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number, length: number): void => {
    for (let j = 0; j < length; j++) {
      const node = from[fromAt + j] as number;
      to[toAt + j] = node === NIL ? NIL : (inverse[node] as number);
    }
  };
  // The keys of links end here: the final links take their place.
  const finalLinks = words(layout.finalLinks, nodes * degree * 2);
  const [upper, upperOf, rows] = [words(layout.upper, layout.upperBytes / 4), words(layout.upperOf, nodes), words(layout.rows, nodes)];
  const finalUpper = words(layout.finalUpper, layout.upperBytes / 4);
  const finalUpperOf = words(layout.finalUpperOf, nodes);
  const finalRows = words(layout.finalRows, nodes);
  const levels = new Uint8Array(memory.buffer, layout.levels, nodes);
  let list = 0;
  for (let i = 0; i < nodes; i++) {
    const node = order[i] as number;
    relabel(links, node * degree * 2, finalLinks, i * degree * 2, degree * 2);
    finalUpperOf[i] = list;
    finalRows[i] = rows[node] as number;
    for (let l = 0; l < (levels[node] as number); l++) {
      relabel(upper, ((upperOf[node] as number) + l) * degree, finalUpper, list * degree, degree);
      list++;
    }
  }
  if (nodes > 0) header[0] = inverse[header[0] as number] as number;
  header[2] = 0;
  return nearest;
}
/**
 * Breadth-first from the entry. A node that this does not reach (inner products and many equal vectors leave such) gets a link from a
 * reached node near to it that has room for one.
 */
function walk(links: Uint32Array, length: number, nodes: number, entry: number, order: Uint32Array): void {
  const seen = new Uint8Array(nodes);
  let count = 0;
  let next = 0;
  let head = 0;
  const push = (node: number): void => {
    if (seen[node] === 1) return;
    seen[node] = 1;
    order[count++] = node;
  };
  const adopt = (node: number, from: number, hops: number): boolean => {
    for (let j = from * length; j < (from + 1) * length; j++) {
      const near = links[j] as number;
      if (near === NIL) break;
      if (seen[near] === 1 && near !== node) {
        const last = (near + 1) * length - 1;
        if (links[last] === NIL) {
          let free = last;
          while (free > near * length && links[free - 1] === NIL) free--;
          links[free] = node;
          return true;
        }
      }
      if (hops > 1 && adopt(node, near, hops - 1)) return true;
    }
    return false;
  };
  push(entry);
  while (count < nodes) {
    if (head === count) {
      while (seen[next] === 1) next++;
      adopt(next, next, 3);
      push(next);
    }
    const node = order[head++] as number;
    for (let j = node * length; j < (node + 1) * length; j++) {
      const neighbour = links[j] as number;
      if (neighbour === NIL) break;
      push(neighbour);
    }
  }
}
