// The two things that every question of users goes through: who there is, and whether a password is right.
import type { Platform } from '#platform/platform.js';
import type { UsersDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';
import { Authentication } from './authentication.js';
import { UserDirectory } from './user-directory.js';

export interface Logins {
  readonly directory: UserDirectory;
  readonly authentication: Authentication;
}

export function openLogins(
  { passwords, clock }: Platform,
  { users }: { readonly users: Client<typeof UsersDefinition> },
): Logins {
  const directory = new UserDirectory(users);
  return { directory, authentication: new Authentication({ directory, passwords, clock }) };
}
