// Worker task of an IVF build that writes the codes of one piece of the lists, of whichever kind the index has.

import { ivfKernel } from '#index/codebook/ivf-kernel.js';
import { pqEncode } from '#index/codebook/pq-codebook.js';
import { type IvfBuildPlan, type ListPart, placesOf, Residuals, sectionAt } from './ivf-build-tasks.js';
import { BLOCK_ROWS, ROTATION_ROUNDS } from './ivf-layout.js';

type Context = { readonly memories: readonly WebAssembly.Memory[] };
export interface IvfEncodeInput {
  readonly plan: IvfBuildPlan;
  readonly parts: readonly ListPart[];
  /** Byte offset of encodeWorkBytes bytes. */
  readonly work: number;
}

/** Floats of a row while it is encoded. */
export const encodeStride = ({ layout }: Pick<IvfBuildPlan, 'layout'>): number =>
  layout.pq?.padded ?? Math.max(layout.dim, layout.turned);
/** Residuals, and ids and values of one table. */
export const encodeWorkBytes = (plan: Pick<IvfBuildPlan, 'layout'>, rows: number): number =>
  rows * (encodeStride(plan) * 4 + 8);

export function ivfEncode({ plan, parts, work }: IvfEncodeInput, context: Context): void {
  const [from, to] = context.memories as [WebAssembly.Memory, WebAssembly.Memory];
  const residuals = new Residuals(plan, from, to);
  const place = placesOf(plan, to);
  const stride = encodeStride(plan);
  for (const part of parts) {
    const { rows, first, block } = place(part);
    const floats = new Float32Array(to.buffer, work, rows.length * stride).fill(0);
    rows.forEach((row, i) => {
      residuals.read(row, part.list, floats, i * stride);
    });
    switch (plan.layout.kind) {
      case 'bytes':
        encodeBytes(plan, to, floats, residuals.centroid, rows.length, first);
        break;
      case 'tables':
      case 'nibbles':
        encodeTables(plan, to, floats, residuals.centroid, work, rows.length, first, block);
        break;
      case 'signs':
        encodeSigns(plan, to, floats, residuals.centroid, work, rows.length, block);
        break;
    }
  }
}

/** |r|^2 + 2 c.r: what the squared distance of a row adds to that of its centroid, apart from the query. */
function biasOf(rest: Float32Array, at: number, centroid: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < centroid.length; d++) {
    const r = rest[at + d] as number;
    sum += r * (r + 2 * (centroid[d] as number));
  }
  return sum;
}

function encodeBytes(
  plan: IvfBuildPlan,
  memory: WebAssembly.Memory,
  floats: Float32Array,
  centroid: Float32Array,
  count: number,
  first: number,
) {
  const { dim, width, hasBias } = plan.layout;
  const lows = new Float32Array(memory.buffer, sectionAt(plan, 'lows'), dim);
  const steps = new Float32Array(memory.buffer, sectionAt(plan, 'steps'), dim);
  const codes = new Uint8Array(memory.buffer, sectionAt(plan, 'codes') + first * width, count * width);
  const decoded = new Float32Array(dim);
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < dim; d++) {
      const [low, step] = [lows[d] as number, steps[d] as number];
      const code =
        step > 0 ? Math.min(255, Math.max(0, Math.round(((floats[i * dim + d] as number) - low) / step))) : 0;
      codes[i * width + d] = code;
      decoded[d] = low + step * code;
    }
    if (hasBias)
      new Float32Array(memory.buffer, sectionAt(plan, 'row_bias') + (first + i) * 4, 1)[0] = biasOf(
        decoded,
        0,
        centroid,
      );
  }
}

