// Which calls were carried out: a record for each, written in the transaction that carries it out. A call that broke off with the process that
// had it goes to the one that took over, which reads the receipts with the rest of its catalog and answers what was done (docs/adr/0088).
//
//  - A receipt and what it stands for are there together or not at all. Who reads a receipt after a process was replaced reads all there will
//    ever be: the fence of the catalog ended the transactions of the one before.
//  - A receipt goes when its caller has said that the call ended, or when the caller's session is over. A call of a process without a session
//    that may have been carried out before is not carried out: nobody knows.
//  - Two tries of one call at the same time are one: the second waits for the first.
import { ElanusError, messageOf } from '#base/errors.js';
import { commitChanges, HeldRecords, type RecordChange, settleChanges } from '#catalog/held-records.js';
import { idKey, recordTable } from '#catalog/record-table.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { ReceiptRecord, SessionRecord } from '#proto/elanus/data.js';
import { type CallNumber, callNumberIn } from './numbered-calls.js';
import { SESSION_PREFIX } from './own-session.js';

/** What goes into the transaction that carries a call out. */
export type Receipt = () => readonly RecordChange[];
/** For calls that nobody sends again. */
export const noReceipt: Receipt = () => [];

/** Receipts of calls that have ended are removed together, as many at a time: one more write to the disk for all of them. */
const REMOVED_AT_ONCE = 32;

type ReceiptPlatform = Pick<Platform, 'metaStore' | 'logger'>;

export class Receipts {
  readonly #platform: ReceiptPlatform;
  readonly #records: HeldRecords<string, ReceiptRecord>;
  /** By caller: what it said last of which of its calls have ended. A caller is here once it was found to have a session. */
  readonly #firstOpen = new Map<bigint, bigint>();
  readonly #underWay = new Map<string, Promise<void>>();
  #removing: Promise<void> | undefined;

  /** @param prefix ends with "/"; the role's own */
  constructor(platform: ReceiptPlatform, prefix: string) {
    this.#platform = platform;
    this.#records = new HeldRecords(
      recordTable(platform.metaStore, prefix, ReceiptRecord),
      (key) => key,
      keyOf,
      ({ caller }) => caller,
    );
  }

  /** Before the first call. */
  async load(): Promise<void> {
    await this.#records.load();
    const callers = new Set([...this.#records.records.values()].map(({ caller }) => caller));
    for (const caller of callers)
      if (!(await this.#hasSession(caller))) await this.#remove(this.#records.of(caller));
  }

  /**
   * Carries a call out, unless it was: then its answer is the success that it had.
   * @throws service_unavailable when nobody knows whether it was
   */
  async once(
    context: CallContext,
    method: string,
    carryOut: (receipt: Receipt) => Promise<void>,
  ): Promise<void> {
    const call = callNumberIn(context);
    if (call === undefined || !(await this.#isOfProcess(call))) return carryOut(noReceipt);
    const key = keyOf(call);
    await settleChanges(this.#platform.metaStore);
    for (;;) {
      if (this.#records.records.has(key)) return;
      const before = this.#underWay.get(key);
      if (before === undefined) break;
      await before.catch(() => {}); // Whoever made it hears why; this try finds its receipt, or is the next.
    }
    if (call.number < (this.#firstOpen.get(call.caller) ?? 0n))
      throw new ElanusError(
        'service_unavailable',
        `${method}: call ${call.number} of process ${call.caller} has ended, and came late; it is not carried out`,
      );
    this.#ended(call);
    const run = carryOut(() => [this.#receiptOf(call, method)]);
    this.#underWay.set(key, run);
    try {
      await run;
    } catch (error) {
      // The transaction failed without an outcome, and was carried out all the same.
      if (!this.#records.records.has(key)) throw error;
    } finally {
      this.#underWay.delete(key);
    }
  }

  /** @throws catalog_conflict the call was carried out: there is nothing left to decide */
  #receiptOf({ caller, number }: CallNumber, method: string): RecordChange {
    if (this.#records.records.has(keyOf({ caller, number })))
      throw new ElanusError('catalog_conflict', `${method} was carried out already, as its receipt says`);
    return this.#records.put({ caller, number, method });
  }

  /** Nothing is kept for processes without a session. @throws service_unavailable such a call may have been carried out, and its receipt be gone */
  async #isOfProcess({ caller, number, isAgain }: CallNumber): Promise<boolean> {
    if (this.#firstOpen.has(caller) || this.#records.of(caller).length > 0) return true;
    if (await this.#hasSession(caller)) {
      this.#firstOpen.set(caller, this.#firstOpen.get(caller) ?? 0n);
      return true;
    }
    if (!isAgain) return false;
    throw new ElanusError(
      'service_unavailable',
      `call ${number} of process ${caller} may have been carried out, and the session of that process is over; look what is there`,
    );
  }

  async #hasSession(caller: bigint): Promise<boolean> {
    const sessions = recordTable(this.#platform.metaStore, SESSION_PREFIX, SessionRecord);
    return (await sessions.get(idKey(caller))) !== undefined;
  }

  #ended({ caller, firstOpen }: CallNumber): void {
    const known = this.#firstOpen.get(caller) ?? 0n;
    if (firstOpen > known) this.#firstOpen.set(caller, firstOpen);
    const ended = this.#records.of(caller).filter(({ number }) => number < firstOpen);
    if (ended.length < REMOVED_AT_ONCE || this.#removing !== undefined) return;
    this.#removing = this.#remove(ended)
      // They go with the next ones.
      .catch((error: unknown) =>
        this.#platform.logger.debug('receipts_not_removed', { reason: messageOf(error) }),
      )
      .finally(() => {
        this.#removing = undefined;
      });
  }

  #remove(records: readonly ReceiptRecord[]): Promise<void> {
    return commitChanges(
      this.#platform.metaStore,
      records.map((record) => this.#records.remove(keyOf(record))),
    );
  }
}

const keyOf = ({ caller, number }: { readonly caller: bigint; readonly number: bigint }): string =>
  `${idKey(caller)}/${idKey(number)}`;
