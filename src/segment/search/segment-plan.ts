// How a search of one segment is carried out, decided from facts alone: whether its index, some rows by name or all its rows are looked
// through, and in how many tasks. `segment-search.ts` gathers the facts and does what the plan says; `describe-plan.ts` prints it.
import { assertNever } from '#base/assert.js';
import type { ElementType } from '#index/block/element-type.js';
import { rowsMicros, scanMicros } from '#index/block/search-cost.js';
import type { WalkPlan } from '#index/block/walk-plan.js';
import { SPARSE_PAIR_BYTES } from '#model/columns/sparse-vector.js';
import { levelOfRecall, widthsOfLevel } from '#model/params/auto-level.js';
import { type LearnedLevels, learnedWidth } from '#model/params/learned-levels.js';
import type { MetricName } from '#model/schema/metric-type.js';
import { type RecallChoice, widthNameOf } from '#segment/recall/recall-controller.js';
import type { AskedParams } from './asked-params.js';

/** What is known of every search. */
export interface CommonFacts {
  readonly metric: MetricName;
  readonly queryCount: number;
  /** The limit as asked, and as `k` at most the rows of the segment. */
  readonly kAsked: number;
  readonly k: number;
  readonly params: AskedParams;
  readonly rowCount: number;
  /** Rows that count. */
  readonly passing: number;
  /** Tasks that run side by side. */
  readonly parallelism: number;
}

/** An index over all rows of a sealed segment. */
export interface IndexFacts {
  readonly indexType: string;
  readonly metric: string;
  readonly rowCount: number;
  /** What levels need in it, where that was learned. */
  readonly levels?: LearnedLevels | undefined;
  planOf(passing: number, width: number, k?: number): WalkPlan;
  /** Microseconds of a query in lists when so many rows count; undefined: it is no index of lists. */
  probeMicros(passing: number, k: number, params: AskedParams): number | undefined;
}

/** Vectors in memory. */
export interface DenseFacts extends CommonFacts {
  readonly store: 'dense';
  readonly dim: number;
  readonly elementType: ElementType;
  readonly vectorBytes: number;
  readonly queryBytes: number;
  /** A range, or scores that must be the same again: the scan is not shared. */
  readonly isAlone: boolean;
  /** Whether some rows do not count. */
  readonly isNarrowed: boolean;
  readonly index: IndexFacts | undefined;
  /** The search has a target recall: nothing may be used whose recall is not measured. */
  readonly keepsRecall: boolean;
  /** How to search the index so that the recall is kept; undefined: none was chosen. */
  readonly choice?: RecallChoice | undefined;
  /** First rows that a graph covers which grows with the segment. */
  readonly grownRows: number;
}

export interface SparseFacts extends CommonFacts {
  readonly store: 'sparse';
  readonly indexType: string | undefined;
  /** First rows that the index covers. */
  readonly indexedRows: number;
  /** Bytes of the rows behind them. */
  readonly scannedBytes: number;
  /** Bytes of a row, on average. */
  readonly rowBytes: number;
  /** Entries of the lists that the queries ask for. Undefined: not counted, since no row is left out or so few count that they are scored. */
  readonly postings: number | undefined;
}

/** Vectors in a file. */
export interface FileFacts extends CommonFacts {
  readonly store: 'disk' | 'codes';
  readonly index: Pick<IndexFacts, 'planOf'>;
}

export type SegmentFacts = DenseFacts | SparseFacts | FileFacts;

/** All rows from the first on that no graph covers, in ranges. */
interface ScanPlan {
  readonly kind: 'scan';
  /** Scans that run side by side; searches that come meanwhile share the next. Undefined: this one is not shared. */
  readonly sharedAtOnce: number | undefined;
}

