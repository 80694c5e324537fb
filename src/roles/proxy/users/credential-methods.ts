// Users and their passwords, as clients change and list them.
import { ElanusError } from '#base/errors.js';
import { checkPassword, checkUserName } from '#model/rights/user-names.js';
import { ROOT } from '#model/rights/users-record.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { textOfBase64 } from './authentication.js';

type CredentialParts = Pick<ProxyParts, 'platform' | 'users' | 'logins'>;

export class CredentialMethods {
  readonly #parts: CredentialParts;

  constructor(parts: CredentialParts) {
    this.#parts = parts;
  }

  readonly createCredential: PublicHandler<'createCredential'> = async (request, context) => {
    const { username: name, description = '' } = request;
    checkUserName(name);
    const password = sentPassword(request.password);
    checkPassword(password);
    const { logins, platform, users } = this.#parts;
    if ((await logins.directory.rights(context)).user(name) !== undefined)
      throw new ElanusError('refused', `user already exists: ${name}`);
    const passwordHash = await platform.passwords.hash(password);
    const createUser = { name, passwordHash, description };
    await users.changeUsers({ change: { $case: 'createUser', value: createUser } }, context);
    return {};
  };

  /** Root sets the password of others as it likes; everyone else, and root for itself, shows the old one. */
  readonly updateCredential: PublicHandler<'updateCredential'> = async (request, context) => {
    const { username: name, description } = request;
    checkUserName(name);
    const isDescribed = description !== undefined && request.newPassword === '';
    const passwordHash = isDescribed ? undefined : await this.#newHash(name, request, context);
    const value = { name, passwordHash, description };
    await this.#parts.users.changeUsers({ change: { $case: 'updateUser', value } }, context);
    return {};
  };

  async #newHash(
    name: string,
    request: { readonly oldPassword: string; readonly newPassword: string },
    context: CallContext,
  ): Promise<string> {
    const password = sentPassword(request.newPassword);
    checkPassword(password);
    const { logins, platform } = this.#parts;
    const isRoots = context.user === ROOT && name !== ROOT;
    if (!isRoots) {
      const hash = (await logins.directory.rights(context)).user(name)?.passwordHash;
      const old = { user: name, password: sentPassword(request.oldPassword) };
      if (!(await logins.authentication.check(old, hash, context.peer)))
        throw new ElanusError('wrong_password', `old password not correct for ${name}: not authenticated`);
    }
    return platform.passwords.hash(password);
  }

  readonly deleteCredential: PublicHandler<'deleteCredential'> = async ({ username }, context) => {
    await this.#parts.users.changeUsers({ change: { $case: 'dropUser', value: username } }, context);
    return {};
  };

  readonly listCredUsers: PublicHandler<'listCredUsers'> = async (_request, context) => {
    const { users } = await this.#parts.logins.directory.record(context);
    return { usernames: users.map(({ name }) => name) };
  };
}

/** Passwords come as base64. @throws invalid_parameter */
function sentPassword(sent: string): string {
  const password = sent === '' ? '' : textOfBase64(sent);
  if (password === undefined)
    throw new ElanusError(
      'invalid_parameter',
      'decode password failed: it is no base64 of a text: invalid parameter',
    );
  return password;
}
