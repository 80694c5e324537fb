// How a graph is searched when not every row counts: by exact scores or codes of what counts, by walking over what counts alone, or by an
// ordinary walk that keeps it. The cheapest is taken; costs are fitted by hand to bench/filtered.mjs, each plan forced; bench/ann and that
// measure what comes of it.

export type WalkPlan = 'walk' | 'admitting' | 'two-hop' | 'scan' | 'exact';
export interface WalkQuestion {
  readonly nodes: number;
  /** Rows that count. */
  readonly passing: number;
  readonly ef: number;
  /** Hits that are asked for, by which a walk over two hops is narrower; undefined: as many as `ef`. */
  readonly k?: number;
  /** Bytes of a vector, and of the code that the walk reads. */
  readonly vectorBytes: number;
  readonly codeBytes: number;
  /** Only nodes whose record was read become results (QG). */
  readonly readsRecords?: boolean;
}

/** Bytes that a core's caches hold from one search to the next: of codes, or of rows that count. */
export const CACHED_BYTES = 6 << 20;
/** The same of the nearest cache. */
const NEAR_BYTES = 1 << 20;
/** What a scan by codes found is scored by the vectors. */
const SCORED_MICROS = 3;
/** With fewer of the rows than this a node's two hops hold too few that count, and recall falls. */
const TWO_HOP_SHARE_MIN = 0.05;
/** What lies anywhere in memory costs as many times as much as what is read in order. */
const APART = 1.7;
/** One expansion of a walk over records that keeps what counts, one over two hops of them, and a code that is read out of one. */
const RECORD_MICROS = 1.9;
const TWO_HOP_RECORDS_MICROS = 8;
const RECORD_CODE_MICROS = 0.08;
/** Nodes that are scored for each that a walk over all of them has to look at, and by an expansion over two hops. */
const NODES_A_STEP = 12;
const NODES_OVER_TWO_HOPS = 80;

/** Bytes read of a code: where codes lie in records with other data, only the code of 8 bits a dim is read. */
export const walkedBytes = (stride: number, dim: number): number => Math.min(stride, dim * 1.25 + 16);

/** Microseconds of a score by a code, in order and anywhere. */
function codeMicros({ nodes, codeBytes }: WalkQuestion): {
  readonly inOrder: number;
  readonly apart: number;
} {
  if (nodes * codeBytes <= CACHED_BYTES) {
    const cached = 0.004 + codeBytes / 4600;
    return { inOrder: cached, apart: cached };
  }
  const inOrder = 0.01 + codeBytes / 4200;
  return { inOrder, apart: inOrder * APART };
}

/** Microseconds of a score by a vector, of rows that lie apart. */
function rowMicros({ passing, vectorBytes }: WalkQuestion): number {
  if (passing * vectorBytes > CACHED_BYTES) return 0.02 + vectorBytes / 7500;
  return passing * vectorBytes <= NEAR_BYTES ? 0.01 + vectorBytes / 20_000 : 0.04 + vectorBytes / 12_000;
}

