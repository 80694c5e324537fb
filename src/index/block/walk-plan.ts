// How a graph is searched when not every row counts: by exact scores or codes of what counts, by walking over what counts alone, or by an
// ordinary walk that keeps it. The cheapest is taken; costs are fitted by hand
// to one run over three data sets; no command of the repository repeats that fit, bench/ann measures what comes of it.

export type WalkPlan = 'walk' | 'admitting' | 'two-hop' | 'scan' | 'exact';
export interface WalkQuestion {
  readonly nodes: number;
  /** Rows that count. */
  readonly passing: number;
  readonly ef: number;
  /** Bytes of a vector, and of the code that the walk reads. */
  readonly vectorBytes: number;
  readonly codeBytes: number;
}

/** Vectors that a core's caches hold from one search to the next. */
const CACHED_BYTES = 6 << 20;
/** With fewer of the rows than this a node's two hops hold too few that count, and recall falls. */
const TWO_HOP_SHARE_MIN = 0.05;

/** Bytes read of a code: where codes lie in records with other data, only the code of 8 bits a dim is read. */
export const walkedBytes = (stride: number, dim: number): number => Math.min(stride, dim * 1.25 + 16);
/** Microseconds of one query by each plan; a plan that may not be taken costs infinitely much. */
export function walkCosts({
  nodes,
  passing,
  ef,
  vectorBytes,
  codeBytes,
}: WalkQuestion): Readonly<Record<Exclude<WalkPlan, 'walk'>, number>> {
  const share = passing / Math.max(1, nodes);
  const rowMicros =
    passing * vectorBytes <= CACHED_BYTES ? 0.01 + vectorBytes / 20_000 : 0.02 + vectorBytes / 7500;
  return {
    exact: passing * rowMicros,
    scan: nodes * 0.0016 + passing * (0.01 + codeBytes / 4200),
    'two-hop': share < TWO_HOP_SHARE_MIN ? Number.POSITIVE_INFINITY : ef * 7.5,
    admitting: share === 0 ? Number.POSITIVE_INFINITY : (ef * 1.9) / share,
  };
}

export function planWalk(question: WalkQuestion): WalkPlan {
  if (question.passing >= question.nodes) return 'walk';
  const costs = walkCosts(question);
  let best: Exclude<WalkPlan, 'walk'> = 'exact';
  for (const plan of ['scan', 'two-hop', 'admitting'] as const) if (costs[plan] < costs[best]) best = plan;
  return best;
}
