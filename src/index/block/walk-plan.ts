// How a graph is searched when not every row counts: by exact scores or codes of what counts, or by a walk over it. The cheapest is taken;
// costs are fitted by hand to bench/filtered.mjs, each plan forced; bench/ann and that measure what comes of it. A walk has a budget, so
// that a search never does more than a part more than to score what counts (docs/adr/0056).

export type WalkPlan = 'walk' | 'filtered walk' | 'scan' | 'exact';
export interface WalkQuestion {
  readonly nodes: number;
  /** Rows that count. */
  readonly passing: number;
  readonly ef: number;
  /** Hits that are asked for, by which a walk is narrower where few rows count; undefined: as many as `ef`. */
  readonly k?: number;
  /** Bytes of a vector, and of the code that the walk reads. */
  readonly vectorBytes: number;
  readonly codeBytes: number;
  /** A step reads the record of a node, which has codes of its neighbours (QG). */
  readonly readsRecords?: boolean;
  /** Where rows of equal vectors share a node: how many vectors differ. `nodes` counts rows then. */
  readonly distinct?: number;
}

/** Bytes that a core's caches hold from one search to the next: of codes, or of rows that count. */
export const CACHED_BYTES = 6 << 20;
/** The same of the nearest cache. */
const NEAR_BYTES = 1 << 20;
/** What a scan by codes found is scored by the vectors. */
const SCORED_MICROS = 3;
/** The same where some rows count: the query becomes a code, and about so many rows are read. */
const CODED_MICROS = 1;
const SCORED_ROWS = 40;
/** What it takes to prepare a search in an index, where rows could be scored without one. */
const PREPARED_MICROS = 7;
/** To look at the bit of a node: most are passed over 128 at a time. */
const BIT_MICROS = 0.00005;
/** With fewer of the rows than this, too few of a node's neighbours and theirs count, and recall falls. */
const WALKED_SHARE_MIN = 0.05;
/** What lies anywhere in memory costs as many times as much as what is read in order, and a code where some are left out so much more. */
const APART = 1.7;
const GAP_MICROS = 0.004;
/** A step of a walk beside the nodes that it scores, which are so many. */
const STEP_MICROS = 0.5;
const NODES_A_STEP = 10;
/** A step that reads a record, and a code that is read out of one. */
const RECORD_MICROS = 1;
const RECORD_CODE_MICROS = 0.08;
/**
 * Where all vectors that differ are looked at in so many times what a walk takes, none is walked over: where many rows are equal those that
 * differ are often equally far from each other (words, labels), and no link of a graph leads nearer.
 */
const FEW_DISTINCT_WALKS = 4;
/** From so many nodes on a walk that would take longer than to look at the codes of all of them is not begun. Smaller graphs take tens of microseconds either way. */
const SCANNED_NODES_MIN = 4096;
/** What a search may do more than to score the rows that count by their vectors. */
const MORE_THAN_EXACT = 0.3;
/** What a unit of the kernel's work takes at most: a node that is scored. */
export const WORK_MICROS = 0.05;

/** Bytes read of a code: where codes lie in records with other data, only the code of 8 bits a dim is read. */
export const walkedBytes = (stride: number, dim: number): number => Math.min(stride, dim * 1.25 + 16);

/** Microseconds of a score by a code, in order and anywhere. */
function codeMicros({ nodes, codeBytes }: WalkQuestion): {
  readonly inOrder: number;
  readonly withGaps: number;
  readonly apart: number;
} {
  if (nodes * codeBytes <= CACHED_BYTES) {
    const cached = 0.004 + codeBytes / 4600;
    return { inOrder: cached, withGaps: cached, apart: cached };
  }
  const inOrder = 0.01 + codeBytes / 4200;
  return { inOrder, withGaps: inOrder + GAP_MICROS, apart: inOrder * APART };
}

/** Microseconds of a score by a vector, of rows that lie apart. */
function rowMicros({ passing, vectorBytes }: WalkQuestion): number {
  if (passing * vectorBytes > CACHED_BYTES) return 0.02 + vectorBytes / 7500;
  return passing * vectorBytes <= NEAR_BYTES ? 0.009 + vectorBytes / 12_000 : 0.04 + vectorBytes / 12_000;
}

/** Microseconds of one query by each plan; a plan that may not be taken costs infinitely much. */
export function walkCosts(question: WalkQuestion): Readonly<Record<Exclude<WalkPlan, 'walk'>, number>> {
  const { nodes, passing, ef, k = ef, readsRecords } = question;
  const share = passing / Math.max(1, nodes);
  const { withGaps, apart } = codeMicros(question);
  const step = readsRecords ? RECORD_MICROS : STEP_MICROS + NODES_A_STEP * apart;
  const row = rowMicros(question);
  const scored = CODED_MICROS + Math.min(passing, SCORED_ROWS) * row;
  return {
    exact: passing * row,
    scan: scored + nodes * BIT_MICROS + passing * (readsRecords ? RECORD_CODE_MICROS : withGaps),
    'filtered walk': share < WALKED_SHARE_MIN ? Number.POSITIVE_INFINITY : narrowWidth(ef, k, share) * step,
  };
}

type WalkCosts = ReturnType<typeof walkCosts>;

/** What takes the place of a walk that was given up. */
const instead = ({ exact, scan }: WalkCosts): number => Math.min(exact, scan);

/** What a walk may take so that it and what takes its place take no more than is promised. */
const walkMicrosMax = (costs: WalkCosts): number => costs.exact * (1 + MORE_THAN_EXACT) - instead(costs);