export type DensePlan =
  | ScanPlan
  /** The index answers. */
  | {
      readonly kind: 'index';
      readonly index: IndexFacts;
      readonly params: AskedParams;
      /** The recall as estimated; 0: unknown. */
      readonly recall: number;
    }
  /** Signatures of all rows are compared, in ranges. */
  | { readonly kind: 'signatures'; readonly rowsPerTask: number }
  /** The rows that count are scored one by one. */
  | { readonly kind: 'rows'; readonly rowsPerTask: number }
  /** A graph over the first rows is walked, the rows behind it are scanned. */
  | { readonly kind: 'walk and scan'; readonly grownRows: number }
  /** Some of the queries after others, each part by its own plan. */
  | { readonly kind: 'slices'; readonly queriesPerSlice: number };

/** The index for the rows it covers, a scan for those behind; both score exactly. */
export interface SparsePlan {
  readonly kind: 'sparse';
  readonly indexType: string | undefined;
  readonly firstScanned: number;
  readonly rowsPerTask: number;
}

/** The rows that count are scored one by one, whether there is an index or not. */
export interface SparseRowsPlan {
  readonly kind: 'sparse rows';
  readonly rowsPerTask: number;
}

export type FilePlan =
  /** Nodes are walked over by codes in memory; their records in the file have the vectors. */
  | { readonly kind: 'disk walk'; readonly width: number; readonly params: AskedParams }
  /** Codes answer; the best are scored by vectors from the file where refineK is above 1. */
  | {
      readonly kind: 'codes';
      readonly index: Pick<IndexFacts, 'planOf'>;
      readonly width: number;
      readonly params: AskedParams;
      readonly isRefined: boolean;
    };

/** Lists of vectors: every row that counts is scored, or those that an index of their vectors named. */
export interface MaxSimPlan {
  readonly kind: 'max-sim';
  readonly indexType: string | undefined;
}

export type SegmentPlan = DensePlan | SparsePlan | SparseRowsPlan | FilePlan | MaxSimPlan;

/** Multiply-adds that are worth a task of their own, a few milliseconds. */
const TASK_WORK_MIN = 1 << 23;
/** The most of one task, tens of milliseconds: others that wait for the thread get their turn then. */
const TASK_WORK_MAX = 1 << 27;
/** Bytes of sparse rows or signatures that are worth a task of their own, a few milliseconds. */
const TASK_BYTES_MIN = 4 << 20;
/** A shorter scan runs on the calling thread, at once. */
const SHARED_MICROS_MIN = 120;
/** A request of more queries reads the vectors for enough of them. */
const SHARED_QUERIES_MAX = 4;
/** Queries of a scan that is cut into many tasks: more compute longer than they read, and each task's hits of all of them are held. */
const SCAN_QUERIES_MAX = 32;
/** Tasks for each thread from which a scan counts as cut into many. */
const TASKS_PER_THREAD_MAX = 16;
/** So few rows of a segment are scored one by one, index or not: that is exact, and as fast as an index that must look past the others. */
const FEW_ROWS_MAX = 1000;
/** Few rows are at most one part in so many. */
const FEW_SHARE = 2;
/** Vectors of few rows that a core has at hand from one search to the next; of more bytes, codes of them are read faster, where costs say so. */
const FEW_BYTES_MAX = 1 << 20;
/** What it costs to fetch a row that lies apart, in bytes that a scan reads meanwhile: rows that count are named one by one where that is less. */
const JUMP_BYTES = 4000;
/** Where fewer than one row in so many counts they are named however short their vectors are: no bits are looked through. */
const SPARSE_SHARE = 32;

export function planSegmentSearch(facts: DenseFacts): DensePlan;
export function planSegmentSearch(facts: SparseFacts): SparsePlan | SparseRowsPlan;
export function planSegmentSearch(facts: FileFacts): FilePlan;
export function planSegmentSearch(facts: SegmentFacts): SegmentPlan {
  switch (facts.store) {
    case 'dense':
      return planDense(facts);
    case 'sparse':
      return planSparse(facts);
    case 'disk':
    case 'codes':
      return planFile(facts);
    default:
      return assertNever(facts);
  }
}

