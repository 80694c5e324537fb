// Faults of imports and of rows that expire, put back on purpose.
import { edit, type Plant, plant } from './plant.js';

export const importPlants = {
  // Two guards: the drop fails the jobs in its own change, and a commit looks whether its target is there. Below 128 records the first is enough;
  // a drop with more jobs than one transaction holds is several, and a crash between them leaves jobs that only the second one stops.
  'import-into-dropped': plant(
    'an import into a partition that is dropped meanwhile completes',
    edit(
      'roles/data-coord/data-drops.js',
      'const jobs = imports.failing(collectionId, partitionId);',
      'const jobs = [];',
    ),
    edit(
      'roles/data-coord/imports/import-ends.js',
      'own.some((channel) => channel?.droppedPartitionIds.includes(id))',
      'false',
    ),
  ),
  'import-key-forgotten': plant(
    'an import that is ordered again under its key is another job',
    edit('roles/data-coord/imports/import-jobs.js', 'isSameOrder(job, order)', 'false'),
  ),
  'import-committed-in-part': plant(
    'a commit of an import leaves the last of its segments out',
    edit(
      'roles/data-coord/imports/import-ends.js',
      'segments: job.segments,',
      'segments: job.segments.length > 1 ? job.segments.slice(0, -1) : job.segments,',
    ),
  ),
  'import-not-waited-for': plant(
    'an import in two phases commits by itself',
    edit('roles/data-coord/imports/import-commits.js', 'if (commitsByItself(job.options))', 'if (true)'),
  ),
  'import-not-aborted': plant(
    'a client is answered that an import was aborted, and it waits on',
    edit(
      'roles/data-coord/imports/import-jobs.js',
      'return { before, job: await this.#commits.fail(before, reason) };',
      "return { before, job: before.state === 'uncommitted' ? { ...before, state: 'failed' } : await this.#commits.fail(before, reason) };",
    ),
  ),
  'import-wrong-row-left-out': plant(
    'a file with a wrong row is imported without it',
    edit(
      'roles/data-node/import/import-files.js',
      'throw error;',
      'return { segments: await segments.finish(), rowCount: 0n, groupRows: [] };',
    ),
  ),
  'import-seen-in-part': plant(
    'a read sees an import in one shard and not in the other, which has not loaded it yet',
    edit(
      'roles/proxy/reads/same-imports.js',
      'answers.some(({ importsSeen }) => importsSeen > until)',
      'false',
    ),
  ),
  'expired-rows-read': plant(
    'rows are read although the time in their field has come',
    edit('segment/expiring-rows.js', 'return this.#timeOf(row) <= micros;', 'return false;'),
    edit('segment/expiring-rows.js', 'return this.#earliest <= micros;', 'return false;'),
  ),
  'expiry-by-wall-clock': plant(
    'rows expire by the clock of the node, not by the time of the read',
    edit(
      'model/properties/time-to-live.js',
      '(timestamp >> 18n) * 1000n',
      'BigInt(Math.floor((Number(timestamp >> 18n) + 4000) * 1000))',
    ),
  ),
} as const satisfies Record<string, Plant>;
