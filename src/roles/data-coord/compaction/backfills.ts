// How far backfills are: which collections have segments that lack what functions make, and what keeps them from getting it. In memory alone:
// what is to be done follows from the schema and from the files, at every look.
import { isInFiles, lackedOutputs } from '#model/functions/late-outputs.js';
import { type FlushedSegment, isFlushed } from '#model/states/segment.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { lackingSegments } from '#roles/data-coord/compaction/plans/plan-backfills.js';
import type { ShardFacts } from '#roles/data-coord/compaction/plans/shard-facts.js';
import type { PlanParts } from './run-plan.js';

export interface Backfill {
  readonly collectionId: bigint;
  /** Names of those that make what segments lack. */
  readonly functions: readonly string[];
  readonly lacking: number;
  readonly total: number;
  /** When segments were found to lack something first, in wall-clock ms. */
  readonly sinceMs: number;
  readonly failure: { readonly reason: string; readonly retryAtMs: number } | undefined;
}

export class Backfills {
  readonly #fills = new Map<bigint, Backfill>();
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
    return fill === undefined ? this.#expected.has(collectionId) : fill.failure === undefined;
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
    if (lacking.length === 0) {
      this.#fills.delete(collectionId);
      return lacking;
    }
    const known = this.#fills.get(collectionId);
    const ids = new Set(lacking.flatMap(({ files }) => lackedOutputs(schema, isInFiles(files))));
    this.#fills.set(collectionId, {
      collectionId,
      functions: schema.functions
        .filter(({ outputFieldIds }) => outputFieldIds.some((id) => ids.has(id)))
        .map(({ name }) => name),
      lacking: lacking.length,
      total: facts.flatMap(({ segments }) => segments.filter(({ isLevelZero }) => !isLevelZero)).length,
      sinceMs: known?.sinceMs ?? nowMs,
      failure: known?.failure,
    });
    return lacking;
  }

  failed(collectionId: bigint, reason: string, retryAtMs: number): void {
    const fill = this.#fills.get(collectionId);
    if (fill !== undefined) this.#fills.set(collectionId, { ...fill, failure: { reason, retryAtMs } });
  }

  /** How long it still waits after a failure. */
  pausedMs(collectionId: bigint, nowMs: number): number {
    return Math.max(0, (this.#fills.get(collectionId)?.failure?.retryAtMs ?? 0) - nowMs);
  }

  forget(collectionId: bigint): void {
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
