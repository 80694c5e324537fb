// Which codes a graph is searched by: those that were asked for where they rank rows as the vectors do, or the first in their place.
import type { IndexRegion } from '#index/block/vector-index.js';
import { type CodeFit, type CodeFitInput, doesFit } from '#index/graph/build/code-fit.js';
import {
  type CodeForm,
  codeBytes,
  codeError,
  fittingForm,
  isPlainForm,
  rescored,
  scoredStepOf,
  stepOf,
} from '#index/graph/codes/graph-codes.js';
import type { BuildRun } from './build-run.js';

export interface ChosenCodes {
  readonly form: CodeForm;
  readonly step: number;
  /** Bytes of a node's code. */
  readonly stride: number;
}

const NEAREST_WANTED = 10;
/** Codes that err by more, as a share of the distance of neighbours, lead a walk over a file nowhere from afar; it scores no more than it reads. */
const PAGED_ERROR_MAX = 0.25;

function stepFor<Region extends IndexRegion>({ plan, sample }: BuildRun<Region>, form: CodeForm): number {
  const { deviation, reach, most } = sample;
  return plan.spec.isScored ? scoredStepOf(form, deviation, reach, most) : stepOf(form, deviation, reach);
}

async function fits<Region extends IndexRegion>(
  { workers, regions, signal, plan, place, near }: BuildRun<Region>,
  form: CodeForm,
  step: number,
  role: Parameters<typeof doesFit>[1],
): Promise<boolean> {
  const use = role === 'made' ? 'made' : 'walked';
  // What rows are scored by has to rank them nearly as the vectors do; who asks for less than 8 bits takes some loss.
  const isLast = plan.spec.isScored && use === 'walked' && (isPlainForm(form) || form === 'SQ8');
  const scored = isLast ? NEAREST_WANTED + 2 : rescored(NEAREST_WANTED, form);
  const input: CodeFitInput = { place, form, step, scored, use, near };
  return doesFit(await workers.run<CodeFit>('codeFit', input, regions, signal), role);
}

/** Whether codes of 8 bits rank rows as the vectors do, so that a graph may be made by them. */
export async function doBytesFit<Region extends IndexRegion>(run: BuildRun<Region>): Promise<boolean> {
  return (
    (await fits(run, 'SQ8', run.place.step, 'made')) &&
    (!run.plan.spec.isScored || (await fits(run, 'SQ8', stepFor(run, 'SQ8'), 'walked')))
  );
}

/** The form of floats that ranks rows where codes of 8 bits do not. */
export const floatForm = async <Region extends IndexRegion>(run: BuildRun<Region>): Promise<CodeForm> =>
  (await fits(run, 'BF16', 1, 'halved')) ? 'BF16' : 'FP32';

/** @param nearest how far the nearest nodes are from each other, in steps */
export async function chooseCodes<Region extends IndexRegion>(
  run: BuildRun<Region>,
  nearest: number,
): Promise<ChosenCodes> {
  const { plan, place, sample } = run;
  const { spec, by, pq } = plan;
  const { dim, bits } = spec;
  const fitting =
    spec.form === 'fitting'
      ? fittingForm(dim, nearest * place.step, sample.deviation, sample.reach)
      : spec.form;
  const role = spec.form === 'fitting' ? 'fitting' : 'walked';
  // Room was taken for the codes that were asked for, or for those of 8 bits.
  const form =
    by === 'FP32' || bits || pq
      ? fitting
      : await firstFit(fitting, dim, async (one) => {
          const step = stepFor(run, one);
          const isCoarse = codeError(step) > PAGED_ERROR_MAX * nearest * place.step;
          return !(spec.isPaged === true && isCoarse) && fits(run, one, step, role);
        });
  const step = bits ? place.step : stepFor(run, form);
  return { form, step, stride: pq?.stride ?? codeBytes(form, dim) };
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
