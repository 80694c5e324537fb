// The scan of codes, by kind: what is made of the query once, what of query and list, and which kernel reads the codes.
import { must } from '#base/assert.js';
import type { IndexSearchParams } from '#index/block/vector-index.js';
import { ivfKernel } from '#index/codebook/ivf-kernel.js';
import { pqTables } from '#index/codebook/pq-codebook.js';
import type { MetricName } from '#model/schema/metric-type.js';
import {
  CANDIDATES_MAX,
  type CodeKind,
  type IvfLayout,
  type IvfWork,
  ROTATION_ROUNDS,
} from './ivf-layout.js';

export interface CodeScan {
  /** The query is loaded. */
  begin(): void;
  /** Offers the rows of a list to the candidates. Scores of all lists are known. */
  scan(list: number, firstRow: number, count: number, excluded: number): void;
}

/** Candidates for each hit that are scored again, when the request does not say: what the code's error asks for (see bench/ivf.mjs). */
function usualRefine({ kind, turned }: IvfLayout): number {
  // One bit per dimension: the error falls as dimensions grow, 128 need six times as many candidates as 768.
  if (kind === 'signs') return Math.max(4, Math.min(32, 3072 / turned));
  return { none: 1, bytes: 1.5, tables: 4, nibbles: 6 }[kind];
}

/** Candidates to keep: reorder_k (SCANN) or refine_k times k, where given; at least k. */
export function candidatesWanted(layout: IvfLayout, k: number, params: IndexSearchParams): number {
  const reorder = Number(params.reorder_k ?? params.reorderK ?? 0);
  const factor = Number(params.refine_k ?? params.refineK ?? usualRefine(layout));
  const wanted =
    reorder > 0
      ? reorder
      : Math.ceil(k * factor) + (params.refine_k === undefined && params.refineK === undefined ? 8 : 0);
  return Math.max(k, Math.min(CANDIDATES_MAX, wanted));
}

/** Undefined: the index has no codes. */
export function codeScanOf(
  layout: IvfLayout,
  metric: MetricName,
  memory: WebAssembly.Memory,
  section: (name: string) => number,
  work: IvfWork,
  params: IndexSearchParams,
): CodeScan | undefined {
  if (layout.kind === 'none') return undefined;
  return scans[layout.kind](scanParts({ layout, metric, memory, section, work, params }));
}

/** Chosen once a search: what runs for each list has no branch by kind. */
const scans = {
  bytes: byteScan,
  tables: tableScan,
  nibbles: nibbleScan,
  signs: signScan,
} satisfies Record<Exclude<CodeKind, 'none'>, (parts: ScanParts) => CodeScan>;

interface ScanInput {
  readonly layout: IvfLayout;
  readonly metric: MetricName;
  readonly memory: WebAssembly.Memory;
  /** Address of a section. */
  readonly section: (name: string) => number;
  readonly work: IvfWork;
  readonly params: IndexSearchParams;
}

type ScanParts = ReturnType<typeof scanParts>;

/** What scans of every kind read. */
function scanParts(input: ScanInput) {
  const { layout, metric, memory, section, work } = input;
  const { buffer } = memory;
  const scores = new Float32Array(buffer, work.scores, layout.lists);
  const listBias = new Float32Array(buffer, section('list_bias'), layout.lists);
  return {
    ...input,
    kernel: ivfKernel.on(memory),
    rowsAt: section('rows'),
    codes: section('codes'),
    bias: layout.hasBias ? section('row_bias') : 0,
    queryFloats: new Float32Array(buffer, work.query, (work.turnedQuery - work.query) / 4),
    /** That of f(code): for L2 the codes' inner products count twice. */
    factor: metric === 'L2' ? 2 : 1,
    /** What the list's centroid contributes to the scores of its rows. */
    baseOf: (list: number): number =>
      metric === 'L2' ? 2 * (scores[list] as number) : (scores[list] as number) - (listBias[list] as number),
  };
}

/** A byte a dimension: the query is rounded to 16 bits, so that products are sums of integers. */
function byteScan(parts: ScanParts): CodeScan {
  const { layout, memory, section, work, kernel, rowsAt, codes, bias, queryFloats, factor, baseOf } = parts;
  const { dim, width } = layout;
  const { buffer } = memory;
  const { shortQuery, top } = work;
  const lows = new Float32Array(buffer, section('lows'), dim);
  const steps = new Float32Array(buffer, section('steps'), dim);
  const short = new Int16Array(buffer, shortQuery, width);
  const weights = new Float32Array(dim);
  let [scale, offset] = [0, 0];
  return {
    begin() {
      let [most, all, low] = [0, 0, 0];
      for (let d = 0; d < dim; d++) {
        const q = queryFloats[d] as number;
        const weight = q * (steps[d] as number);
        weights[d] = weight;
        most = Math.max(most, Math.abs(weight));
        all += Math.abs(weight);
        low += q * (lows[d] as number);
      }
      // Each value fits 16 bits and the sum of all products 32.
      const unit = Math.max(most / 32_767, (all * 255) / 2_000_000_000);
      for (let d = 0; d < dim; d++) short[d] = unit > 0 ? Math.round((weights[d] as number) / unit) : 0;
      scale = -factor * unit;
      offset = -factor * low;
    },
    scan(list, first, count, excluded) {
      const base = baseOf(list) + offset;
      const biasAt = bias && bias + first * 4;
      kernel.scanBytes(
        codes + first * width,
        width,
        count,
        rowsAt + first * 4,
        biasAt,
        shortQuery,
        scale,
        base,
        excluded,
        top,
      );
    },
  };
}

