// What root-coord answers about users: the record to who does not have it, and changes.
import { ElanusError } from '#base/errors.js';
import type { UsersDefinition } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { UsersCatalog } from './users-catalog.js';

export const usersHandlers = (
  users: UsersCatalog,
  allocateTimestamp: () => Promise<bigint>,
): Handlers<typeof UsersDefinition> => ({
  readUsers: async ({ knownVersion }) => {
    const { version } = users;
    return knownVersion === version ? { version } : { version, record: users.record };
  },
  changeUsers: async ({ change }) => {
    if (change === undefined)
      throw new ElanusError('missing_parameter', 'ChangeUsers: no change given, expected one');
    await users.change(change, allocateTimestamp);
    return {};
  },
});
