// Graphs that are searched by their codes alone, in tests: the search, and a slow oracle of what its scores should be. The oracle undoes
// the frame in double precision, so that it shares nothing with the search but the description of the codes.

import { decodeIndexBlock } from '#index/block/index-block.js';
import { writeFloats } from '#index/block/vector-floats.js';
import type { IndexSearchOutput } from '#index/block/vector-index.js';
import { type CodeForm, codeBytes } from '#index/graph/codes/graph-codes.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';
import { type CodesSearchInput, graphCodesSearch } from '#index/graph/search/graph-codes-search.js';
import type { Fixture } from './vector-index.js';

export function findByCodes(
  { index }: Fixture,
  queries: Uint8Array,
  k: number,
  rest: Partial<CodesSearchInput> = {},
): IndexSearchOutput {
  const input: CodesSearchInput = { index: index.placement, queries, k, params: { ef: 64 }, ...rest };
  return graphCodesSearch(structuredClone(input), { memories: [index.region.memory], thread: 0 });
}

/** What each row's code says of its vector; undefined for rows without one. */
export function decodedRows({ block, spec }: Fixture): (Float64Array | undefined)[] {
  const { meta, sections } = decodeIndexBlock(block);
  const { nodes, hasRows, step, isRotated } = graphParams(meta);
  const form = graphParams(meta).form as CodeForm;
  const section = (name: string): DataView => {
    const bytes = sections.get(name) as Uint8Array;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const frame = section('frame');
  const codes = section('codes');
  const { dim } = spec;
  const isPlain = form === 'FP16' || form === 'BF16';
  const out: (Float64Array | undefined)[] = new Array(spec.rowCount).fill(undefined);
  for (let node = 0; node < nodes; node++) {
    const at = node * codeBytes(form, dim);
    const framed = Float64Array.from({ length: dim }, (_, i) => codeValue(form, codes, at, i, step));
    if (!isPlain && isRotated) unrotate(framed, frame, dim);
    const mean = isPlain || spec.metric === 'IP' ? 0 : 1;
    for (let i = 0; i < dim; i++) framed[i] = (framed[i] as number) + mean * frame.getFloat32(i * 4, true);
    out[hasRows ? section('rows').getUint32(node * 4, true) : node] = framed;
  }
  return out;
}

function codeValue(form: CodeForm, codes: DataView, at: number, i: number, step: number): number {
  if (form === 'SQ8') return codes.getInt8(at + i) * step;
  if (form === 'SQ4') {
    const byte = codes.getUint8(at + Math.floor(i / 32) * 16 + (i % 16));
    return ((i % 32 < 16 ? byte % 16 : byte >> 4) - 7.5) * step;
  }
  if (form === 'SQ6') {
    const [block, quarter, lane] = [at + Math.floor(i / 64) * 48, Math.floor((i % 64) / 16), i % 16];
    const byte = codes.getUint8(block + (quarter < 2 ? 0 : 16) + lane);
    const low = quarter % 2 === 0 ? byte % 16 : byte >> 4;
    const high = Math.floor(codes.getUint8(block + 32 + lane) / 4 ** quarter) % 4;
    return (high * 16 + low - 31.5) * step;
  }
  const out = new Float32Array(1);
  const half = new Uint8Array(codes.buffer, codes.byteOffset + at + i * 2, 2);
  writeFloats(form === 'FP16' ? 'float16' : 'bfloat16', half, out);
  return out[0] as number;
}

/** Rounds of signs and a transform, backwards; both are their own opposites. */
function unrotate(vector: Float64Array, frame: DataView, dim: number): void {
  const block = 2 ** Math.floor(Math.log2(dim));
  for (let round = block === dim ? 1 : 3; round >= 0; round--) {
    const from = round % 2 === 1 ? dim - block : 0;
    for (let h = 1; h < block; h *= 2) {
      for (let i = 0; i < block; i++) {
        if ((i & h) !== 0) continue;
        const [a, b] = [vector[from + i] as number, vector[from + i + h] as number];
        vector[from + i] = (a + b) / Math.SQRT2;
        vector[from + i + h] = (a - b) / Math.SQRT2;
      }
    }
    for (let i = 0; i < dim; i++)
      vector[i] = (vector[i] as number) * frame.getFloat32((dim + round * dim + i) * 4, true);
  }
}

export function scoreOf(metric: string, query: Float32Array, vector: Float64Array): number {
  let [dot, squares, own, distance] = [0, 0, 0, 0];
  for (const [i, value] of vector.entries()) {
    const asked = query[i] as number;
    dot += asked * value;
    squares += value * value;
    own += asked * asked;
    distance += (asked - value) ** 2;
  }
  if (metric === 'L2') return distance;
  return metric === 'IP' ? dot : squares < 0.25 || own === 0 ? 0 : dot / Math.sqrt(squares * own);
}
