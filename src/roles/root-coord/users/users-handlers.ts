// What root-coord answers about users: the record to who does not have it, and changes.
import { ElanusError } from '#base/errors.js';
import type { UsersDefinition } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { Receipts } from '#rpc/sessions/receipts.js';
import type { UsersCatalog } from './users-catalog.js';

interface UsersHandlersParts {
  readonly allocateTimestamp: () => Promise<bigint>;
  readonly receipts: Receipts;
}

export const usersHandlers = (
  users: UsersCatalog,
  { allocateTimestamp, receipts }: UsersHandlersParts,
): Handlers<typeof UsersDefinition> => ({
  readUsers: async ({ knownVersion }) => {
    const { version } = users;
    return knownVersion === version ? { version } : { version, record: users.record };
  },
  changeUsers: async ({ change }, context) => {
    if (change === undefined)
      throw new ElanusError('missing_parameter', 'ChangeUsers: no change given, expected one');
    await receipts.once(context, 'changeUsers', (receipt) =>
      users.change(change, { allocateTimestamp, receipt }),
    );
    return {};
  },
});