/** Microseconds of one query by each plan; a plan that may not be taken costs infinitely much. */
export function walkCosts(question: WalkQuestion): Readonly<Record<Exclude<WalkPlan, 'walk'>, number>> {
  const { nodes, passing, ef, k = ef, readsRecords } = question;
  const share = passing / Math.max(1, nodes);
  const { inOrder, apart } = codeMicros(question);
  const step = readsRecords ? RECORD_MICROS : NODES_A_STEP * apart;
  const twoHops = readsRecords ? TWO_HOP_RECORDS_MICROS : 1.2 + NODES_OVER_TWO_HOPS * apart;
  return {
    exact: passing * rowMicros(question),
    scan: SCORED_MICROS + nodes * 0.0004 + passing * (readsRecords ? RECORD_CODE_MICROS : inOrder),
    'two-hop': share < TWO_HOP_SHARE_MIN ? Number.POSITIVE_INFINITY : twoHopWidth(ef, k, share) * twoHops,
    admitting: share === 0 ? Number.POSITIVE_INFINITY : ef * 0.5 + (ef / share) * step,
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

/**
 * What a walk over two hops keeps beyond k, as a part of what a walk over all nodes does: where few rows count it meets more of the near ones
 * a step; where most do, next to none of its steps go over two hops.
 */
const TWO_HOP_WIDTH = 1 / 3;
/** What it keeps at least: the best of the rows that count lie in more places than as many of all rows. */
const TWO_HOP_MORE_MIN = 6;

/** Results that a walk over two hops keeps to find as many of the best `k` as a walk without a filter that keeps `ef`. */
export const twoHopWidth = (ef: number, k: number, share: number): number =>
  Math.ceil(k + Math.max(TWO_HOP_MORE_MIN, (ef - k) * Math.min(1, TWO_HOP_WIDTH + share)));

/**
 * A walk over two hops to where the rows that count are takes so many times what it takes where they are near the query. Where many count
 * it is no dearer: there, next to all neighbours do, and few of its steps go over two hops.
 */
const FAR = 2;
const FAR_SHARE_MAX = 1 / 3;
const farMicros = (question: WalkQuestion, twoHops: number): number =>
  question.passing > question.nodes * FAR_SHARE_MAX ? twoHops : twoHops * FAR;

export type Instead = 'two-hop' | 'scan';

/** What takes the place of a walk that was given up. @param isFar fewer rows count near the query than elsewhere */
export function planInstead(question: WalkQuestion, isFar: boolean): Instead {
  const { scan, 'two-hop': twoHops } = walkCosts(question);
  return (isFar ? farMicros(question, twoHops) : twoHops) < scan ? 'two-hop' : 'scan';
}

/** How long a walk that keeps what counts may go on. */
export interface WalkLimits {
  /** Results that it keeps. */
  readonly width: number;
  /** In nodes that are scored. */
  readonly budget: number;
  /** After so many expansions it has to have `least` results, or it is given up; 0: only the budget ends it. */
  readonly probe: number;
  readonly least: number;
  /** Results of a walk that was given up which say that near the query about as many rows count as elsewhere. */
  readonly usual: number;
}

/** What a node costs while too few results are there to leave out far ones. */
const NODE_MICROS = 0.05;
/** Nodes that an expansion scores, of which those that count become results, and what it costs in all, in nodes. Of records one is. */
const NEW_NODES = 10;
const STEP_NODES = 32;
/** Steps beyond what is usual for the share that counts; estimates out of records err more than codes, so that more of them are taken. */
const SPARE = 2;
const SPARE_OF_RECORDS = 4;
/** What a walk may take of the time that the plan in its place needs. */
const INSTEAD_SHARE = 0.4;
/** A walk in place of a scan, which misses next to nothing, looks wider. */
const WIDER = 1.5;
/** A walk that found fewer than one in so many of the results that its share lets expect is where few rows count. */
const FEW = 4;

/**
 * Filters go with the vectors or against them, so the share of rows that count says little about those near a query. A walk tries first:
 * where few count in all, for some steps, and it goes on if they are many here; where many count, until it has cost much of what would take
 * its place. If next to none of the first nodes count, those that do lie behind others that do not: at most all of these are walked over, and
 * where that costs more than what would take its place, the walk ends at once.
 * @param plan the one for the share that counts
 */
export function walkLimits(question: WalkQuestion, plan: 'admitting' | 'two-hop' | 'scan'): WalkLimits {
  const { nodes, passing, ef, readsRecords } = question;
  const costs = walkCosts(question);
  const share = passing / Math.max(1, nodes);
  const newNodes = readsRecords ? 1 : NEW_NODES;
  if (plan === 'admitting') {
    const spare = readsRecords ? SPARE_OF_RECORDS : SPARE;
    const spared = share === 0 ? 0 : (ef * STEP_NODES * spare) / share;
    const instead = Math.min(costs.scan, farMicros(question, costs['two-hop']));
    const budget = Math.ceil(Math.max(spared, (instead * INSTEAD_SHARE) / NODE_MICROS));
    const probe = (nodes - passing) * NODE_MICROS > instead ? Math.ceil(ef / 2) : 0;
    const least = Math.ceil(Math.min(ef, probe * newNodes * share) / FEW);
    return { width: ef, budget, probe, least, usual: 0 };
  }
  const width = plan === 'scan' ? Math.ceil(ef * WIDER) : ef;
  const probe = Math.ceil(width / 3);
  const budget = Math.ceil(Math.max(probe * STEP_NODES, costs[plan] / NODE_MICROS));
  return { width, budget, probe, least: width, usual: Math.min(ef, (probe * newNodes * share) / FEW) };
}