const areFew = ({ isNarrowed, passing, rowCount }: DenseFacts): boolean =>
  isNarrowed && passing <= FEW_ROWS_MAX && passing * FEW_SHARE <= rowCount;

/** Whether the index can answer, so that a recall may be chosen for it. An index is over all rows of a sealed segment. */
export const isIndexUsable = (facts: DenseFacts): boolean =>
  facts.index !== undefined &&
  facts.index.metric === facts.metric &&
  facts.index.rowCount === facts.rowCount &&
  !areFew(facts);

function planDense(facts: DenseFacts): DensePlan {
  const { index, choice, passing, queryCount, rowCount, parallelism } = facts;
  if (
    index !== undefined &&
    choice?.isExact !== true &&
    (isIndexUsable(facts) || areFewByCodes(facts, index))
  ) {
    const asked = choice?.params ?? ofLevel(facts, index);
    if (!isScoredByRow(facts, index, asked))
      return { kind: 'index', index, params: asked, recall: choice?.recall ?? 0 };
  }
  if (facts.metric === 'MHJACCARD') {
    const tasks = tasksOfBytes(rowCount * facts.queryBytes, parallelism);
    return { kind: 'signatures', rowsPerTask: Math.ceil(rowCount / tasks) };
  }
  const tasks = tasksOf(facts, passing, queryCount);
  if (queryCount > SCAN_QUERIES_MAX && tasks > parallelism * TASKS_PER_THREAD_MAX)
    return { kind: 'slices', queriesPerSlice: SCAN_QUERIES_MAX };
  if (facts.isNarrowed && (areSparse(facts) || areFew(facts)))
    return { kind: 'rows', rowsPerTask: Math.max(1, Math.ceil(passing / tasks)) };
  if (facts.grownRows > 0 && !facts.keepsRecall) return { kind: 'walk and scan', grownRows: facts.grownRows };
  return { kind: 'scan', sharedAtOnce: isShared(facts) ? scansAtOnce(facts) : undefined };
}

/** Few rows whose codes are scored first, and the nearest by their vectors. A range, or a recall that is promised, is answered exactly. */
const areFewByCodes = (facts: DenseFacts, index: IndexFacts): boolean => {
  const { passing, vectorBytes, metric, rowCount, params, k, isAlone, keepsRecall } = facts;
  if (passing * vectorBytes <= FEW_BYTES_MAX || index.indexType !== 'HNSW' || isAlone || keepsRecall)
    return false;
  if (index.metric !== metric || index.rowCount !== rowCount) return false;
  return index.planOf(passing, Math.max(Number(params.ef ?? 0), k), k) === 'scan';
};

/** A level means the width that it needs in this index. */
function ofLevel({ params, kAsked }: DenseFacts, { levels }: IndexFacts): AskedParams {
  if (levels === undefined || typeof params.level !== 'number') return params;
  return { ...params, ef: learnedWidth(levels, params.level, kAsked) };
}

const areSparse = ({ passing, rowCount, vectorBytes }: DenseFacts): boolean =>
  passing * Math.min(SPARSE_SHARE, 1 + JUMP_BYTES / vectorBytes) < rowCount;

/**
 * A graph of which the rows that count would be scored one by one is not asked: the tasks here do that on all threads. Lists are not where
 * ranking and probing them costs more.
 */
function isScoredByRow(facts: DenseFacts, index: IndexFacts, params: AskedParams): boolean {
  const { isNarrowed, passing, k, vectorBytes } = facts;
  if (!isNarrowed) return false;
  if (widthNameOf(index.indexType) === 'ef')
    return index.planOf(passing, Math.max(Number(params.ef ?? 0), k), k) === 'exact';
  const probe = index.probeMicros(passing, k, params);
  return probe !== undefined && rowsMicros(passing, vectorBytes, 1) < probe;
}

