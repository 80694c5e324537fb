// The codes that steer a graph search, and how vectors and queries become codes: one frame for an index (shift by the mean, random
// rotation, one step), then 4, 6, 8, 16 or 32 bits a dim. The uniform quantisers assume what the rotation brings about: dims that are
// near to Gaussian and of one variance.
import { alignUp } from '#base/bytes.js';
import { seededRandom } from '#base/random.js';
import { type GraphKernel, graphKernel } from './graph-kernel.js';

export const codeForms = ['SQ4', 'SQ6', 'SQ8', 'FP16', 'BF16', 'FP32'] as const;
export type CodeForm = (typeof codeForms)[number];
export const isCodeForm = (name: string): name is CodeForm => (codeForms as readonly string[]).includes(name);

/** Dims per unit of storage, bytes of one unit, number of the kernel's L2 mode (IP is the next). */
const forms = {
  SQ8: { dims: 16, bytes: 16, mode: 0 },
  SQ4: { dims: 32, bytes: 16, mode: 2 },
  SQ6: { dims: 64, bytes: 48, mode: 4 },
  FP32: { dims: 4, bytes: 16, mode: 6 },
  FP16: { dims: 8, bytes: 16, mode: 8 },
  BF16: { dims: 8, bytes: 16, mode: 10 },
} as const satisfies Record<CodeForm, { dims: number; bytes: number; mode: number }>;
/** What an API's `sq_type` names. */
export const sqForms = {
  SQ4U: 'SQ4',
  SQ6: 'SQ6',
  SQ8: 'SQ8',
  FP16: 'FP16',
  BF16: 'BF16',
} as const satisfies Record<string, CodeForm>;
/** Codes that are floats: neither shifted, nor rotated, nor of one step. */
export const isPlainForm = (form: CodeForm): form is 'FP32' | 'FP16' | 'BF16' =>
  form === 'FP32' || form === 'FP16' || form === 'BF16';
const paddedDims = (form: CodeForm, dim: number): number =>
  Math.ceil(dim / forms[form].dims) * forms[form].dims;
/** Codes that fit half a cache line or less more than a line are not padded further; others would straddle lines. */
export const codeBytes = (form: CodeForm, dim: number): number =>
  (paddedDims(form, dim) / forms[form].dims) * forms[form].bytes;

/** Where the frame of an index is in its memory, and its numbers. */
export interface Frame {
  readonly dim: number;
  /** Addresses of float32s, 0: none. `dim` of the mean, 4 * dim signs. */
  readonly mean: number;
  readonly signs: number;
  /** Cosine: vectors are brought to length 1 first. */
  readonly isUnit: boolean;
  readonly isIp: boolean;
  /** Width of one code unit of SQ4, SQ6 or SQ8. */
  readonly step: number;
}

/** Random signs of the rotation: 4 * dim floats of 1 or -1. */
export function rotationSigns(dim: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: 4 * dim }, () => (random.nextUint32() & 1 ? -1 : 1));
}

/** Below this the transform mixes too few dims to help. */
export const ROTATED_DIM_MIN = 16;
/** Uniform quantiser of a Gaussian with the least square error: step in standard deviations (Max 1960). */
const bestSteps = { SQ4: 0.3352, SQ6: 0.1041, SQ8: 0.0308 } as const;
/** @param deviation root mean square of framed values @param reach about their largest magnitude */
export function stepOf(form: CodeForm, deviation: number, reach: number): number {
  if (form === 'SQ4') return Math.max(bestSteps.SQ4 * deviation, (reach * 0.7) / 7.5) || 1;
  if (form === 'SQ6') return Math.max(bestSteps.SQ6 * deviation, (reach * 0.85) / 31.5) || 1;
  if (form === 'SQ8') return Math.max(bestSteps.SQ8 * deviation, reach / 127) || 1;
  return 1;
}

/**
 * For codes that rows are scored by. What lies beyond the codes is cut off, which moves the score of such a row by far more than rounding
 * does and brings it too near to a query: the step is wider, up to where recall begins to suffer (tried by hand on the first 20,000 rows of
 * the set `small` of bench/ann). 4 bits are too few for that.
 * @param most no framed value is larger
 */
export function scoredStepOf(form: CodeForm, deviation: number, reach: number, most: number): number {
  const step = stepOf(form, deviation, reach);
  if (form === 'SQ8') return Math.max(step, Math.min(1.3 * step, most / 127));
  return form === 'SQ6' ? Math.max(step, Math.min(1.2 * step, most / 31.5)) : step;
}

/**
 * The error of a squared distance by codes is about twice the distance times the deviation of one dim's rounding, step / sqrt(12). This is for a
 * distance of 1.
 */
export const codeError = (step: number): number => (2 * step) / Math.sqrt(12);

/**
 * The shortest codes whose error is small beside the distance of near neighbours.
 * @param nearest usual distance of a vector to its nearest, framed
 */
export function fittingForm(dim: number, nearest: number, deviation: number, reach: number): CodeForm {
  // Few dims are padded so far that fewer bits save nothing.
  const isShorter = (form: CodeForm): boolean => codeBytes(form, dim) < codeBytes('SQ8', dim);
  const fits = (form: CodeForm): boolean =>
    isShorter(form) && codeError(stepOf(form, deviation, reach)) <= CODE_ERROR_MAX * nearest;
  return fits('SQ4') ? 'SQ4' : fits('SQ6') ? 'SQ6' : 'SQ8';
}

