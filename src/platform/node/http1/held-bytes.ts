// One bound for the memory that clients make the edge hold before and after the work on a call: messages that are on their way or being worked
// on, answers that are not read yet, open streams, bodies of HTTP. What does not fit is refused before it is buffered. Threads that speak gRPC
// share the bound: each counts in a cell of its own, so that what a lost thread held can be given back.

const UNIT_BYTES = 1024;
/** The last eighth is kept for what is not larger: searches go on while large messages fill the rest. */
const SMALL_BYTES = 1024 * 1024;

export class HeldBytes {
  readonly bytesMax: number;
  readonly cells: Int32Array;
  readonly #cell: number;

  /** @param cells over shared memory, one for each thread; the caller's is at `cell` */
  constructor(bytesMax: number, cells: Int32Array = newCells(1), cell = 0) {
    this.bytesMax = bytesMax;
    this.cells = cells;
    this.#cell = cell;
  }

  /** Bytes held by all threads. */
  get bytes(): number {
    let units = 0;
    for (let cell = 0; cell < this.cells.length; cell++) units += Atomics.load(this.cells, cell);
    return units * UNIT_BYTES;
  }

  charge(): Charge {
    return new Charge(this);
  }

  /** Two threads at the edge of the bound may refuse each other; neither goes beyond it. */
  add(units: number): boolean {
    Atomics.add(this.cells, this.#cell, units);
    if (units <= 0) return true;
    const max = units * UNIT_BYTES > SMALL_BYTES ? this.bytesMax - this.bytesMax / 8 : this.bytesMax;
    if (this.bytes <= max) return true;
    Atomics.sub(this.cells, this.#cell, units);
    return false;
  }
}

export const newCells = (count: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * count));

/** What one call, or one request of HTTP, holds at the moment. */
export class Charge {
  readonly #held: HeldBytes;
  #units = 0;

  constructor(held: HeldBytes) {
    this.#held = held;
  }

  /** @returns false when it does not fit; then nothing has changed */
  resize(bytes: number): boolean {
    const units = Math.ceil(bytes / UNIT_BYTES);
    if (units !== this.#units && !this.#held.add(units - this.#units)) return false;
    this.#units = units;
    return true;
  }

  release(): void {
    this.resize(0);
  }
}
