// The best nodes that a walk knows, nearest first, with what became of each. Small and sorted: a walk always wants the nearest that it
// has not read yet.
const FRESH = 0;
const TAKEN = 1;

export class CandidatePool {
  readonly capacity: number;
  readonly #keys: Uint32Array;
  readonly #nodes: Uint32Array;
  readonly #states: Uint8Array;
  #size = 0;
  /** No entry before it is fresh. */
  #first = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#keys = new Uint32Array(capacity);
    this.#nodes = new Uint32Array(capacity);
    this.#states = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** A smaller key is nearer. Nodes must not come twice. */
  offer(key: number, node: number): void {
    const at = this.#placeOf(key, node);
    if (at === this.capacity) return;
    const size = Math.min(this.#size, this.capacity - 1);
    this.#keys.copyWithin(at + 1, at, size);
    this.#nodes.copyWithin(at + 1, at, size);
    this.#states.copyWithin(at + 1, at, size);
    this.#keys[at] = key;
    this.#nodes[at] = node;
    this.#states[at] = FRESH;
    this.#size = size + 1;
    if (at < this.#first) this.#first = at;
  }

  /** Whether a key would be refused now. */
  isFull(key: number): boolean {
    return this.#size === this.capacity && key > (this.#keys[this.#size - 1] as number);
  }

  /** The nearest node that was not taken yet; it counts as taken from then on. */
  next(): number | undefined {
    while (this.#first < this.#size && this.#states[this.#first] !== FRESH) this.#first++;
    if (this.#first >= this.#size) return undefined;
    this.#states[this.#first] = TAKEN;
    return this.#nodes[this.#first];
  }

  /** All of them, nearest first. */
  nodes(): Uint32Array {
    return this.#nodes.slice(0, this.#size);
  }

  /** First place whose entry is not before (key, node). */
  #placeOf(key: number, node: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const held = this.#keys[middle] as number;
      if (held < key || (held === key && (this.#nodes[middle] as number) < node)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
