// How far backfills are: which collections have segments that lack what functions make, and what keeps them from getting it. In memory alone:
// what is to be done follows from the schema and from the files, at every look.
import { isInFiles, lackedOutputs } from '#model/functions/late-outputs.js';
import { type FlushedSegment, isFlushed } from '#model/states/segment.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { lackingSegments } from '#roles/data-coord/compaction/plans/plan-backfills.js';
import type { MergePlan, ShardFacts } from '#roles/data-coord/compaction/plans/shard-facts.js';
import type { PlanParts } from './run-plan.js';

export interface Backfill {
  readonly collectionId: bigint;
  readonly schemaVersion: number;
  /** Names of those that make what segments lack. */
  readonly functions: readonly string[];
  readonly lacking: number;
  readonly total: number;
  /** When segments were found to lack something first, in wall-clock ms. */
  readonly sinceMs: number;
  /** What keeps all of them waiting. */
  readonly failure: Failure | undefined;
  /** Segments of nothing but rows that a function refuses: the others do not wait for them. */
  readonly refusals: readonly Refusal[];
}

interface Failure {
  readonly reason: string;
  readonly retryAtMs: number;
}

interface Refusal extends Failure {
  readonly segmentId: bigint;
  readonly tries: number;
  /** What was refused, and by what: another schema, or deletes, make it worth another try. */
  readonly basis: string;
}

/** A refusal is tried again after so long, then after four times that, up to an hour: the text may be right, and the service wrong. */
const REFUSED_MS = 30_000;
const REFUSED_MS_MAX = 3_600_000;

export class Backfills {
  readonly #fills = new Map<bigint, Backfill>();
  /** By segment. */
  readonly #refusals = new Map<bigint, Refusal>();
  /** By collection: rows written until then were sealed for a backfill, and come to files now. */
  readonly #expected = new Map<bigint, bigint>();

  get all(): readonly Backfill[] {
    return [...this.#fills.values()];
  }

  expect(collectionId: bigint, sealedUntil: bigint): void {
    const known = this.#expected.get(collectionId) ?? 0n;
    this.#expected.set(collectionId, sealedUntil > known ? sealedUntil : known);
  }

  /** Somebody waits for it: looks at the collection are not put off, but by a failure, after which they would follow each other without end. */
  isExpected(collectionId: bigint): boolean {
    const fill = this.#fills.get(collectionId);
    if (fill === undefined) return this.#expected.has(collectionId);
    return fill.failure === undefined && fill.refusals.length < fill.lacking;
  }

  /** @returns the segments of the collection that lack something, those that no plan may take among them */
  look(
    collectionId: bigint,
    facts: readonly ShardFacts[],
    schema: CollectionSchema,
    nowMs: number,
  ): readonly FlushedSegment[] {
    const until = this.#expected.get(collectionId);
    if (until !== undefined && facts.every(({ checkpoint }) => checkpoint >= until))
      this.#expected.delete(collectionId);
    const lacking = facts.flatMap((one) => lackingSegments(one, schema));
    const known = this.#fills.get(collectionId);
    for (const { segmentId } of known?.refusals ?? [])
      if (!lacking.some(({ id }) => id === segmentId)) this.#refusals.delete(segmentId);
    if (lacking.length === 0) {
      this.#fills.delete(collectionId);
      return lacking;
    }
    const ids = new Set(lacking.flatMap(({ files }) => lackedOutputs(schema, isInFiles(files))));
    this.#fills.set(collectionId, {
      ...{ collectionId, schemaVersion: schema.version },
      functions: schema.functions
        .filter(({ outputFieldIds }) => outputFieldIds.some((id) => ids.has(id)))
        .map(({ name }) => name),
      lacking: lacking.length,
      total: facts.flatMap(({ segments }) => segments.filter(({ isLevelZero }) => !isLevelZero)).length,
      sinceMs: known?.sinceMs ?? nowMs,
      failure: known?.failure,
      refusals: lacking.flatMap(({ id }) => this.#refusals.get(id) ?? []),
    });
    return lacking;
  }

  failed(collectionId: bigint, reason: string, retryAtMs: number): void {
    const fill = this.#fills.get(collectionId);
    if (fill !== undefined) this.#fills.set(collectionId, { ...fill, failure: { reason, retryAtMs } });
  }

  /** A segment was filled: what failed before is over. */
  succeeded(collectionId: bigint): void {
    const fill = this.#fills.get(collectionId);
    if (fill !== undefined) this.#fills.set(collectionId, { ...fill, failure: undefined });
  }

  /** Rows of the one segment of the plan are refused. */
  refused(plan: MergePlan, reason: string, nowMs: number): void {
    for (const { id: segmentId, collectionId } of plan.sources) {
      const tries = (this.#refusals.get(segmentId)?.tries ?? 0) + 1;
      const retryAtMs = nowMs + Math.min(REFUSED_MS_MAX, REFUSED_MS * 4 ** (tries - 1));
      const refusal = { segmentId, reason, tries, retryAtMs, basis: this.#basisOf(plan) };
      this.#refusals.set(segmentId, refusal);
      const fill = this.#fills.get(collectionId);
      if (fill === undefined) continue;
      const others = fill.refusals.filter((one) => one.segmentId !== segmentId);
      this.#fills.set(collectionId, { ...fill, refusals: [...others, refusal] });
    }
  }

  /** Whether the segment of a plan is to be filled now. */
  isDue(plan: MergePlan, nowMs: number): boolean {
    return plan.sources.every(({ id }) => {
      const refusal = this.#refusals.get(id);
      return refusal === undefined || refusal.retryAtMs <= nowMs || refusal.basis !== this.#basisOf(plan);
    });
  }

  #basisOf({ sources, deletes }: MergePlan): string {
    const version = this.#fills.get(sources[0]?.collectionId ?? 0n)?.schemaVersion;
    const files = sources.flatMap((source) => source.files.map(({ key }) => key));
    return [version, ...deletes.map(({ id }) => id), ...files].join();
  }

  /** How long all of it still waits after a failure. */
  pausedMs(collectionId: bigint, nowMs: number): number {
    return Math.max(0, (this.#fills.get(collectionId)?.failure?.retryAtMs ?? 0) - nowMs);
  }

  /** How long until something is to be tried again; 0: nothing waits for a time. */
  nextTryMs(collectionId: bigint, nowMs: number): number {
    const { failure, refusals = [] } = this.#fills.get(collectionId) ?? {};
    const times = (failure === undefined ? refusals : [failure, ...refusals]).map(
      ({ retryAtMs }) => retryAtMs,
    );
    const waits = times.map((at) => at - nowMs).filter((ms) => ms > 0);
    return waits.length === 0 ? 0 : Math.min(...waits);
  }

  forget(collectionId: bigint): void {
    for (const { segmentId } of this.#fills.get(collectionId)?.refusals ?? [])
      this.#refusals.delete(segmentId);
    this.#fills.delete(collectionId);
    this.#expected.delete(collectionId);
  }
}

/** A look without a plan for merges, which only backfills would need. @throws collection_not_found */
export async function mayLackOutputs(
  { catalog, peers }: Pick<PlanParts, 'catalog' | 'peers'>,
  backfills: Backfills,
  collectionId: bigint,
): Promise<boolean> {
  const { collection } = await peers.definitions.describeCollection({ id: collectionId });
  const { schema } = collection ?? {};
  if (schema === undefined) return false;
  const segments = catalog.segmentsOf(collectionId).filter(isFlushed);
  return backfills.isExpected(collectionId) || lackingSegments({ segments }, schema).length > 0;
}
