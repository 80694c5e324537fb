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
export const CACHED_BYTES = 6 << 20;
/** With fewer of the rows than this a node's two hops hold too few that count, and recall falls. */
const TWO_HOP_SHARE_MIN = 0.05;

/** One expansion of a walk that keeps what counts. */
const STEP_MICROS = 1.9;

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
    admitting: share === 0 ? Number.POSITIVE_INFINITY : (ef * STEP_MICROS) / share,
  };
}

/** Microseconds of one query by the cheapest plan for rows of which not all count. */
export const filteredMicros = (question: WalkQuestion): number =>
  Math.min(...Object.values(walkCosts(question)));

export function planWalk(question: WalkQuestion): WalkPlan {
  if (question.passing >= question.nodes) return 'walk';
  const costs = walkCosts(question);
  let best: Exclude<WalkPlan, 'walk'> = 'exact';
  for (const plan of ['scan', 'two-hop', 'admitting'] as const) if (costs[plan] < costs[best]) best = plan;
  return best;
}

/** How long a walk that keeps what counts may go on. */
export interface WalkLimits {
  /** In nodes that are scored. */
  readonly budget: number;
  /** After so many expansions it has to have `ef` results, or it is given up; 0: only the budget ends it. */
  readonly probe: number;
  /** Results of a walk that was given up which say that near the query about as many rows count as elsewhere. */
  readonly usual: number;
}

const NODE_MICROS = 0.06;
/** Nodes that an expansion scores, and what it costs in all, in nodes. */
const NEW_NODES = 10;
const STEP_NODES = STEP_MICROS / NODE_MICROS;
/** Steps beyond what is usual for the share that counts. */
const SPARE = 2;
/** What a walk may take of the time that a scan needs. */
const SCAN_SHARE = 0.4;

/**
 * Filters go with the vectors or against them, so the share of rows that count says little about those near a query. A walk tries first:
 * where few count in all, for some steps, and it goes on if they are many here; where many count, until it has cost much of what a scan does.
 * @param plan the one for the share that counts
 */
export function walkLimits(question: WalkQuestion, plan: 'admitting' | 'two-hop' | 'scan'): WalkLimits {
  const { nodes, passing, ef } = question;
  const costs = walkCosts(question);
  const share = passing / Math.max(1, nodes);
  if (plan === 'admitting') {
    const spared = share === 0 ? 0 : (ef * STEP_NODES * SPARE) / share;
    return {
      budget: Math.ceil(Math.max(spared, (costs.scan * SCAN_SHARE) / NODE_MICROS)),
      probe: 0,
      usual: 0,
    };
  }
  const probe = Math.ceil(ef / 2);
  const budget = Math.ceil(Math.max(probe * STEP_NODES, costs[plan] / NODE_MICROS));
  return { budget, probe, usual: Math.min(ef, (probe * NEW_NODES * share) / 4) };
}
