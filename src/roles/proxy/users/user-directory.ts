// Who there is and who may do what, as root-coord has it now. Each call asks whether it has changed: what was taken from a user holds for
// the next call, at every proxy.
import type { Rights } from '#model/rights/rights.js';
import { Rights as RightsOf } from '#model/rights/rights.js';
import type { CallContext } from '#platform/transport.js';
import type { UsersRecord } from '#proto/elanus/data.js';
import type { UsersDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';

interface Known {
  readonly version: bigint;
  readonly record: UsersRecord;
  readonly rights: Rights;
}

const NONE = -1n;

export class UserDirectory {
  readonly #users: Client<typeof UsersDefinition>;
  #known: Known | undefined;

  constructor(users: Client<typeof UsersDefinition>) {
    this.#users = users;
  }

  async rights(context: CallContext): Promise<Rights> {
    return (await this.#read(context)).rights;
  }

  async record(context: CallContext): Promise<UsersRecord> {
    return (await this.#read(context)).record;
  }

  async #read({ signal, deadlineMs }: CallContext): Promise<Known> {
    const before = this.#known;
    // What the caller sent beside the call, the password above all, is not for others.
    const context = { signal, metadata: {}, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
    const { version, record } = await this.#users.readUsers(
      { knownVersion: before?.version ?? NONE },
      context,
    );
    if (record === undefined && before !== undefined) return before;
    const read = record ?? { users: [], roles: [], groups: [] };
    const known = { version, record: read, rights: new RightsOf(read) };
    // Answers may come in another order than they were given.
    if (this.#known === undefined || version > this.#known.version) this.#known = known;
    return known;
  }
}
