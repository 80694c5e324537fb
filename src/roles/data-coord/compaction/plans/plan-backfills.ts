// Segments that lack what a function makes which came later: each is written anew, with it. Pure.
import { isInFiles, lackedOutputs } from '#model/functions/late-outputs.js';
import type { FlushedSegment } from '#model/states/segment.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { mergeOf } from './plan-merges.js';
import { bytesOf, freeSegments, type MergePlan, type ShardFacts } from './shard-facts.js';

/** Those of the shard, whether a plan may take them or not. */
export const lackingSegments = (
  { segments }: Pick<ShardFacts, 'segments'>,
  schema: CollectionSchema,
): readonly FlushedSegment[] =>
  segments.filter(
    ({ isLevelZero, files }) => !isLevelZero && lackedOutputs(schema, isInFiles(files)).length > 0,
  );

/** One segment a plan: what a crash or a service outside ends is begun anew for one segment at most. */
export function planBackfills(
  facts: ShardFacts,
  schema: CollectionSchema,
  targetBytes: number,
): readonly MergePlan[] {
  const lacking = new Set(lackingSegments(facts, schema));
  return [...freeSegments(facts).values()]
    .flat()
    .filter((segment) => lacking.has(segment))
    .map((segment) => ({
      ...mergeOf(facts, [segment], Math.max(targetBytes, bytesOf(segment))),
      kind: 'backfill',
    }));
}
