// The record of users, roles and groups: durable in the meta store, in memory here. Until something is changed there is no record, and the
// database has what every new one has.
import { Mutex } from '#base/async.js';
import { commitChanges, HeldRecords, type RecordChange, redeciding } from '#catalog/held-records.js';
import { recordTable } from '#catalog/record-table.js';
import {
  changedUsers,
  initialUsers,
  withGrantsRenamed,
  withoutGrantsOn,
} from '#model/rights/users-record.js';
import type { MetaStore } from '#platform/meta-store.js';
import { UsersRecord } from '#proto/elanus/data.js';
import type { UsersChange } from '#proto/elanus/roles.js';
import type { Receipt } from '#rpc/sessions/receipts.js';

const ALL = 'all';

export interface UsersChangeParts {
  readonly allocateTimestamp: () => Promise<bigint>;
  readonly receipt: Receipt;
}

/** A collection, or without one a whole database, that is gone or has another name. */
export interface NameMove {
  readonly from: { readonly database: string; readonly collection?: string };
  readonly to?: { readonly database: string; readonly collection: string };
}

export class UsersCatalog {
  readonly #store: MetaStore;
  readonly #records: HeldRecords<string, UsersRecord>;
  readonly #changes = new Mutex();

  private constructor(store: MetaStore) {
    this.#store = store;
    const table = recordTable(store, 'root-coord/users/', UsersRecord);
    this.#records = new HeldRecords<string, UsersRecord>(
      table,
      (id) => id,
      () => ALL,
    );
  }

  static async open(store: MetaStore): Promise<UsersCatalog> {
    const catalog = new UsersCatalog(store);
    await catalog.#records.load();
    return catalog;
  }

  get record(): UsersRecord {
    return this.#records.records.get(ALL) ?? initialUsers;
  }

  /** Who has read this version knows the record, whichever process has it now. */
  get version(): bigint {
    return this.#records.revisionOf(ALL);
  }

  /** Durable when it resolves, as one write. @throws ElanusError when it cannot be made */
  change(
    change: NonNullable<UsersChange['change']>,
    { allocateTimestamp, receipt }: UsersChangeParts,
  ): Promise<void> {
    return this.#changes.run(async () => {
      const timestamp = await allocateTimestamp();
      await redeciding(async () => {
        const next = changedUsers(this.record, change, { timestamp });
        if (next !== this.record) await commitChanges(this.#store, [this.#records.put(next), ...receipt()]);
      });
    });
  }

  /** What goes into the transaction that drops or renames what grants may name. Nothing where none does. */
  following(moves: readonly NameMove[]): readonly RecordChange[] {
    const next = moves.reduce(
      (record, { from, to }) =>
        to === undefined || from.collection === undefined
          ? withoutGrantsOn(record, from.database, from.collection)
          : withGrantsRenamed(record, { database: from.database, collection: from.collection }, to),
      this.record,
    );
    return next === this.record ? [] : [this.#records.put(next)];
  }
}
