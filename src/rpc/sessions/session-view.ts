// Which processes are alive, as one process sees it. A session is a record that its holder writes again and again; one that was seen unchanged
// for its time to live is over. The time is that of the observer's own clock that never steps, so clocks need not agree. Pure.

import type { RecordEntry } from '#catalog/record-table.js';
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
}

export interface SeenNode {
  readonly serverId: bigint;
  readonly address: string;
  readonly epoch: bigint;
}

export class SessionView {
  #seen: ReadonlyMap<bigint, Seen> = new Map();
  #lastMs = Number.NEGATIVE_INFINITY;
  #places = '';

  /** @param begunMs when the read began, `endedMs` when it ended, by the clock that never steps */
  observe(entries: readonly RecordEntry<SessionRecord>[], begunMs: number, endedMs: number): void {
    const seen = new Map<bigint, Seen>();
    for (const entry of entries) {
      const before = this.#seen.get(entry.record.serverId);
      // While the store did not answer, nobody could write: that time counts for nobody.
      const wasBlind = begunMs - this.#lastMs > Number(entry.record.ttlMs) / 2;
      const isSame = before?.revision === entry.revision && !wasBlind;
      seen.set(entry.record.serverId, { ...entry, sinceMs: isSame ? before.sinceMs : endedMs });
    }
    this.#seen = seen;
    this.#lastMs = begunMs;
    this.#places = this.#placesNow();
  }

  /** The record as it was seen; undefined: there is none. */
  entryOf(serverId: bigint): RecordEntry<SessionRecord> | undefined {
    return this.#seen.get(serverId);
  }

  /** Whether the holder had its whole time and did not write. */
  isOver(serverId: bigint): boolean {
    const seen = this.#seen.get(serverId);
    return seen === undefined || this.#lastMs - seen.sinceMs >= Number(seen.record.ttlMs);
  }

  /** Those that serve the role and are not over, the highest epoch first, then by id. */
  nodesOf(role: string): readonly SeenNode[] {
    return [...this.#seen.values()]
      .filter(({ record }) => !this.isOver(record.serverId))
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
    const shown = [...this.#seen.values()].map(({ record }) => {
      const roles = record.serving.map(({ role, epoch }) => `${role}/${epoch}`).sort();
      return `${record.serverId}@${record.address}:${roles.join('+')}:${this.isOver(record.serverId)}`;
    });
    return shown.sort().join();
  }
}
