// Whether codes rank rows as the vectors do, measured on a sample before a graph is built by them. One step for all dims and rows suits what
// is near to Gaussian; a few long vectors, dims of very different scale or tiny differences beside large values leave it nothing to distinguish
// neighbours by, whatever formula chose it.

import { WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import {
  type CodeForm,
  codeBytes,
  encode,
  encodeQuery,
  isPlainForm,
  queryBytes,
  useCodes,
} from '#index/graph/codes/graph-codes.js';
import { graphKernel } from '#index/graph/codes/graph-kernel.js';
import { type BuildContext, type BuildPlace, framer, memoriesOf } from './graph-tasks.js';

export interface CodeFitInput {
  readonly place: BuildPlace;
  readonly form: CodeForm;
  /** Step of the codes; plain forms have none. */
  readonly step: number;
  /** How many of the nearest by codes are scored by the vectors, for ten that are wanted. */
  readonly scored: number;
  /** `made`: rows are compared by their codes of 8 bits, as while a graph is made; else with a query that is rounded less. */
  readonly use: 'made' | 'walked';
  /** Lists of nodes, each beginning with the one whose nearest the others are (near-nodes.ts). */
  readonly near: readonly Uint32Array[];
}

/** The share of the ten nearest by the vectors that are among the `scored` nearest by the codes, 0 to 1. */
export interface CodeFit {
  /** Around rows as they come. */
  readonly usual: number;
  /** Around the rows farthest from the middle, which codes may cut off. */
  readonly extreme: number;
  /** Around rows as they come, among the nearest there are: codes may have one value for all of them. */
  readonly near: number;
}

/** Ordinary data measures 0.999 and more, lengths of rows as of Student's t with two degrees of freedom 0.983. Graphs are made by codes of 8 bits, so an error of these stays, however wide the codes of a walk are. */
const LEAST = {
  made: { usual: 0.99, extreme: 0.95, near: 0.97 },
  walked: { usual: 0.9, extreme: 0.8, near: 0.9 },
  // Nobody asked for these codes: they may cost a search next to nothing, which no width would bring back.
  fitting: { usual: 0.97, extreme: 0.8, near: 0.97 },
  // Floats with half of the bits in the place of whole ones, where codes failed.
  halved: { usual: 0.9, extreme: 0.8, near: 0.97 },
} as const;
export function doesFit({ usual, extreme, near }: CodeFit, role: keyof typeof LEAST): boolean {
  const least = LEAST[role];
  return usual >= least.usual && extreme >= least.extreme && near >= least.near;
}

const NEAREST = 10;
/** Rows that are ranked, and those among which the farthest are looked for. */
export const RANKED_ROWS = 2048;
/** As many of a row's nearest are ranked beside each other. */
export const NEAR_NODES = 128;
const LOOKED_AT_ROWS = 8192;
/** How many of the ranked are the farthest of those looked at: far rows have to be distinguished from each other, too. */
const EXTREME_ROWS = 192;
const USUAL_QUERIES = 28;
const EXTREME_QUERIES = 20;

/** A task: memory 0 has the vectors, memory 1 the frame and the rows of the build. */
export function codeFit(input: CodeFitInput, context: BuildContext): CodeFit {
  const { place } = input;
  const { nodes: picked, extremes } = rowsToRank(place, context);
  if (picked.length <= NEAREST) return { usual: 1, extreme: 1, near: 1 };
  const queries = [
    ...Array.from(
      { length: USUAL_QUERIES },
      (_, i) => extremes + Math.floor((i * (picked.length - extremes)) / USUAL_QUERIES),
    ),
    ...Array.from({ length: EXTREME_QUERIES }, (_, i) => Math.floor((i * extremes) / EXTREME_QUERIES)),
  ];
  const ranker = new Ranker(input, context, picked.length);
  const shares = ranker.sharesOf(picked, queries);
  const near = input.near.filter(({ length }) => length > input.scored * 2);
  return {
    usual: mean(shares.slice(0, USUAL_QUERIES)),
    extreme: mean(shares.slice(USUAL_QUERIES)),
    near: near.length === 0 ? 1 : mean(near.flatMap((nodes) => ranker.sharesOf(nodes, [0]))),
  };
}

/** Ranks nodes by their vectors and by their codes. */
class Ranker {
  readonly #input: CodeFitInput;
  readonly #context: BuildContext;
  readonly #ranking: Ranking;

  /** @param most nodes that are ranked at a time */
  constructor(input: CodeFitInput, context: BuildContext, most: number) {
    this.#input = input;
    this.#context = context;
    this.#ranking = new Ranking(input.place.dim, input.place.metric === 'IP', most);
  }

  /** @param queries places in `nodes`. @returns for each the share of its nearest of `nodes` that codes find */
  sharesOf(nodes: Uint32Array, queries: readonly number[]): number[] {
    const { place, form, step, scored, use } = this.#input;
    const { dim, metric } = place;
    const [, memory] = memoriesOf(this.#context);
    const floatsBy = (isPlain: boolean) => {
      const frame = framer(place, this.#context, isPlain);
      return (i: number) => new Float32Array(memory.buffer, frame(nodes[i] as number), dim);
    };
    const by = (codes: Pick<CodeFitInput, 'form' | 'step' | 'use'>, isPlain: boolean) =>
      this.#ranking.keysBy(codes, floatsBy(isPlain), queries, nodes.length);
    const truth = by({ form: 'FP32', step: 1, use: 'walked' }, true);
    const tolerance = metric === 'COSINE' ? UNIT_TOLERANCE : 0;
    return by({ form, step, use }, isPlainForm(form)).map((found, q) =>
      shareFound(distancesOf(truth[q] as Uint32Array), found, scored, tolerance),
    );
  }
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** The farthest of many rows, which come first, and rows as they come. */
function rowsToRank(place: BuildPlace, context: BuildContext): { nodes: Uint32Array; extremes: number } {
  const { dim } = place;
  const total = place.sampled ?? place.nodes;
  const looked = Math.min(total, LOOKED_AT_ROWS);
  const [, memory] = memoriesOf(context);
  const toFrame = framer({ ...place, isRotated: false }, context, false);
  const lengths = new Float64Array(looked);
  const nodeAt = (i: number): number => Math.floor((i * total) / looked);
  for (let i = 0; i < looked; i++) {
    let sum = 0;
    const vector = new Float32Array(memory.buffer, toFrame(nodeAt(i)), dim);
    for (let d = 0; d < dim; d++) sum += (vector[d] as number) ** 2;
    lengths[i] = sum;
  }
  const extremes = Math.min(EXTREME_ROWS, looked >> 3);
  const taken = new Set(farthest(lengths, extremes));
  const usual = Math.min(looked, RANKED_ROWS) - extremes;
  const rest: number[] = [];
  for (let i = 0; i < looked; i++) if (!taken.has(i)) rest.push(i);
  const some = Array.from(
    { length: Math.min(usual, rest.length) },
    (_, i) => rest[Math.floor((i * rest.length) / usual)] as number,
  );
  return { nodes: Uint32Array.from([...taken, ...some], nodeAt), extremes };
}

/** Places of the greatest, which come first; of equal ones, those of the first. */
function farthest(lengths: Float64Array, count: number): number[] {
  if (count === 0) return [];
  const least = lengths.slice().sort()[lengths.length - count] as number;
  const far: number[] = [];
  for (let i = 0; i < lengths.length; i++) if ((lengths[i] as number) >= least) far.push(i);
  far.sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  return far.slice(0, count);
}

/** The k-th of the values in ascending order. One pass: there are many values and k is small. */
function kthLeast(values: Float32Array | Uint32Array, k: number): number {
  const least = values.slice(0, k).sort();
  // What is not a number comes last, and compares as nothing does.
  if (Number.isNaN(least[k - 1])) return values.slice().sort()[k - 1] as number;
  for (let i = k; i < values.length; i++) {
    const value = values[i] as number;
    if (!(value < (least[k - 1] as number))) continue;
    let at = k - 1;
    for (; at > 0 && (least[at - 1] as number) > value; at--) least[at] = least[at - 1] as number;
    least[at] = value;
  }
  return least[k - 1] as number;
}

/** Squared distances of vectors of length 1 that differ by less are the same direction, rounded. */
const UNIT_TOLERANCE = 1e-6;
const TOLERANCE = 1e-5;
/** The opposite of the order-preserving keys of floats. */
function distancesOf(keys: Uint32Array): Float32Array {
  const bits = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    bits[i] = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  }
  return new Float32Array(bits.buffer);
}

/** Share of the nearest by `truth` that is among the `most` nearest by `keys`; among equal keys, the share expected by chance. */
function shareFound(truth: Float32Array, keys: Uint32Array, most: number, tolerance: number): number {
  const tenth = kthLeast(truth, NEAREST);
  const nearest = tenth + Math.abs(tenth) * TOLERANCE + tolerance;
  const last = kthLeast(keys, Math.min(most, keys.length));
  let [before, beforeFound, equal, equalFound] = [0, 0, 0, 0];
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (key > last) continue;
    const isNear = (truth[i] as number) <= nearest ? 1 : 0;
    if (key < last) {
      before++;
      beforeFound += isNear;
    } else {
      equal++;
      equalFound += isNear;
    }
  }
  const found = beforeFound + (equalFound * Math.min(equal, most - before)) / Math.max(1, equal);
  return Math.min(1, found / NEAREST);
}

/** Keys of ranked rows by the kernel that walks use, in a memory of its own. */
class Ranking {
  readonly #memory: WebAssembly.Memory;
  readonly #dim: number;
  readonly #isIp: boolean;
  readonly #at: {
    readonly framed: number;
    readonly query: number;
    readonly ids: number;
    readonly keys: number;
    readonly codes: number;
  };

  constructor(dim: number, isIp: boolean, count: number) {
    this.#dim = dim;
    this.#isIp = isIp;
    const room = queryBytes(dim);
    const words = (count + 8) * 4;
    const framed = WASM_PAGE_BYTES;
    this.#at = {
      framed,
      query: framed + room,
      ids: framed + 2 * room,
      keys: framed + 2 * room + words,
      codes: framed + 2 * room + 2 * words,
    };
    const pages = Math.ceil((this.#at.codes + codeBytes('FP32', dim) * count) / WASM_PAGE_BYTES) + 1;
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const ids = new Uint32Array(this.#memory.buffer, this.#at.ids, count);
    for (let i = 0; i < count; i++) ids[i] = i;
  }

  keysBy(
    { form, step, use }: Pick<CodeFitInput, 'form' | 'step' | 'use'>,
    floatsOf: (i: number) => Float32Array,
    queries: readonly number[],
    count: number,
  ): Uint32Array[] {
    const { framed, query, ids, keys, codes } = this.#at;
    const memory = this.#memory;
    const kernel = graphKernel.on(memory);
    const dim = this.#dim;
    const stride = codeBytes(form, dim);
    const vector = new Float32Array(memory.buffer, framed, dim);
    for (let i = 0; i < count; i++) {
      vector.set(floatsOf(i));
      encode(kernel, form, dim, step, framed, codes + i * stride);
    }
    useCodes(kernel, form, this.#isIp, dim, codes, stride);
    const frame = { dim, mean: 0, signs: 0, isUnit: false, isIp: this.#isIp, step };
    return queries.map((i) => {
      vector.set(floatsOf(i));
      if (use === 'made')
        new Int16Array(memory.buffer, query, stride).set(
          new Int8Array(memory.buffer, codes + i * stride, stride),
        );
      else encodeQuery(memory, form, frame, framed, query);
      kernel.keysOfAll(query, ids, count, keys);
      return new Uint32Array(memory.buffer, keys, count).slice();
    });
  }
}
