// A compute thread's side of the ring: while tasks keep coming it stays awake and takes the oldest that is offered, one after another.
import { FlatBytes, FlatObjects } from './flat-values.js';
import { LookTime } from './look-time.js';
import * as ring from './ring-words.js';

/** A frame as the thread has it. */
export interface ThreadFrame {
  readonly id: number;
  readonly constant: Readonly<Record<string, unknown>>;
  readonly arrays: readonly string[];
  readonly run: (input: unknown) => unknown;
}

export interface RingThreadParts {
  /** Whether a task that came as a message runs. */
  isBusy(): boolean;
  now(): number;
  /** In a turn of the event loop behind what has come meanwhile. */
  later(then: () => void): void;
  /** To the calling thread, which waits for its event loop: something was answered. */
  wake(): void;
  /** What does not go through shared memory. */
  answered(slot: number, output: unknown): void;
  failed(slot: number, thrown: unknown): void;
}

/** So long it waits for the bell; only then does it go back to its event loop, from where a message has to fetch it. */
const WAIT_MS = 20;
/** The most without a turn of its event loop, which has timers, too. */
const STAY_MS = 10;

/** A process that runs for days numbers more frames than there are positive words. */
const wordOf = (id: number): number => id | 0;

const { pause }: { readonly pause?: () => void } = Atomics as { readonly pause?: () => void };

export class RingThread {
  readonly #words: Int32Array;
  readonly #payloads: readonly FlatBytes[];
  readonly #objects = new FlatObjects();
  /** By their numbers as a word of the ring has them. */
  readonly #frames = new Map<number, ThreadFrame>();
  readonly #thread: number;
  readonly #parts: RingThreadParts;
  readonly #lookTime = new LookTime();
  /** Messages that were read. */
  #read = 0;
  #isComing = false;

  constructor(shared: SharedArrayBuffer, thread: number, parts: RingThreadParts) {
    this.#words = ring.wordsOf(shared);
    this.#payloads = ring.payloadsOf(shared).map((bytes) => new FlatBytes(bytes));
    this.#thread = thread;
    this.#parts = parts;
  }

  noteMessage(): void {
    this.#read = (this.#read + 1) | 0;
  }

  addFrame(frame: ThreadFrame): void {
    this.#frames.set(wordOf(frame.id), frame);
  }

  dropFrame(id: number): void {
    this.#frames.delete(wordOf(id));
  }

  /** Stays as long as tasks keep coming. Called from the event loop. */
  attend(): void {
    if (this.#isComing) return;
    if (this.#parts.isBusy()) this.#place(ring.AWAY);
    else if (this.#stay()) this.#comeBack();
  }

  /** @returns whether it only goes to the event loop to come back */
  #stay(): boolean {
    const words = this.#words;
    this.#place(ring.AWAKE);
    const came = this.#parts.now();
    let last = came;
    let lookMs = this.#lookTime.next();
    for (;;) {
      // Before anything is looked at: what comes behind the look has changed it.
      const bell = Atomics.load(words, ring.BELL);
      if (this.#hasMail()) return true;
      const ran = this.#runOldest();
      const now = this.#parts.now();
      if (now - came > STAY_MS) return true;
      if (ran) {
        this.#lookTime.ended(true);
        last = now;
        lookMs = this.#lookTime.next();
      } else if (now - last < lookMs) {
        this.#lookTime.looking();
        pause?.();
      } else {
        this.#lookTime.ended(false);
        if (!this.#isWoken(bell)) break;
        last = this.#parts.now();
      }
    }
    this.#place(ring.AWAY);
    // Whoever offered before that has seen a thread that waits.
    if (!this.#hasOffered()) return false;
    this.#place(ring.AWAKE);
    return true;
  }

  #isWoken(bell: number): boolean {
    this.#place(ring.WAITING);
    const woken = Atomics.wait(this.#words, ring.BELL, bell, WAIT_MS);
    this.#place(ring.AWAKE);
    return woken !== 'timed-out';
  }

  #place(place: number): void {
    Atomics.store(this.#words, ring.placeOf(this.#thread), place);
  }

  #hasMail(): boolean {
    return ((Atomics.load(this.#words, ring.mailOf(this.#thread)) - this.#read) | 0) > 0;
  }

  #comeBack(): void {
    this.#isComing = true;
    this.#parts.later(() => {
      this.#isComing = false;
      this.attend();
    });
  }

  #hasOffered(): boolean {
    for (let slot = 0; slot < ring.SLOTS; slot++)
      if (Atomics.load(this.#words, ring.stateOf(slot)) === ring.OFFERED) return true;
    return false;
  }

  #runOldest(): boolean {
    const words = this.#words;
    const tail = Atomics.load(words, ring.TAIL);
    for (let at = 0; at < ring.SLOTS; at++) {
      const slot = ring.slotAt(tail, at);
      const state = ring.stateOf(slot);
      if (Atomics.load(words, state) !== ring.OFFERED) continue;
      const claimed = Atomics.compareExchange(words, state, ring.OFFERED, ring.THERE + this.#thread);
      if (claimed !== ring.OFFERED) continue;
      const frame = this.#frames.get(words[ring.frameOf(slot)] ?? 0);
      if (frame !== undefined) {
        Atomics.add(words, ring.claimsOf(this.#thread), 1);
        this.#run(slot, frame);
        return true;
      }
      // Offered while it was on its way out: another one has the frame, or the calling thread runs it.
      this.#set(slot, ring.OFFERED);
    }
    return false;
  }

  #set(slot: number, state: number): void {
    Atomics.store(this.#words, ring.stateOf(slot), state);
    if (Atomics.load(this.#words, ring.SLEEPS) === 1 && Atomics.exchange(this.#words, ring.SLEEPS, 0) === 1)
      this.#parts.wake();
  }

  #run(slot: number, { constant, arrays, run }: ThreadFrame): void {
    const payload = this.#payloads[slot];
    if (payload === undefined) return;
    try {
      payload.begin();
      const input: Record<string, unknown> = { ...constant };
      for (const name of arrays) input[name] = payload.readArray();
      const output = run(input);
      if (output instanceof Promise)
        output
          .then((late: unknown) => this.#parts.answered(slot, late))
          .catch((thrown: unknown) => this.#parts.failed(slot, thrown));
      else if (this.#objects.write(payload, output)) this.#set(slot, ring.ANSWERED);
      else this.#parts.answered(slot, output);
    } catch (thrown) {
      this.#parts.failed(slot, thrown);
    }
  }
}
