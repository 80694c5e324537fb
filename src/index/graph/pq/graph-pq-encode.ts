// Worker tasks that make the product codes of a graph. Memory 0 has the vectors, memory 1 the build, memory 2 what only this step needs:
// samples, or codewords and room for each lane.
import { must } from '#base/assert.js';
import { type PqPlace, pqDecode, pqEncode } from '#index/codebook/pq-codebook.js';
import { type BuildPlace, framer } from '#index/graph/build/graph-tasks.js';
import type { GraphPqLayout } from './graph-pq-layout.js';

interface Context {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}

export interface GraphPqSampleInput {
  readonly place: BuildPlace;
  /** Their framed vectors, one after the other, go to `out` of memory 2. */
  readonly sampled: Uint32Array;
  readonly out: number;
}

export interface GraphPqEncodeInput {
  readonly place: BuildPlace;
  readonly pq: GraphPqLayout;
  /** In memory 2: codewords and biases, and graphPqRoom bytes. */
  readonly books: number;
  readonly bias: number;
  readonly work: number;
  /** Nodes in their final order. */
  readonly begin: number;
  readonly end: number;
  /** Address of the codes, in memory 1. */
  readonly out: number;
}

/** Floats of `rows` vectors, then ids and values of one table. */
export const graphPqRoom = ({ shape }: GraphPqLayout, rows: number): number =>
  Math.ceil((rows * (shape.padded * 4 + 8)) / 64) * 64;

export function graphPqSample({ place, sampled, out }: GraphPqSampleInput, context: Context): void {
  const copy = copier(place, context);
  sampled.forEach((node, i) => {
    copy(node, out + i * place.dim * 4);
  });
}

export function graphPqEncode(
  { place, pq, books, bias, work, begin, end, out }: GraphPqEncodeInput,
  context: Context,
): void {
  const memory = must(context.memories[1], 'memory of the build');
  const room = must(context.memories[2], 'memory of the codewords');
  const { shape, numberBytes, hasBias, stride } = pq;
  const { tables, padded } = shape;
  const count = end - begin;
  const order = new Uint32Array(memory.buffer, place.layout.order, place.nodes);
  const copy = copier(place, context);
  for (let i = 0; i < count; i++) copy(order[begin + i] as number, work + i * padded * 4);
  const numbers = numberBytes === 1 ? new Uint8Array(count * tables) : new Uint16Array(count * tables);
  const codewords: PqPlace = { shape, books, bias };
  pqEncode(room, codewords, work, count, work + count * padded * 4, numbers);
  const bytes = new Uint8Array(numbers.buffer);
  const codes = new Uint8Array(memory.buffer, out + begin * stride, count * stride);
  const codeView = new DataView(memory.buffer, codes.byteOffset, codes.length);
  const decoded = new Float32Array(padded);
  const width = tables * numberBytes;
  for (let i = 0; i < count; i++) {
    codes.set(bytes.subarray(i * width, (i + 1) * width), i * stride);
    if (!hasBias) continue;
    pqDecode(room, codewords, numbers.subarray(i * tables, (i + 1) * tables), decoded);
    let sum = 0;
    for (const value of decoded) sum += value * value;
    codeView.setFloat32(i * stride + width, sum / 2, true);
  }
}

function copier(place: BuildPlace, context: Context): (node: number, to: number) => void {
  const memory = must(context.memories[1], 'memory of the build');
  const room = must(context.memories[2], 'memory of the codewords');
  const toFrame = framer({ ...place, isRotated: false }, context, false);
  return (node, to) => {
    new Float32Array(room.buffer, to, place.dim).set(
      new Float32Array(memory.buffer, toFrame(node), place.dim),
    );
  };
}
