// Faults of backfills, put back on purpose: functions that come with their field to collections with rows.
import { edit, type Plant, plant } from './plant.js';

export const backfillPlants = {
  'deletes-of-backfill-lost': plant(
    'deletes that come while a segment gets its words do not reach the segment that replaces it',
    edit(
      'roles/data-coord/compaction/plans/plan-backfills.js',
      "kind: 'backfill'",
      "kind: 'backfill', appliedUntil: 1n << 62n",
    ),
  ),
  'flushed-meanwhile-forgotten': plant(
    'the commit of a backfill replaces what was flushed in its channel meanwhile, too',
    edit(
      'roles/data-coord/compaction/run-plan.js',
      'const sources = unchangedSources(catalog, plan, plan.sources);',
      "const sources = [...unchangedSources(catalog, plan, plan.sources), ...(plan.kind !== 'backfill' ? [] : catalog.segmentsOf(collectionOf(plan)).filter((one) => one.state === 'flushed' && !one.isLevelZero && one.vchannel === plan.vchannel && one.id > plan.sources[0].id && one.id < fresh[0].id))];",
    ),
  ),
  'rows-without-words-left-out': plant(
    'a search leaves out the segments that have no words yet',
    edit('segment/segments-with.js', 'if (found.length < segments.length)', 'if (false)'),
  ),
} as const satisfies Record<string, Plant>;