const isShared = ({ isAlone, queryCount, rowCount, vectorBytes }: DenseFacts): boolean =>
  !isAlone &&
  queryCount <= SHARED_QUERIES_MAX &&
  scanMicros(rowCount, vectorBytes, queryCount) >= SHARED_MICROS_MIN;

const scansAtOnce = (facts: DenseFacts): number =>
  Math.max(1, Math.floor(facts.parallelism / tasksOf(facts, facts.rowCount, facts.queryCount)));

type TaskFacts = Pick<DenseFacts, 'dim' | 'elementType' | 'parallelism'>;

function tasksOf({ dim, elementType, parallelism }: TaskFacts, rows: number, queryCount: number): number {
  const work = rows * (elementType === 'binary' ? dim / 32 : dim) * queryCount;
  const useful = Math.min(parallelism, Math.floor(work / TASK_WORK_MIN));
  return Math.max(1, Math.min(Math.max(useful, Math.ceil(work / TASK_WORK_MAX)), Math.ceil(rows / 64)));
}

/** How many of so many rows one task of a scan takes: whole blocks. */
export const rowsPerScanTask = (facts: TaskFacts, rows: number, queryCount: number): number =>
  Math.max(64, Math.ceil(rows / tasksOf(facts, rows, queryCount) / 64) * 64);

const tasksOfBytes = (bytes: number, parallelism: number): number =>
  Math.max(1, Math.min(parallelism, Math.floor(bytes / TASK_BYTES_MIN)));

/** Microseconds of a pair of a row that is scored, and of an entry of a list that is merged with others, most of which are passed over. */
const PAIR_MICROS = 0.007;
const ENTRY_MICROS = 0.008;

function planSparse(facts: SparseFacts): SparsePlan | SparseRowsPlan {
  const { indexType, indexedRows, rowCount, passing, scannedBytes, queryCount, parallelism } = facts;
  if (passing < rowCount && areSparseRowsFaster(facts)) {
    const tasks = tasksOfBytes(passing * facts.rowBytes * queryCount, parallelism);
    return { kind: 'sparse rows', rowsPerTask: Math.max(1, Math.ceil(passing / tasks)) };
  }
  const tasks = tasksOfBytes(scannedBytes * queryCount, parallelism);
  const rowsPerTask = Math.ceil((rowCount - indexedRows) / tasks);
  return { kind: 'sparse', indexType, firstScanned: indexedRows, rowsPerTask };
}

/** Lists beside a scan of the rows behind them, or the rows that count alone. */
function areSparseRowsFaster(facts: SparseFacts): boolean {
  const { passing, rowCount, rowBytes, scannedBytes, queryCount, indexType, postings } = facts;
  // To list more of them would take more memory than their bits, and skip little.
  if (passing * FEW_SHARE > rowCount) return false;
  if (indexType === undefined || postings === undefined) return true;
  const pairs = (bytes: number): number => (bytes / SPARSE_PAIR_BYTES) * PAIR_MICROS;
  return pairs(passing * rowBytes) < pairs(scannedBytes) + (postings / queryCount) * ENTRY_MICROS;
}

/** Measuring a recall takes exact searches, which would read the whole file: a usual width instead, and its recall is unknown. */
function planFile(facts: FileFacts): FilePlan {
  const { store, index, k, kAsked } = facts;
  const { targetRecall, ...params } = facts.params;
  const usual =
    typeof targetRecall === 'number' ? widthsOfLevel(levelOfRecall(targetRecall), kAsked).ef : undefined;
  if (store === 'disk') {
    const width = usual ?? Number(params.searchList ?? kAsked);
    return { kind: 'disk walk', width, params: { ...params, searchList: width } };
  }
  const width = usual ?? Number(params.ef ?? k);
  const isRefined = Number(params.refineK ?? 1) > 1;
  return { kind: 'codes', index, width, params: { ...params, ef: width }, isRefined };
}
