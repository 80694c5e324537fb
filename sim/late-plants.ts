// Faults of what comes late, put back on purpose: files that nobody names yet or any more, builds whose index is gone, writes that go again.
import { edit, plant, plantFor } from './plant.js';

export const latePlants = {
  // Two guards: files go at the second look, and what was removed is looked for before it is named.
  'orphans-at-first-look': plant(
    'files that nobody names go at the first look, and are named afterwards',
    edit('roles/data-coord/orphan-looks.js', 'if (last === undefined || this.#closed)', 'if (this.#closed)'),
    edit('roles/data-coord/orphan-looks.js', 'last.keys.has(key)', 'true'),
    edit('roles/data-coord/orphan-looks.js', 'removeSeen(again, last.bound)', 'removeSeen(again, bound)'),
    edit('roles/data-coord/orphans.js', 'if (!isSuspect)', 'if (true)'),
  ),
  'index-outlives-its-definition': plant(
    'files of an index that was dropped while they were built stay',
    edit(
      'roles/root-coord/index-reconciler.js',
      'if (this.#parts.catalog.byId(collection.id)?.indexes.some(({ id }) => id === index.id) !== true)',
      'if (false)',
    ),
  ),
  'late-log-file-stays': plant(
    'a log file that a replaced owner began late outlives those that hide it',
    edit('wal/file-log.js', 'await this.#removeLate();', ';'),
  ),
  'sources-loaded-anew': plant(
    'segments that were compacted are loaded anew, without the deletes that went into what they became',
    edit('roles/streaming-node/reads/served-segments.js', 'checkSources(this.#state, request);', ';'),
  ),
  'committing-unnamed': plant(
    'files of an import go as orphans between its commit and its end',
    edit('roles/data-coord/orphans.js', "if (job.state === 'committing')", 'if (false)'),
  ),
  'stopped-for-good': plantFor(
    'short-of-memory',
    'a shard for whose rows there was no memory at a start stays stopped',
    edit(
      'roles/streaming-node/shard-set.js',
      'this.#rebuilds.rebuilt(one.shard.channel, one.shard.failure);',
      ';',
    ),
  ),
  'writes-forgotten': plant(
    'an owner does not know the writes that are in its log, and carries them out again',
    edit(
      'roles/streaming-node/writes/known-writes.js',
      'const known = this.#times.get(keyOf(id));',
      'const known = undefined;',
    ),
  ),
} as const;
