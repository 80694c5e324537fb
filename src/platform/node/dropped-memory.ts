// Memory that nobody uses any more, and that V8 does not know to be much: it counts neither what WebAssembly memories hold nor what is left
// of a build once nothing more is allocated. A few large arrays that nobody touches, and that therefore take no memory, make it look: it then
// marks step by step, beside everything else, instead of at some later time.
import type { Timers } from '#platform/time.js';

/** Less is not worth a look, in bytes. */
const WORTH_BYTES = 32 << 20;
/** Whatever goes with it has gone by then, in ms. */
const WAIT_MS = 200;
/** V8 looks once arrays of some 64 MiB came since it last did. */
const ARRAYS = 2;
const ARRAY_BYTES = 33 << 20;
const PAUSE_MS = 50;

export class DroppedMemory {
  readonly #timers: Timers;
  readonly #allocate: (bytes: number) => void;
  #bytes = 0;
  #isDue = false;

  constructor(timers: Timers, allocate: (bytes: number) => void = allocateUntouched) {
    this.#timers = timers;
    this.#allocate = allocate;
  }

  /** So many bytes will not be used any more. */
  note(bytes: number): void {
    this.#bytes += bytes;
    if (this.#isDue || this.#bytes < WORTH_BYTES) return;
    this.#isDue = true;
    this.#timers.after(WAIT_MS, () => this.#look(ARRAYS));
  }

  #look(arrays: number): void {
    // What is dropped from now on has a look of its own.
    this.#isDue = false;
    this.#bytes = 0;
    this.#allocate(ARRAY_BYTES);
    if (arrays > 1) this.#timers.after(PAUSE_MS, () => this.#look(arrays - 1));
  }
}

function allocateUntouched(bytes: number): void {
  try {
    new ArrayBuffer(bytes);
  } catch {
    // No address space for it: then V8 looks by itself.
  }
}
