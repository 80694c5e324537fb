// The time at which segments are read: what was written later is not seen, nor what had expired by then.
import type { Timestamp } from './timestamp.js';

/** Rows whose value of a field of times is at or before `micros`, in microseconds since 1970, do not count any more. */
export interface OwnExpiry {
  readonly fieldId: bigint;
  readonly micros: bigint;
}

/** Rows of a collection with a time to live count until it is over, or until the time that each of them names. */
export interface ExpiringTime {
  readonly at: Timestamp;
  /** Rows that were written then or before do not count any more; 0n: none. */
  readonly expiredUntil: Timestamp;
  readonly own: OwnExpiry | undefined;
}

/** A plain timestamp where rows do not expire, which is nearly always. */
export type ReadTime = Timestamp | ExpiringTime;

/** What a request says of rows that have expired. Field 0n: rows name no time of their own. */
export interface AskedExpiry {
  readonly expiredUntil: Timestamp;
  readonly expiryField: bigint;
  readonly expiryMicros: bigint;
}

export const timestampOf = (time: ReadTime): Timestamp => (typeof time === 'bigint' ? time : time.at);

/** 0n: no row has expired. */
export const expiredUntil = (time: ReadTime): Timestamp =>
  typeof time === 'bigint' ? 0n : time.expiredUntil;

export const readTimeOf = (
  at: Timestamp,
  { expiredUntil: until, expiryField, expiryMicros }: AskedExpiry,
): ReadTime =>
  until === 0n && expiryField === 0n
    ? at
    : {
        at,
        expiredUntil: until,
        own: expiryField === 0n ? undefined : { fieldId: expiryField, micros: expiryMicros },
      };

/** The same rows have expired. */
export const readTimeAt = (at: Timestamp, time: ReadTime): ReadTime =>
  typeof time === 'bigint' ? at : { at, expiredUntil: time.expiredUntil, own: time.own };