/**
 * Between what the formula gives for word vectors, about 0.026, where 4 bits cost no recall, and for clustered 128-d vectors, about 0.06,
 * where 4 bits stopped short of recall .99. The two are estimates, the bound between them was not tuned.
 */
const CODE_ERROR_MAX = 0.035;
/**
 * How many of the found rows are worth an exact score: codes put the k nearest among their first few (tried by hand on word and text-like vectors), and every
 * vector that is read is a cache miss for each of its lines.
 */
export const rescored = (k: number, form: CodeForm): number =>
  form === 'SQ4' ? 2 * k + 20 : form === 'SQ6' ? 2 * k + 10 : k + 10;
/** What a walk keeps, as many times what leads it on. */
const KEPT_TIMES = 2;
/**
 * How many of the nodes that a walk met it keeps: the nearest by their codes may not be the nearest, and to score some more of them takes less than to walk on.
 * @param worth so many are worth a score @param isAsked whether a caller said how many
 */
export const keptBeside = (ef: number, worth: number, form: CodeForm, isAsked: boolean): number => {
  if (isPlainForm(form) && !isAsked) return ef;
  return Math.max(ef, isAsked ? worth : Math.min(worth, KEPT_TIMES * ef));
};
/** The difference of two errors, thrice as far off as is usual, in their deviation. */
const FAR_OFF = 3 * Math.SQRT2;
/**
 * How far a key may be behind another that it is nearer than by the vectors. A squared distance by codes errs by about 2 * distance * the deviation of
 * rounding: that of a value to `unit` / sqrt(12) and that of the query to 1 / sqrt(12), in the unit of the keys: this is for a distance of 1. An inner
 * product errs by the length of the query times that of a value; the query is rounded far less. 0: not known.
 * @param from the framed query, float32 @param scale from its values to the unit of the keys
 */
export function keySlack(
  memory: WebAssembly.Memory,
  form: CodeForm,
  { isIp, dim }: Frame,
  from: number,
  scale: number,
): number {
  if (isPlainForm(form)) return 0;
  const { unit } = l2Queries[form];
  if (!isIp) return FAR_OFF * 2 * Math.sqrt((unit ** 2 + 1) / 12);
  let squares = 0;
  for (const value of new Float32Array(memory.buffer, from, dim)) squares += value * value;
  return (FAR_OFF * unit * scale * Math.sqrt(squares)) / Math.sqrt(12);
}

/** So many times as many rows as usual are scored where codes leave them in question: all rows differ little for a query far from them. */
export const IN_QUESTION = 4;

/** Configures the kernel instance for these codes. */
export function useCodes(
  kernel: GraphKernel,
  form: CodeForm,
  isIp: boolean,
  dim: number,
  address: number,
  stride: number,
): void {
  kernel.useCodes(forms[form].mode + (isIp ? 1 : 0), paddedDims(form, dim), address, stride, 0);
}

/** Encodes the framed float32 vector at `from`. */
export function encode(
  kernel: GraphKernel,
  form: CodeForm,
  dim: number,
  step: number,
  from: number,
  out: number,
): void {
  const padded = paddedDims(form, dim);
  if (form === 'SQ4') kernel.to4(from, dim, padded, step, out);
  else if (form === 'SQ6') kernel.to6(from, dim, padded, step, out);
  else if (form === 'SQ8') kernel.to8(from, dim, padded, step, out);
  else if (form === 'FP32') kernel.to32(from, dim, padded, out);
  else kernel.to16(from, dim, padded, form === 'BF16' ? 1 : 0, out);
}

/** Room for a query form, in bytes: float32 or int16 of padded dims. */
export const queryBytes = (dim: number): number => (alignUp(dim, 64) + 64) * 4;

/**
 * The framed float32 query at `from` to what the distance of `form` takes, at `out`. L2 keeps the codes' unit (times 16 for SQ4, 4 for
 * SQ6), IP any scale: only the order of inner products matters, so the largest that cannot overflow 32 bits.
 * @returns the scale: framed values times it are in the unit of the query
 */
export function encodeQuery(
  memory: WebAssembly.Memory,
  form: CodeForm,
  frame: Frame,
  from: number,
  out: number,
): number {
  const kernel = graphKernel.on(memory);
  const { dim, step, isIp } = frame;
  const padded = paddedDims(form, dim);
  if (isPlainForm(form)) {
    kernel.to32(from, dim, padded, out);
    return 1;
  }
  if (isIp) {
    const values = new Float32Array(memory.buffer, from, dim);
    let largest = 0;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
    const limit = Math.min(2047, Math.floor(2 ** 31 / (256 * padded)));
    const scale = largest > 0 ? limit / largest : 0;
    kernel.toQuery(from, dim, padded, scale, 0, -limit, limit, out);
    return scale;
  }
  const { unit, offset, low, high } = l2Queries[form];
  kernel.toQuery(from, dim, padded, unit / step, offset, low, high, out);
  return unit / step;
}

/** Units in a step, where the codes begin, and how far a query may lie outside them. */
const l2Queries = {
  SQ4: { unit: 16, offset: 120, low: -256, high: 496 },
  SQ6: { unit: 4, offset: 126, low: -256, high: 508 },
  SQ8: { unit: 1, offset: 0, low: -512, high: 512 },
} as const;
