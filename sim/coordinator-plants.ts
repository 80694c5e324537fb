// Faults of sessions, leadership and receipts, put back on purpose.
import { edit, plant } from './plant.js';

export const coordinatorPlants = {
  'leader-past-its-lease': plant(
    'a coordinator that could not renew its session goes on answering',
    edit('server/node-parts.js', 'membership.check(', 'void ('),
  ),
  'impatient-standby': plant(
    'a standby takes the place of a coordinator that is alive',
    edit(
      'rpc/sessions/membership.js',
      'if (!this.#view.isOver(leader.record.serverId))\n                return undefined;',
      '',
    ),
    edit(
      'rpc/sessions/membership.js',
      'if (revision !== 0n)\n                operations.push',
      'if (false) operations.push',
    ),
  ),
  'holder-counts-from-the-answer': plant(
    'a session that nobody renews counts as valid for longer than others wait',
    edit(
      'rpc/sessions/session-view.js',
      'export const HOLDER_SHARE = 2 / 3;',
      'export const HOLDER_SHARE = 4;',
    ),
  ),
  'receipt-not-looked-for': plant(
    'a change that comes again is carried out again',
    edit('rpc/sessions/receipts.js', 'if (this.#records.records.has(key))\n                return;', ''),
    // Two more guards: it is not written again either, and what fails with its receipt there is a success.
    edit(
      'rpc/sessions/receipts.js',
      'if (this.#records.records.has(keyOf({ caller, number })))',
      'if (false)',
    ),
    edit(
      'rpc/sessions/receipts.js',
      'if (!this.#records.records.has(key))\n                throw error;',
      'throw error;',
    ),
  ),
  'receipt-apart': plant(
    'the receipt of a change of names is written before the change, not with it',
    edit(
      'roles/root-coord/definition-catalog.js',
      '...records.map((record) => this.#collections.put(record)),\n            ...receipt(),',
      '...records.map((record) => this.#collections.put(record)),',
    ),
    edit(
      'roles/root-coord/definition-catalog.js',
      'const moves = records',
      'await commitChanges(this.#store, receipt()); const moves = records',
    ),
  ),
  'late-release-taken': plant(
    'a shard takes a release that is older than the target that it serves',
    edit('roles/streaming-node/reads/target-versions.js', 'if (version < this.#served)', 'if (false)'),
  ),
} as const;
