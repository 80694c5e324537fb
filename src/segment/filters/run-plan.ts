// Carries out the plan of a filter: which rows of a segment pass. Candidates first, as bits; then the columns are read run by run, only where
// a candidate is.
import type { ColumnSource } from '#expr/evaluate/column-view.js';
import { FilterEvaluator, RUN_ROWS_MAX } from '#expr/evaluate/filter-evaluator.js';
import { countBits, countRange, setRange } from '#expr/evaluate/rows.js';
import type { Leaf, Predicate } from '#expr/typed.js';
import type { Pace } from '#platform/pace.js';
import type { PassingBits } from '#segment/fields/excluded-rows.js';
import type { Candidates, FilterPlan } from './filter-plan.js';
import { RunLength } from './run-length.js';
import { isForThreads, NotedColumns, scanOnThreads, type Threads } from './thread-scan.js';

export interface PlanRun {
  readonly plan: FilterPlan;
  readonly columns: ColumnSource;
  readonly rowCount: number;
  /** What is known already of the first rows; rows never change. */
  readonly kept: PassingBits | undefined;
  readonly pace: Pace;
  /** Undefined: all is done here. */
  readonly threads?: Threads;
}

export interface PlanResult extends PassingBits {
  /** Rows that columns were read for. */
  readonly scanned: number;
  /** Rows that each part of the candidates named. */
  readonly found: ReadonlyMap<Candidates, number>;
}

/** @throws cancelled, deadline_exceeded, data_corrupt when an index turns out to be damaged */
export async function runPlan({
  plan,
  columns,
  rowCount,
  kept,
  pace,
  threads,
}: PlanRun): Promise<PlanResult> {
  const found = new Map<Candidates, number>();
  if (plan.candidates !== undefined) await prepare(plan.candidates, pace);
  const among = plan.candidates && (await candidateBits({ columns, rowCount, found, pace }, plan.candidates));
  if (among !== undefined && plan.residual === undefined)
    return { bits: among, rowCount, passing: countRange(among, 0, rowCount), scanned: 0, found };
  const scan = new Scan(rowCount, kept, among);
  const predicate: Predicate = plan.residual ?? { kind: 'constant', value: true };
  await scan.run(predicate, new NotedColumns(columns), pace, threads);
  return { bits: scan.bits, rowCount, passing: scan.passing, scanned: scan.scanned, found };
}

class Scan {
  readonly bits: Uint32Array;
  passing: number;
  scanned = 0;
  readonly #from: number;
  readonly #rowCount: number;
  readonly #among: Uint32Array | undefined;
  readonly #word = new Uint32Array(1);
  readonly #amongWord = new Uint32Array(1);