/** Fills the tables of the query's products with all codewords. */
function tableFiller({ layout, memory, section, work, queryFloats, factor }: ScanParts): () => void {
  const shape = must(layout.pq, 'shape of the product codes');
  const place = { shape, books: section('books'), bias: section('book_bias') };
  const scaleQuery = (by: number): void => {
    for (let d = 0; d < queryFloats.length; d++) queryFloats[d] = (queryFloats[d] as number) * by;
  };
  return () => {
    scaleQuery(factor);
    pqTables(memory, place, work.query, work.zeros, work.tables);
    scaleQuery(1 / factor);
  };
}

/** Numbers of codewords, one or two bytes each. */
function tableScan(parts: ScanParts): CodeScan {
  const { layout, work, kernel, rowsAt, codes, bias, baseOf } = parts;
  const { width, pq } = layout;
  const { tables, top } = work;
  const { codeBytes, entries } = must(pq, 'shape of the product codes');
  const kernelScan = codeBytes === 1 ? kernel.scanTables8 : kernel.scanTables16;
  return {
    begin: tableFiller(parts),
    scan(list, first, count, excluded) {
      const biasAt = bias && bias + first * 4;
      const codesAt = codes + first * width * codeBytes;
      kernelScan(
        codesAt,
        width,
        count,
        rowsAt + first * 4,
        biasAt,
        tables,
        entries,
        baseOf(list),
        excluded,
        top,
      );
    },
  };
}

/** Numbers of codewords in halves of bytes, in blocks of rows; tables are rounded to bytes. */
function nibbleScan(parts: ScanParts): CodeScan {
  const { layout, memory, section, work, kernel, rowsAt, codes, bias, baseOf } = parts;
  const { width, lists } = layout;
  const { tables, byteTables, top } = work;
  const blocks = new Uint32Array(memory.buffer, section('blocks'), lists);
  const stepAndLeast = new Float32Array(memory.buffer, work.steps, 2);
  const fill = tableFiller(parts);
  return {
    begin() {
      fill();
      kernel.quantiseTables(tables, width, byteTables, work.steps);
    },
    scan(list, first, count, excluded) {
      const block = blocks[list] as number;
      const biasAt = bias && bias + block * 128;
      kernel.scanNibbles(
        codes + block * width * 16,
        width,
        count,
        rowsAt + first * 4,
        biasAt,
        0,
        byteTables,
        stepAndLeast[0] as number,
        stepAndLeast[1] as number,
        baseOf(list),
        excluded,
        top,
      );
    },
  };
}

/**
 * RaBitQ: with r a row's difference from its centroid and s its signs after the rotation P, (q-c).r is estimated without bias by
 * |r|^2 * (s . P(q-c)) / (sum of |P r|): the row's factor times a sum of tables of P(q-c).
 */
function signScan(parts: ScanParts): CodeScan {
  const { layout, memory, section, work, params, kernel, rowsAt, codes, bias, queryFloats, baseOf } = parts;
  const { dim, lists, width, turned } = layout;
  const { buffer } = memory;
  const { tables, byteTables, top } = work;
  const blocks = new Uint32Array(buffer, section('blocks'), lists);
  const factors = section('row_factor');
  const centroids = section('turned');
  const turnedQuery = new Float32Array(buffer, work.turnedQuery, turned);
  const listQuery = new Float32Array(buffer, work.listQuery, turned);
  const stepAndLeast = new Float32Array(buffer, work.steps, 2);
  const bits = Number(params.rbq_query_bits ?? params.rbqQueryBits ?? 0);
  return {
    begin() {
      turnedQuery.set(queryFloats.subarray(0, turned));
      turnedQuery.fill(0, dim);
      kernel.rotate(work.turnedQuery, 1, turned, section('turn_signs'), ROTATION_ROUNDS);
    },
    scan(list, first, count, excluded) {
      kernel.subtract(work.turnedQuery, centroids + list * turned * 4, turned, work.listQuery);
      if (bits > 0) roundTo(listQuery, bits);
      kernel.signTables(work.listQuery, turned, tables, byteTables, work.steps);
      const block = blocks[list] as number;
      kernel.scanNibbles(
        codes + block * width * 16,
        width,
        count,
        rowsAt + first * 4,
        bias + block * 128,
        factors + block * 128,
        byteTables,
        stepAndLeast[0] as number,
        stepAndLeast[1] as number,
        baseOf(list),
        excluded,
        top,
      );
    },
  };
}

/** Rounds to the nearest of 2^bits values between the least and the greatest. */
function roundTo(values: Float32Array, bits: number): void {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const step = (high - low) / (2 ** bits - 1);
  if (!(step > 0)) return;
  for (let i = 0; i < values.length; i++)
    values[i] = low + Math.round(((values[i] as number) - low) / step) * step;
}
