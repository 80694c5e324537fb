// Carries one plan out: a data-node writes, then one change of the catalog under the collection's lock puts the new in place of the old. The
// change is refused when a source is not as it was planned; what was written for it goes then.
import { assert, assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { CompactionJob } from '#model/states/compaction-job.js';
import {
  type FlushedSegment,
  moveSegment,
  parseFlushedSegment,
  replaceSegment,
  segmentRecord,
} from '#model/states/segment.js';
import { metaChangesMax } from '#platform/meta-check.js';
import type { Platform } from '#platform/platform.js';
import type { FileRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { CollectionLocks } from '#roles/data-coord/collection-locks.js';
import {
  type CompactionPlan,
  concerns,
  type MergePlan,
  type SpreadPlan,
} from '#roles/data-coord/compaction/plans/shard-facts.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { keysOf } from '#roles/data-coord/object-names.js';
import { discardFiles, type Orphans } from '#roles/data-coord/orphans.js';
import { writeManifest } from '#segment/files/manifest.js';

export interface PlanParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly locks: CollectionLocks;
  readonly orphans: Orphans;
}

/** What a plan is carried out with. */
export interface PlanContext {
  readonly schema: CollectionSchema;
  /** Rows written then or before have outlived their time to live, reckoned at `expiredAt`; 0n: rows do not expire. */
  readonly expiredUntil: bigint;
  readonly expiredAt: bigint;
  /** Rows whose value of this field is then or before have expired; 0n: there is no such field. */
  readonly expiryField: bigint;
  readonly expiryMicros: bigint;
  readonly signal: AbortSignal;
}

/** Segments of one transaction, with a record for the channel and one for the job that a client follows. */
const SEGMENTS_MAX = metaChangesMax - 2;

/** What becomes of the job when the plan is committed, in the same transaction. @param targets the segments that are new */
export type Noting = (targets: readonly bigint[]) => readonly CompactionJob[];

const noJob: Noting = () => [];

/**
 * @returns the segments that are new
 * @throws segment_not_found what it was planned for has changed; whatever the data-node throws
 */
export function runPlan(
  parts: PlanParts,
  plan: CompactionPlan,
  context: PlanContext,
  noting: Noting = noJob,
): Promise<readonly FlushedSegment[]> {
  switch (plan.kind) {
    case 'merge':
    case 'backfill':
      return merge(parts, plan, context, noting);
    case 'spread':
      return spread(parts, plan, context);
    default:
      return assertNever(plan);
  }
}

async function merge(
  parts: PlanParts,
  plan: MergePlan,
  { schema, expiredUntil, expiredAt, expiryField, expiryMicros, signal }: PlanContext,
  noting: Noting,
): Promise<readonly FlushedSegment[]> {
  const { peers, platform, catalog } = parts;
  const { segments, unchanged, readableFrom } = await peers.dataNode.compactSegments(
    {
      sources: plan.sources.map(segmentRecord),
      deleteSegments: plan.deletes.map(segmentRecord),
      schema,
      deletesAppliedUntil: plan.appliedUntil,
      expiredUntil,
      expiredAt,
      expiryField,
      expiryMicros,
      targetBytes: BigInt(plan.targetBytes),
      sortFieldId: plan.sortFieldId,
    },
    { signal, metadata: {} },
  );
  const fresh = segments.map(parseFlushedSegment);
  try {
    if (unchanged) await commitApplied(parts, plan, { planned: plan.sources, file: undefined, noting });
    else {
      const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
      await commitMerge(parts, plan, fresh, { at: timestamp, readableFrom, noting });
    }
  } catch (error) {
    // Only the store knows whether a change whose outcome got lost took place. What it does not say stays for the next start.
    await catalog.settle();
    if (fresh.length > 0 && fresh.every(({ id }) => catalog.segments.has(id))) return fresh;
    for (const segment of fresh) await discardFiles(platform, segment);
    throw error;
  }
  return fresh;
}

function commitMerge(
  { catalog, locks, orphans }: PlanParts,
  plan: MergePlan,
  fresh: readonly FlushedSegment[],
  {
    at,
    readableFrom,
    noting,
  }: { readonly at: bigint; readonly readableFrom: bigint; readonly noting: Noting },
): Promise<void> {
  assert(
    plan.sources.length + fresh.length <= SEGMENTS_MAX,
    `${plan.sources.length} segments become ${fresh.length}, expected at most ${SEGMENTS_MAX} in all`,
  );
  return locks.change(collectionOf(plan), async () => {
    const sources = unchangedSources(catalog, plan, plan.sources);
    await checkKept(orphans, fresh.flatMap(keysOf));
    const by = fresh.map(({ id }) => id);
    const dropped = sources.map((source) => ({ ...replaceSegment(source, { by, at }), readableFrom }));
    const guards = { channels: [plan.vchannel] };
    await catalog.save({ segments: [...dropped, ...fresh], compactions: noting(by), guards });
  });
}

/** One segment after another: each is as good as before while the deletes of level zero are still there. */
async function spread(
  parts: PlanParts,
  plan: SpreadPlan,
  { schema, signal }: PlanContext,
): Promise<readonly FlushedSegment[]> {
  const { peers, platform } = parts;
  for (const source of plan.sources) {
    const { file } = await peers.dataNode.spreadDeletes(
      {
        segment: segmentRecord(source),
        deleteSegments: plan.deletes.filter((one) => concerns(one, source)).map(segmentRecord),
        schema,
        deletesAppliedUntil: plan.appliedUntil,
      },
      { signal, metadata: {} },
    );
    try {
      if (file !== undefined) {
        const applied = { kind: 'deletes_applied', until: plan.appliedUntil, file } as const;
        const segment = { ...segmentRecord(moveSegment(source, applied)), indexes: [] };
        await writeManifest(platform, { schema, segment });
      }
      await commitApplied(parts, plan, { planned: [source], file, noting: noJob });
    } catch (error) {
      await parts.catalog.settle();
      const files = parts.catalog.segments.get(source.id)?.files ?? [];
      if (file !== undefined && files.some(({ key }) => key === file.key)) continue;
      if (file !== undefined) await discardFiles(platform, { files: [file], manifestKey: '' });
      throw error;
    }
  }
  return [];
}

/** All deletes until then are accounted for by the files of the segments. */
function commitApplied(
  { catalog, locks, orphans }: PlanParts,
  plan: CompactionPlan,
  {
    planned,
    file,
    noting,
  }: {
    readonly planned: readonly FlushedSegment[];
    readonly file: FileRecord | undefined;
    readonly noting: Noting;
  },
): Promise<void> {
  return locks.change(collectionOf(plan), async () => {
    const sources = unchangedSources(catalog, plan, planned);
    if (file !== undefined) await checkKept(orphans, [file.key]);
    const segments = sources.map((source) =>
      moveSegment(source, { kind: 'deletes_applied', until: plan.appliedUntil, file }),
    );
    await catalog.save({ segments, compactions: noting([]), guards: { channels: [plan.vchannel] } });
  });
}

/**
 * Its own files may have been taken for orphans while nothing named them, as when the channel got another owner meanwhile.
 * @throws segment_not_found, as for every change since the plan: nothing is wrong with the sources
 */
async function checkKept(orphans: Orphans, keys: readonly string[]): Promise<void> {
  await orphans.checkKept(keys).catch((error: unknown) => {
    if (error instanceof ElanusError && error.key === 'object_not_found')
      throw refused(`a file that it wrote was taken for an orphan (${error.message})`);
    throw error;
  });
}

const collectionOf = ({ sources }: CompactionPlan): bigint => sources[0]?.collectionId ?? 0n;

/**
 * The sources as they are now. Index files may have come or gone since the plan; rows and deletes must be what was planned.
 * @throws segment_not_found
 */
function unchangedSources(
  catalog: DataCatalog,
  { vchannel }: CompactionPlan,
  planned: readonly FlushedSegment[],
): readonly FlushedSegment[] {
  if (!catalog.channels.has(vchannel)) throw refused(`channel ${vchannel} was dropped`);
  return planned.map((source) => {
    const now = catalog.segments.get(source.id);
    if (now?.state !== 'flushed') throw refused(`segment ${source.id} is gone`);
    if (namesOf(now) !== namesOf(source)) throw refused(`segment ${source.id} has other files`);
    return now;
  });
}

const namesOf = ({ files, deletesAppliedUntil }: FlushedSegment): string =>
  [...files.map(({ key }) => key), deletesAppliedUntil].join();

const refused = (fact: string): ElanusError =>
  new ElanusError('segment_not_found', `${fact} since the compaction began; it is planned again`);

/** Level-zero segments that no segment needs leave the view. */
export async function retireDeletes(
  { catalog, locks, peers }: PlanParts,
  collectionId: bigint,
  choose: () => readonly FlushedSegment[],
): Promise<number> {
  if (choose().length === 0) return 0;
  const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
  return locks.change(collectionId, async () => {
    const retired = choose().slice(0, SEGMENTS_MAX);
    const segments = retired.map((one) => replaceSegment(one, { by: [], at: timestamp }));
    await catalog.save({ segments });
    return segments.length;
  });
}