  constructor(rowCount: number, kept: PassingBits | undefined, among: Uint32Array | undefined) {
    this.#rowCount = rowCount;
    this.#among = among;
    this.bits = new Uint32Array(Math.ceil(rowCount / 32));
    // The last word of what is kept may have grown: its rows are asked again.
    this.#from = kept === undefined ? 0 : kept.rowCount & ~31;
    if (kept !== undefined) this.bits.set(kept.bits.subarray(0, this.#from / 32));
    this.passing = kept === undefined ? 0 : kept.passing - countBits(kept.bits[this.#from / 32] ?? 0);
  }

  async run(predicate: Predicate, columns: NotedColumns, pace: Pace, threads?: Threads): Promise<void> {
    const evaluator = await FilterEvaluator.inPieces(predicate, columns, pace);
    const rows = { from: this.#from, rowCount: this.#rowCount, among: this.#among };
    if (threads === undefined || !isForThreads(evaluator, predicate, columns, rows, threads.minNanos))
      return this.#runHere(evaluator, pace);
    const { workers } = threads;
    await scanOnThreads({
      ...{ predicate, columns, evaluator, rows, workers, pace },
      next: (row) => this.#next(row),
      take: (begin, { bits, passing }) => this.#take(begin, bits, passing),
    });
    this.scanned +=
      rows.among === undefined
        ? rows.rowCount - rows.from
        : countRange(rows.among, rows.from, rows.rowCount - rows.from);
  }

  /** Adds the bits of rows from `begin` on: whole words, or some in the word of `begin`, whose bits from there on are still clear. */
  #take(begin: number, bits: Uint32Array, passing: number): void {
    this.passing += passing;
    const [at, shift] = [begin >>> 5, begin & 31];
    // Runs of one word may come back in any order: none may clear what another has set.
    for (const [word, found] of bits.entries())
      this.bits[at + word] = (this.bits[at + word] as number) | (found << shift);
  }

  async #runHere(evaluator: FilterEvaluator, pace: Pace): Promise<void> {
    const { rowsAtOnce } = evaluator;
    const length = new RunLength(rowsAtOnce, rowsAtOnce === RUN_ROWS_MAX);
    const first = this.#next(this.#from);
    for (let begin = first; begin < this.#rowCount; ) {
      if (begin > first && pace.isDue) await pace.rest();
      const end = length.endOf(begin, this.#rowCount);
      const begunMs = pace.spentMs;
      this.#evaluate(evaluator, begin, end);
      length.took(pace.spentMs - begunMs);
      begin = this.#next(end);
    }
  }

  /** The row from which on a candidate may be, in this word or a later one. */
  #next(from: number): number {
    const among = this.#among;
    if (among === undefined || from >= this.#rowCount) return from;
    if ((among[from >>> 5] as number) >>> (from & 31) !== 0) return from;
    let word = (from >>> 5) + 1;
    while (word < among.length && among[word] === 0) word++;
    return Math.min(this.#rowCount, word * 32);
  }

  /** @param end of whole words, or in the word of `begin`, whose bits from `begin` on are still clear */
  #evaluate(evaluator: FilterEvaluator, begin: number, end: number): void {
    const among = this.#among;
    const shift = begin & 31;
    const at = begin >>> 5;
    this.scanned += among === undefined ? end - begin : countRange(among, begin, end - begin);
    if (shift === 0) {
      this.passing += evaluator.evaluate(begin, end, this.bits.subarray(at), among?.subarray(at));
      return;
    }
    const word = this.#word;
    this.#amongWord[0] = among === undefined ? 0xffffffff : (among[at] as number) >>> shift;
    this.passing += evaluator.evaluate(begin, end, word, this.#amongWord);
    this.bits[at] = (this.bits[at] as number) | ((word[0] as number) << shift);
  }
}

async function prepare(candidates: Candidates, pace: Pace): Promise<void> {
  if (candidates.kind === 'source') await candidates.source.answer.prepare?.(pace);
  if (candidates.kind !== 'and' && candidates.kind !== 'or') return;
  for (const part of candidates.parts) await prepare(part, pace);
}

interface Naming extends Pick<PlanRun, 'columns' | 'rowCount' | 'pace'> {
  readonly found: Map<Candidates, number>;
}

/** Rows behind the last one are never named. A filter may have thousands of parts: it rests between them. */
async function candidateBits(naming: Naming, candidates: Candidates): Promise<Uint32Array> {
  const { columns, rowCount, found, pace } = naming;
  const bits = new Uint32Array(Math.ceil(rowCount / 32));
  switch (candidates.kind) {
    case 'skipped':
      break;
    case 'blocks':
      candidates.blocks.addTo(bits);
      break;
    case 'source':
      candidates.source.answer.addTo(bits);
      if (candidates.isNegated) turnRound(bits, rowCount, validOf(candidates.leaf, columns));
      break;
    case 'and':
    case 'or': {
      const isAnd = candidates.kind === 'and';
      if (isAnd) setRange(bits, 0, rowCount);
      for (const part of candidates.parts) {
        const one = await candidateBits(naming, part);
        if (pace.isDue) await pace.rest();
        for (let at = 0; at < bits.length; at++)
          bits[at] = isAnd
            ? (bits[at] as number) & (one[at] as number)
            : (bits[at] as number) | (one[at] as number);
      }
    }
  }
  found.set(candidates, countRange(bits, 0, rowCount));
  return bits;
}

/** The rows that were not named and whose field is not null: a leaf is unknown where it is. */
function turnRound(bits: Uint32Array, rowCount: number, valid: Uint8Array | undefined): void {
  if (valid === undefined) {
    bits.fill(0);
    return;
  }
  for (let at = 0; at < bits.length; at++) bits[at] = ~(bits[at] as number);
  const last = rowCount & 31;
  if (last !== 0) bits[bits.length - 1] = (bits[bits.length - 1] as number) & (2 ** last - 1);
  if (valid.length === 0) return;
  for (let row = 0; row < rowCount; row++)
    if (valid[row] === 0) bits[row >>> 5] = (bits[row >>> 5] as number) & ~(1 << (row & 31));
}

/** One byte a row, 0: null; empty: no row is; undefined: each is. */
function validOf(leaf: Leaf, columns: ColumnSource): Uint8Array | undefined {
  const field =
    'field' in leaf
      ? leaf.field
      : 'operand' in leaf && 'field' in leaf.operand
        ? leaf.operand.field
        : undefined;
  return field && columns.view(field.fieldId)?.valid;
}
