// The nodes that a walk has met: a hash set of numbers below 2^32 - 1 that is emptied and used again. A walk meets some thousands of
// millions of nodes, so a mark for every node would cost each search more than the walk.
const SLOTS_MIN = 1 << 12;
const SLOTS_KEPT = 1 << 16;

export class NodeSet {
  /** Node + 1; 0: free. */
  #slots = new Uint32Array(SLOTS_MIN);
  #shift = 32 - 12;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns false when it was in already */
  add(node: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = Math.imul(node, 0x9e3779b1) >>> this.#shift; ; at = (at + 1) & mask) {
      const held = slots[at] as number;
      if (held === node + 1) return false;
      if (held === 0) {
        slots[at] = node + 1;
        this.#size++;
        return true;
      }
    }
  }

  clear(): void {
    if (this.#size > 0) this.#slots.fill(0);
    this.#size = 0;
  }

  /** Whether it is small enough to be kept for another walk. */
  get isSmall(): boolean {
    return this.#slots.length <= SLOTS_KEPT;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#shift--;
    this.#size = 0;
    for (const held of old) if (held !== 0) this.add(held - 1);
  }
}
