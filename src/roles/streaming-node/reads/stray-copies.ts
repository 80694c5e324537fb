// Copies of segments that query-nodes may have and that nobody reads: of loads that were given up, and of segments that counted as lost while their
// node lived. They are let go while no load of the shard is under way, so that none is taken for a copy that came since.
import { LazyMap } from '#base/maps/lazy-map.js';
import type { HeldPart, Holder } from './holder.js';

export class StrayCopies {
  readonly #byNode = new LazyMap<bigint, { readonly holder: Holder; readonly ids: Set<bigint> }>();

  add(id: bigint, holder: Holder): void {
    // Whoever was asked there may be the one that is named next.
    if (holder.serverId === 0n) return;
    const known = this.#byNode.get(holder.serverId);
    if (known === undefined) this.#byNode.set(holder.serverId, { holder, ids: new Set([id]) });
    else known.ids.add(id);
  }

  /** All of them, each once. @param isHeld they are none any more, for they were loaded there again */
  take(isHeld: (id: bigint, serverId: bigint) => boolean): readonly HeldPart[] {
    const parts: HeldPart[] = [];
    for (const { holder, ids } of this.#byNode.values()) {
      const segmentIds = [...ids].filter((id) => !isHeld(id, holder.serverId));
      if (segmentIds.length > 0) parts.push({ holder, segmentIds });
    }
    this.#byNode.clear();
    return parts;
  }
}
