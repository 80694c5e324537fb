// Faults of compaction and of giving files back, put back on purpose.
import { edit, type Plant, plant } from './plant.js';

export const compactionPlants = {
  'deletes-of-compaction-lost': plant(
    'deletes that come while a compaction runs do not reach the new segment',
    edit(
      'roles/data-coord/compaction/plans/plan-merges.js',
      'appliedUntil: facts.checkpoint,',
      'appliedUntil: 1n << 62n,',
    ),
  ),
  'sources-read-on': plant(
    'a compacted segment and what it was made of are read both',
    edit(
      'roles/streaming-node/reads/served-segments.js',
      'served.keys()].filter((id) => !targetIds.has(id) && !sources.has(id));',
      'served.keys()].filter((id) => !targetIds.has(id) && !this.#state.replaced.has(id));',
    ),
  ),
  'replaced-in-two-steps': plant(
    'sources go in one change, the new segment comes in another, and the process ends between them',
    edit(
      'roles/data-coord/compaction/run-plan.js',
      'await catalog.save({ segments: [...dropped, ...fresh], compactions: noting(by), guards });',
      "await catalog.save({ segments: dropped }); if (fresh.length > 0) throw new Error('the process ended');",
    ),
  ),
  'deletes-gone-early': plant(
    'deletes of level zero go although segments have rows that they hit',
    edit(
      'roles/data-coord/compaction/plans/plan-deletes.js',
      'withRows.every((segment) => !concerns(one, segment))',
      'true',
    ),
  ),
  'garbage-while-read': plant(
    'files of replaced segments go although their rows are read',
    edit('roles/data-coord/compaction/garbage.js', '!used.has(id)', 'true'),
    edit('roles/data-coord/compaction/garbage.js', 'this.#unused.has(id)', 'true'),
  ),
  'asked-compaction-not-resumed': plant(
    'a compaction that a client asked for ends with the process',
    edit('roles/data-coord/compaction/compactor.js', 'this.jobs.resume();', ''),
  ),
  'asked-compaction-not-durable': plant(
    'a compaction is confirmed before it is in the catalog',
    edit(
      'roles/data-coord/compaction/compaction-jobs.js',
      'await catalog.save({ compactions: [job], removedCompactions: this.#forgotten() });',
      'void catalog.save({ compactions: [job], removedCompactions: this.#forgotten() }).catch(() => {});',
    ),
  ),
  'iterator-without-its-rows': plant(
    'rows that an iterator reads are compacted away under it',
    edit('roles/data-node/compaction/deleted-rows.js', 'else if (gone > readableFrom)', 'else if (false)'),
  ),
} as const satisfies Record<string, Plant>;
