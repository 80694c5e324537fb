// A scan of columns that takes long, on worker threads: ranges of rows go there, bits come back, and the thread that serves everyone is free
// meanwhile. Only where all columns lie in shared memory, so that a range costs no copy of them.
//
// What is found at JSON paths is kept on the calling thread, for the next filter; so filters that keep something are evaluated there, in slices.
import type { ColumnSource, ColumnView } from '#expr/evaluate/column-view.js';
import { type FilterEvaluator, RUN_ROWS_MAX } from '#expr/evaluate/filter-evaluator.js';
import type { EvaluatedRows, HandedRows } from '#expr/evaluate/handed-rows.js';
import { countRange } from '#expr/evaluate/rows.js';
import { handPredicate } from '#expr/handed-filter.js';
import type { Leaf, Predicate } from '#expr/typed.js';
import type { Pace } from '#platform/pace.js';
import type { Workers } from '#platform/workers.js';
import { hasWords } from '#segment/words/word-leaves.js';
import { ON_THREADS, RunLength } from './run-length.js';

/** Threads for what takes long. */
export interface Threads {
  readonly workers: Workers;
  /** Nanoseconds that a scan is thought to take at least: handing it over, and perhaps the start of a thread, must be worth it. */
  readonly minNanos?: number;
}

const MIN_NANOS = 20e6;
/** A single row that may take longer is never evaluated on the thread that serves everyone: nothing could rest meanwhile. */
const ROW_NANOS_MAX = 20e6;
/** Bytes that are not shared and are copied with each range. */
const COPIED_BYTES_MAX = 64 * 1024;
/** Parts of a filter; one with more is copied about as slowly as a range is evaluated. */
const PARTS_MAX = 1000;
/** Rows of a range. */
const RANGE_ROWS_MAX = RUN_ROWS_MAX * 8;

/** Columns that write down what is read of them. */
export class NotedColumns implements ColumnSource {
  readonly views = new Map<bigint, ColumnView>();
  /** Whether something is kept about a JSON path that was asked for. */
  hasPaths = false;
  readonly #columns: ColumnSource;

  constructor(columns: ColumnSource) {
    this.#columns = columns;
  }

  view(fieldId: bigint): ColumnView | undefined {
    const view = this.#columns.view(fieldId);
    if (view !== undefined) this.views.set(fieldId, view);
    return view;
  }

  path(fieldId: bigint, path: readonly string[]) {
    const column = this.#columns.path?.(fieldId, path);
    this.hasPaths ||= column !== undefined;
    return column;
  }

  known(leaf: Leaf): Uint32Array | undefined {
    return this.#columns.known?.(leaf);
  }
}

/** The rows that are still to be asked: those from `from` on, and of `among` if that is given. */
export interface ScannedRows {
  readonly from: number;
  readonly rowCount: number;
  readonly among: Uint32Array | undefined;
}

/** Whether threads should do it. @param columns that the evaluator was made from */
export function isForThreads(
  { cost, rowNanosMax }: FilterEvaluator,
  predicate: Predicate,
  { views, hasPaths }: NotedColumns,
  { from, rowCount, among }: ScannedRows,
  minNanos = MIN_NANOS,
): boolean {
  if (rowNanosMax < ROW_NANOS_MAX) {
    // Most filters end here.
    if (hasPaths || cost * (rowCount - from) < minNanos) return false;
    if (among !== undefined && cost * countRange(among, from, rowCount - from) < minNanos) return false;
  }
  // Words that are known are known here, and where they are not they are made here.
  if (hasWords(predicate)) return false;
  let copied = 0;
  for (const view of views.values()) copied += copiedBytes(view);
  return copied <= COPIED_BYTES_MAX && partsOf(predicate) <= PARTS_MAX;
}

function copiedBytes(view: ColumnView): number {
  const arrays = view.kind === 'fixed' ? [view.values, view.valid] : [view.data, view.offsets, view.valid];
  return arrays.reduce(
    (bytes, { buffer }) => bytes + (buffer instanceof SharedArrayBuffer ? 0 : buffer.byteLength),
    0,
  );
}

function partsOf(predicate: Predicate): number {
  if (predicate.kind !== 'and' && predicate.kind !== 'or') return 1;
  return predicate.operands.reduce((parts, operand) => parts + partsOf(operand), 1);
}

let evaluations = 0;

interface ThreadScan {
  readonly predicate: Predicate;
  readonly columns: NotedColumns;
  readonly evaluator: Pick<FilterEvaluator, 'rowsAtOnce'>;
  readonly rows: ScannedRows;
  readonly workers: Workers;
  readonly pace: Pace;
  /** The first row from this one on that is to be asked. */
  next(row: number): number;
  /** Takes what was found of rows from `begin` on. */
  take(begin: number, found: EvaluatedRows): void;
}

/**
 * As many ranges at a time as there are threads; all have come back when it ends, whatever happened. A caller that goes, or whose deadline
 * passes, waits for the ranges that are under way.
 * @throws cancelled, deadline_exceeded
 */
export async function scanOnThreads(scan: ThreadScan): Promise<void> {
  const { evaluator, rows, workers, pace } = scan;
  const isCheap = evaluator.rowsAtOnce === RUN_ROWS_MAX;
  const rowsMax = Math.min(RANGE_ROWS_MAX, evaluator.rowsAtOnce * 16);
  const length = new RunLength(rowsMax, isCheap, ON_THREADS);
  const evaluation = ++evaluations;
  const handed = { ...handPredicate(scan.predicate), evaluation, views: scan.columns.views };
  let begin = scan.next(rows.from);
  let isStopped = false;
  const lane = async (): Promise<void> => {
    while (begin < rows.rowCount && !isStopped) {
      pace.check();
      const from = begin;
      const end = length.endOf(from, rows.rowCount);
      begin = scan.next(end);
      const sentMs = pace.nowMs;
      const among = rows.among && bitsFrom(rows.among, from, end);
      const input: HandedRows = { ...handed, begin: from, end, among };
      scan.take(from, await workers.run<EvaluatedRows>('evaluateRows', input, []));
      length.took(pace.nowMs - sentMs);
    }
  };
  const lanes = Array.from({ length: workers.parallelism }, () =>
    lane().catch((error: unknown) => {
      isStopped = true;
      throw error;
    }),
  );
  for (const end of await Promise.allSettled(lanes)) if (end.status === 'rejected') throw end.reason;
}

/** The bits of rows [begin, end), which are of whole words or within one. */
function bitsFrom(bits: Uint32Array, begin: number, end: number): Uint32Array {
  const shift = begin & 31;
  const found = bits.slice(begin >>> 5, Math.ceil(end / 32));
  if (shift !== 0) found[0] = (found[0] as number) >>> shift;
  return found;
}
