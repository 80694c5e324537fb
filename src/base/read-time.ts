// The time at which segments are read: what was written later is not seen, nor what had expired by then.
import type { Timestamp } from './timestamp.js';

/** Rows of a collection with a time to live count until it is over. */
export interface ExpiringTime {
  readonly at: Timestamp;
  /** Rows that were written then or before do not count any more. */
  readonly expiredUntil: Timestamp;
}

/** A plain timestamp where rows do not expire, which is nearly always. */
export type ReadTime = Timestamp | ExpiringTime;

export const timestampOf = (time: ReadTime): Timestamp => (typeof time === 'bigint' ? time : time.at);

/** 0n: no row has expired. */
export const expiredUntil = (time: ReadTime): Timestamp =>
  typeof time === 'bigint' ? 0n : time.expiredUntil;

/** @param until 0n: rows do not expire */
export const readTimeOf = (at: Timestamp, until: Timestamp): ReadTime =>
  until === 0n ? at : { at, expiredUntil: until };