/** Microseconds of one query by the cheapest plan for rows of which not all count. */
export const filteredMicros = (question: WalkQuestion): number =>
  Math.min(...Object.values(walkCosts(question)));

export function planWalk(question: WalkQuestion): WalkPlan {
  const few = planOfFew(question);
  if (few !== undefined) return few;
  if (question.passing >= question.nodes) return 'walk';
  const costs = walkCosts(question);
  const best = costs.scan + PREPARED_MICROS < costs.exact ? 'scan' : 'exact';
  const walk = costs['filtered walk'];
  // A walk that would take more than it may, were it wide, is not begun.
  const { ef, k = ef } = question;
  const widest = (walk * ef) / narrowWidth(ef, k, question.passing / question.nodes);
  return walk < costs[best] && widest <= walkMicrosMax(costs) ? 'filtered walk' : best;
}

/** As much longer than a walk may a look at all codes take for a query that is far from all rows, of which walks miss more. */
const FAR_SCAN_WALKS = 12;

/** The plan for such a query where all rows count. */
export function planFarWalk(question: WalkQuestion): WalkPlan {
  const plan = planWalk(question);
  if (plan !== 'walk') return plan;
  const { scan, 'filtered walk': walk } = walkCosts(question);
  // Walks among rows that count begin elsewhere, too.
  return scan < walk * FAR_SCAN_WALKS ? 'scan' : 'filtered walk';
}

/** Where a walk is not worth its time: all nodes are looked at. Undefined: it is. */
function planOfFew(question: WalkQuestion): 'exact' | 'scan' | undefined {
  const { nodes, passing, distinct, ef, readsRecords } = question;
  const { inOrder, apart } = codeMicros(question);
  const walk = ef * (readsRecords ? RECORD_MICROS : STEP_MICROS + NODES_A_STEP * apart);
  const scan = SCORED_MICROS + (distinct ?? nodes) * (readsRecords ? RECORD_CODE_MICROS : inOrder);
  if (distinct === undefined)
    return passing >= nodes && nodes >= SCANNED_NODES_MIN && scan < walk ? 'scan' : undefined;
  const scored = passing < nodes ? passing : distinct;
  const exact = scored * rowMicros({ ...question, passing: scored });
  const most = walk * FEW_DISTINCT_WALKS;
  if (exact <= most && (exact <= scan || passing >= nodes)) return 'exact';
  return scan <= Math.min(most, exact) ? 'scan' : undefined;
}

/**
 * What a walk keeps beyond k where few of the neighbours of a node count, as a part of what it keeps where most do, and at least: what
 * counts near the query lies in more places then, each step meets others of it, and fewer steps find as much.
 */
const NARROW = 0.85;
const NARROW_MORE_MIN = 6;
/** Where what counts is far from the query, it is about equally far in many places. Estimates out of records reach farther than links. */
const FAR_WIDER = 1.9;
const FAR_WIDER_RECORDS = 1.25;
/** The same where earlier walks say in which places. */
const KNOWN_WIDER = 1.6;

const narrowWidth = (ef: number, k: number, share: number): number =>
  Math.ceil(k + Math.max(NARROW_MORE_MIN, (ef - k) * Math.min(1, NARROW + share)));

/** Fewer of the nodes next to the query count than such a part of the rows: what counts is far. */
const FAR_SHARE = 1 / 2;
/** A scan that takes less than so many walks misses nothing, and takes the place of a walk to what is far. */
const FAR_WALKS = 5;

/** What a walk that does not settle may grow by, as a part of what follows it. */
const UNSETTLED = 1 / 3;

/** How a walk over rows that count is to go. */
export interface FilteredWalk {
  /** Nodes that it keeps where few of the nodes next to the entry count, where most do, and where what counts is far. */
  readonly narrow: number;
  readonly wide: number;
  readonly far: number;
  /** Nodes that it keeps where earlier walks say where to begin. */
  readonly known: number;
  /** Where fewer of 256 nodes next to the entry count, what counts is far. */
  readonly farBelow: number;
  /** Whether it goes on then. */
  readonly goesFar: boolean;
  /** The most work, in nodes that are scored. */
  readonly budget: number;
  /** Work of growing after which a walk is given up whose nearest still change, or are not surely the nearest; 0: it does not grow. Walks over
   * records do not. */
  readonly settledWithin: number;
}

/**
 * Whatever the walk finds or does not, it and the cheaper of the plans that may follow it take no more than 1.3 times what scoring the rows
 * that count by their vectors takes.
 */
export function filteredWalk(question: WalkQuestion): FilteredWalk {
  const { nodes, passing, ef, k = ef, readsRecords } = question;
  const costs = walkCosts(question);
  const share = passing / Math.max(1, nodes);
  const budget = Math.max(0, Math.floor(walkMicrosMax(costs) / WORK_MICROS));
  return {
    narrow: narrowWidth(ef, k, share),
    wide: ef,
    far: Math.ceil(Math.max(ef, k + NARROW_MORE_MIN) * (readsRecords ? FAR_WIDER_RECORDS : FAR_WIDER)),
    known: Math.ceil(Math.max(ef, k + NARROW_MORE_MIN) * KNOWN_WIDER),
    farBelow: Math.round(share * 256 * FAR_SHARE),
    goesFar: instead(costs) > costs['filtered walk'] * FAR_WALKS,
    budget,
    settledWithin: Math.min(budget, Math.max(1, Math.floor((instead(costs) * UNSETTLED) / WORK_MICROS))),
  };
}
