// Segments whose files could not be read when they were to be compacted: set aside for a while, so that the others of their channel go on. In
// memory alone: the next start tries them again, as does everybody who asks for them by a compaction of theirs.
import { ElanusError } from '#base/errors.js';
import type { CompactionPlan } from '#roles/data-coord/compaction/plans/shard-facts.js';

/** A damaged segment is tried again after so long, in ms: somebody may have restored its file. */
const SET_ASIDE_MS = 600_000;

export interface DamagedSegment {
  readonly id: bigint;
  readonly collectionId: bigint;
  readonly reason: string;
  readonly sinceMs: number;
  readonly retryAtMs: number;
}

export class DamagedSegments {
  readonly #segments = new Map<bigint, DamagedSegment>();

  /** @returns those that are set aside; none: the failure is of another kind */
  note(plan: CompactionPlan, error: unknown, nowMs: number): readonly bigint[] {
    if (!(error instanceof ElanusError) || (error.key !== 'data_corrupt' && error.key !== 'object_not_found'))
      return [];
    const named = idsIn(error.message);
    const found = plan.sources.filter(({ id }) => named.has(id));
    // A file of deletes, or none that is named: without it none of the plan can be compacted.
    const aside = found.length === 0 ? plan.sources : found;
    for (const { id, collectionId } of aside)
      this.#segments.set(id, {
        ...{ id, collectionId, reason: error.message },
        sinceMs: this.#segments.get(id)?.sinceMs ?? nowMs,
        retryAtMs: nowMs + SET_ASIDE_MS,
      });
    return aside.map(({ id }) => id);
  }

  /** Those whose time has not come. @param isThere whether a segment is to be compacted at all still */
  now(nowMs: number, isThere: (id: bigint) => boolean): readonly DamagedSegment[] {
    for (const { id } of [...this.#segments.values()]) if (!isThere(id)) this.#segments.delete(id);
    return [...this.#segments.values()].filter(({ retryAtMs }) => retryAtMs > nowMs);
  }
}

/** Segments of the objects that an error names, as `insert_log/{collection}/{partition}/{segment}/…`. */
const idsIn = (text: string): ReadonlySet<bigint> =>
  new Set(
    [...text.matchAll(/\b(?:insert|delta)_log\/\d+\/-?\d+\/(\d+)\//g)].map(([, id]) => BigInt(id ?? 0)),
  );
