// Which processes are alive, as one process sees it. A session is a record that its holder writes again and again; one that was seen unchanged
// for its time to live is over. The time is that of the observer's own clock that never steps, so clocks need not agree. Pure.

import { idKey, type KeyedEntry, type RecordEntry } from '#catalog/record-table.js';
import type { ServedRole, SessionRecord } from '#proto/elanus/data.js';

/**
 * A lease, from both ends. The holder counts from before its write began and stops two thirds of the time to live later; an observer counts
 * from after it first saw the write, for the whole of it. The holder has stopped before anyone takes its place.
 *
 *   holder     write begins ─────────── 2/3 ──▶ accepts nothing more
 *   observer            first seen ───────────────────── 1 ──▶ may remove the record, if it is still the one that was seen
 */
export const HOLDER_SHARE = 2 / 3;

interface Seen extends RecordEntry<SessionRecord> {
  readonly sinceMs: number;
  /** Where the process is and what it serves, in one text. */
  readonly place: string;
}

export interface SeenNode {
  readonly serverId: bigint;
  readonly address: string;
  readonly epoch: bigint;
}

export class SessionView {
  #seen: ReadonlyMap<string, Seen> = new Map();
  #lastMs = Number.NEGATIVE_INFINITY;
  #places = '';

  /** @param begunMs when the read began, `endedMs` when it ended, by the clock that never steps */
  observe(entries: readonly KeyedEntry<SessionRecord>[], begunMs: number, endedMs: number): void {
    const seen = new Map<string, Seen>();
    for (const { key, record, revision } of entries) {
      const before = this.#seen.get(key);
      // While the store did not answer, nobody could write: that time counts for nobody.
      const wasBlind = begunMs - this.#lastMs > Number(record.ttlMs) / 2;
      const isSame = before?.revision === revision;
      const place = isSame ? before.place : placeOf(record);
      seen.set(key, { record, revision, place, sinceMs: isSame && !wasBlind ? before.sinceMs : endedMs });
    }
    this.#seen = seen;
    this.#lastMs = begunMs;
    this.#places = this.#placesNow();
  }

  /** All records as they were seen, by key. */
  get entries(): ReadonlyMap<string, RecordEntry<SessionRecord>> {
    return this.#seen;
  }

  /** The record as it was seen; undefined: there is none. */
  entryOf(serverId: bigint): RecordEntry<SessionRecord> | undefined {
    return this.#seen.get(idKey(serverId));
  }

  /** Whether the holder had its whole time and did not write. */
  isOver(serverId: bigint): boolean {
    const seen = this.#seen.get(idKey(serverId));
    return seen === undefined || this.#hasEnded(seen);
  }

  #hasEnded(seen: Seen): boolean {
    return this.#lastMs - seen.sinceMs >= Number(seen.record.ttlMs);
  }

  /** Those that serve the role and are not over, the highest epoch first, then by id. */
  nodesOf(role: string): readonly SeenNode[] {
    return [...this.#seen.values()]
      .filter((seen) => !this.#hasEnded(seen))
      .flatMap(({ record: { serverId, address, serving } }) =>
        serving
          .filter((served: ServedRole) => served.role === role)
          .map(({ epoch }) => ({ serverId, address, epoch })),
      )
      .sort((a, b) => Number(b.epoch - a.epoch) || (a.serverId < b.serverId ? -1 : 1));
  }

  /** Where everyone is, in one text: whether two looks saw the same. */
  get places(): string {
    return this.#places;
  }

  #placesNow(): string {
    const shown = [...this.#seen.values()].map((seen) => `${seen.place}:${this.#hasEnded(seen)}`);
    return shown.sort().join();
  }
}

function placeOf({ serverId, address, serving }: SessionRecord): string {
  const roles = serving.map(({ role, epoch }) => `${role}/${epoch}`).sort();
  return `${serverId}@${address}:${roles.join('+')}`;
}
