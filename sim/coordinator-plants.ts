// Faults of sessions and leadership, put back on purpose.
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
} as const;
