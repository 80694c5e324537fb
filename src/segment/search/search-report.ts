// How a search went, gathered over segments: the plan of each (for `explain`) and the recall to expect (for `target_recall`). Only for
// searches that ask; the others carry none.
import type { SegmentPlan } from '#proto/elanus/roles.js';

/** What a segment says of itself; who asked adds its id. */
export type PlanOfSegment = Omit<SegmentPlan, 'segmentId' | 'growing' | 'filter'>;

export class SearchReport {
  readonly #isExplained: boolean;
  readonly #plans: SegmentPlan[] = [];
  #rows = 0;
  #isUnknown = false;
  #recalledRows = 0;

  /** @param isExplained keep the plans too. */
  constructor(isExplained: boolean) {
    this.#isExplained = isExplained;
  }

  add(plan: SegmentPlan): void {
    if (this.#isExplained) this.#plans.push(plan);
    this.#isUnknown ||= plan.rows > 0 && plan.recall === 0;
    this.#rows += plan.rows;
    this.#recalledRows += plan.rows * plan.recall;
  }

  /** Takes in what another place answered. */
  addAnswer(answer: WireReport): void {
    this.#plans.push(...answer.plans);
    this.#isUnknown ||= answer.searchedRows > 0n && answer.recall === 0;
    this.#rows += Number(answer.searchedRows);
    this.#recalledRows += Number(answer.searchedRows) * answer.recall;
  }

  /** A mean over rows; nothing is missed where there are none. 0: some part does not know. */
  get recall(): number {
    if (this.#isUnknown) return 0;
    return this.#rows === 0 ? 1 : this.#recalledRows / this.#rows;
  }

  get wire(): WireReport {
    return { searchedRows: BigInt(this.#rows), recall: this.recall, plans: this.#plans };
  }

  get plans(): readonly SegmentPlan[] {
    return this.#plans;
  }
}

export interface WireReport {
  readonly searchedRows: bigint;
  readonly recall: number;
  readonly plans: SegmentPlan[];
}

/** The report as a client reads it. */
export function explainText(plans: readonly SegmentPlan[]): string {
  return JSON.stringify(
    plans.map(
      ({
        segmentId,
        growing,
        indexType,
        plan,
        widthName,
        width,
        rows,
        passing,
        computed,
        recall,
        filter,
      }) => ({
        segment: String(segmentId),
        state: growing ? 'growing' : 'sealed',
        index: indexType === '' ? 'none' : indexType,
        plan,
        ...(widthName !== '' && { [widthName]: width }),
        rows,
        passing,
        ...(computed > 0n && { distances: Number(computed) }),
        ...(recall > 0 && { recall: Math.round(recall * 10_000) / 10_000 }),
        ...(filter !== '' && { filter: JSON.parse(filter) as unknown }),
      }),
    ),
  );
}