function encodeTables(
  plan: IvfBuildPlan,
  memory: WebAssembly.Memory,
  floats: Float32Array,
  centroid: Float32Array,
  work: number,
  count: number,
  first: number,
  block: number,
): void {
  const { pq: shape, width, hasBias, kind } = plan.layout;
  if (!shape) return;
  const { padded, codeBytes } = shape;
  const codes = codeBytes === 1 ? new Uint8Array(count * width) : new Uint16Array(count * width);
  const exact = hasBias ? floats.slice() : floats;
  const place = { shape, books: sectionAt(plan, 'books'), bias: sectionAt(plan, 'book_bias') };
  pqEncode(memory, place, work, count, work + count * padded * 4, codes);
  if (hasBias) {
    const at = kind === 'nibbles' ? block * BLOCK_ROWS : first;
    const bias = new Float32Array(memory.buffer, sectionAt(plan, 'row_bias') + at * 4, count);
    for (let i = 0; i < exact.length; i++) exact[i] = (exact[i] as number) - (floats[i] as number);
    for (let i = 0; i < count; i++) bias[i] = biasOf(exact, i * padded, centroid);
  }
  if (kind === 'tables') {
    const target = new Uint8Array(
      memory.buffer,
      sectionAt(plan, 'codes') + first * width * codeBytes,
      codes.byteLength,
    );
    target.set(new Uint8Array(codes.buffer, 0, codes.byteLength));
  } else packNibbles(plan, memory, block, count, (i, table) => codes[i * width + table] as number);
}

/** Blocks of 32 rows: for each table 16 bytes, of rows j (low half) and j + 16 (high half). */
function packNibbles(
  plan: IvfBuildPlan,
  memory: WebAssembly.Memory,
  block: number,
  count: number,
  codeOf: (i: number, table: number) => number,
) {
  const { width } = plan.layout;
  const codes = new Uint8Array(
    memory.buffer,
    sectionAt(plan, 'codes') + block * width * 16,
    Math.ceil(count / BLOCK_ROWS) * width * 16,
  );
  codes.fill(0);
  for (let i = 0; i < count; i++) {
    const row = i % BLOCK_ROWS;
    const base = Math.floor(i / BLOCK_ROWS) * width * 16 + (row & 15);
    const shift = row < 16 ? 0 : 4;
    for (let table = 0; table < width; table++) {
      const at = base + table * 16;
      codes[at] = (codes[at] as number) | (codeOf(i, table) << shift);
    }
  }
}

/** One sign per rotated dimension, and two numbers that make q.r of them (RaBitQ): see ivf-search. */
function encodeSigns(
  plan: IvfBuildPlan,
  memory: WebAssembly.Memory,
  floats: Float32Array,
  centroid: Float32Array,
  work: number,
  count: number,
  block: number,
): void {
  const { turned, dim } = plan.layout;
  const bias = new Float32Array(memory.buffer, sectionAt(plan, 'row_bias') + block * BLOCK_ROWS * 4, count);
  const factor = new Float32Array(
    memory.buffer,
    sectionAt(plan, 'row_factor') + block * BLOCK_ROWS * 4,
    count,
  );
  for (let i = 0; i < count; i++) {
    let [square, along] = [0, 0];
    for (let d = 0; d < dim; d++) {
      const r = floats[i * turned + d] as number;
      square += r * r;
      along += r * (centroid[d] as number);
    }
    bias[i] = plan.isL2 ? square : -along;
    factor[i] = square;
  }
  ivfKernel.on(memory).rotate(work, count, turned, sectionAt(plan, 'turn_signs'), ROTATION_ROUNDS);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let d = 0; d < turned; d++) sum += Math.abs(floats[i * turned + d] as number);
    factor[i] = sum > 0 ? ((plan.isL2 ? -2 : -1) * (factor[i] as number)) / sum : 0;
  }
  packNibbles(plan, memory, block, count, (i, table) => {
    const at = i * turned + table * 4;
    const bit = (d: number): number => ((floats[at + d] as number) > 0 ? 1 << d : 0);
    return bit(0) | bit(1) | bit(2) | bit(3);
  });
}
