// Tags of users, as clients change and list them. They say nothing of rights.
import { ElanusError } from '#base/errors.js';
import { usersWithTag } from '#model/rights/user-tags.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type TagParts = Pick<ProxyParts, 'users' | 'logins'>;

export class TagMethods {
  readonly #parts: TagParts;

  constructor(parts: TagParts) {
    this.#parts = parts;
  }

  readonly addUserTags: PublicHandler<'addUserTags'> = async ({ userName: user, tags }, context) => {
    if (Object.keys(tags).length === 0)
      throw new ElanusError('invalid_parameter', 'no tags given, expected some: invalid parameter');
    const value = { user, set: tags, deletedKeys: [] };
    await this.#parts.users.changeUsers({ change: { $case: 'changeTags', value } }, context);
    return {};
  };

  readonly deleteUserTags: PublicHandler<'deleteUserTags'> = async (request, context) => {
    const value = { user: request.userName, set: {}, deletedKeys: request.tagKeys };
    await this.#parts.users.changeUsers({ change: { $case: 'changeTags', value } }, context);
    return {};
  };

  readonly getUserTags: PublicHandler<'getUserTags'> = async ({ userName }, context) => {
    const user = (await this.#parts.logins.directory.rights(context)).user(userName);
    if (user === undefined)
      throw new ElanusError(
        'refused',
        "not found the user, maybe the user isn't existed or internal system error",
      );
    return { tags: user.tags };
  };

  readonly listUsersWithTag: PublicHandler<'listUsersWithTag'> = async ({ tagKey, tagValue }, context) => {
    if (tagKey === '')
      throw new ElanusError(
        'invalid_parameter',
        'tag_key is empty, expected the key of a tag: invalid parameter',
      );
    const { users } = await this.#parts.logins.directory.record(context);
    return { userNames: usersWithTag(users, tagKey, tagValue) };
  };
}
