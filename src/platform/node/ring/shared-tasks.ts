// Which short tasks go to threads, which threads are fetched for them, and what they have to know before.

import * as words from './ring-words.js';
import { type Frame, TaskFrames } from './task-frames.js';
import { type RingTask, TaskRing } from './task-ring.js';

export interface OfferedTask extends RingTask {
  /** It was looked at and is run by the calling thread. */
  isKept: boolean;
}

/** A thread, as far as the ring needs it. */
export interface RingPeer {
  readonly number: number;
  /** Numbers of frames that it was sent. */
  readonly frames: Set<number>;
}

export interface SharedTasksParts<Task, Peer extends RingPeer> {
  readonly threadsMax: number;
  /** Threads that have nothing else to do. */
  peers(): Iterable<Peer>;
  /** One that could come, started where there is none. */
  idle(): Peer | undefined;
  /** @returns false: the frame cannot be sent */
  sendFrame(peer: Peer, frame: Frame): boolean;
  /** By all that were sent it. */
  dropFrame(frame: Frame): void;
  call(peer: Peer): void;
  settle(task: Task, output: unknown): void;
  /** While answers are all that is waited for, they keep the process. */
  holdProcess(isHeld: boolean): void;
}

/** What is worth a message that fetches a thread from its event loop, and a bell for one that waits. */
const CALLED_MICROS_MIN = 80;
const CALLED_COUNT_MIN = 2;
const WOKEN_MICROS_MIN = 30;
/** Tasks that one thread is taken to come to soon. */
const TASKS_A_THREAD = 4;
/** A thread that came for nothing is not called for so many times, twice as many each time. */
const SKIPPED_MAX = 64;

export class SharedTasks<Task extends OfferedTask, Peer extends RingPeer> {
  readonly #parts: SharedTasksParts<Task, Peer>;
  readonly #frames: TaskFrames;
  /** Tasks of such a frame were offered. */
  readonly #shared = new Set<Frame>();
  readonly ring = new TaskRing<Task>();
  #called: { readonly peer: Peer; readonly claims: number } | undefined;
  #skipped = 0;
  #toSkip = 0;
  #isAsleep = false;

  constructor(parts: SharedTasksParts<Task, Peer>) {
    this.#parts = parts;
    this.#frames = new TaskFrames((frame) => {
      this.#shared.delete(frame);
      parts.dropFrame(frame); // Threads have it also where none of its tasks fitted into a slot.
    });
  }

  get used(): number {
    return this.ring.used;
  }

  /** Offers all but the first ones, the oldest first; those that are offered are taken out of the list. */
  offer(waiting: Task[], from: number): void {
    if (waiting.length <= from) return;
    const isAttended = this.#isAttended();
    const calls = isAttended ? undefined : this.#toBeCalled(waiting);
    if (!isAttended && calls === undefined) return;
    let isSome = false;
    for (
      let at = from, looked = 0;
      at < waiting.length && looked < words.SLOTS && this.ring.hasRoom;
      looked++
    ) {
      const task = waiting[at];
      if (task !== undefined && !task.isKept && this.#put(task)) {
        waiting.splice(at, 1);
        isSome = true;
      } else at++;
    }
    if (!isSome) return;
    this.ring.ring();
    if (calls === undefined) this.#wake();
    else this.#call(calls);
  }

  #isAttended(): boolean {
    for (const { number } of this.#parts.peers()) if (this.ring.placeOf(number) !== words.AWAY) return true;
    return false;
  }

  /** A thread to be called for what waits, if that is worth it. */
  #toBeCalled(waiting: readonly Task[]): Peer | undefined {
    if (this.#parts.threadsMax < 1 || waiting.length <= CALLED_COUNT_MIN) return undefined;
    let micros = 0;
    for (let at = 1; at < waiting.length; at++) micros += waiting[at]?.micros ?? 0;
    if (micros < CALLED_MICROS_MIN) return undefined;
    return this.#mayCall() ? this.#parts.idle() : undefined;
  }

  #mayCall(): boolean {
    if (this.#called !== undefined) {
      const { peer, claims } = this.#called;
      const isInVain = this.ring.claimsOf(peer.number) === claims;
      this.#called = undefined;
      this.#skipped = isInVain ? Math.min(SKIPPED_MAX, this.#skipped * 2 + 1) : 0;
      this.#toSkip = this.#skipped;
    }
    if (this.#toSkip === 0) return true;
    this.#toSkip--;
    return false;
  }

  #put(task: Task): boolean {
    const frame = this.#frames.of(task);
    if (frame === undefined || !this.#isKnown(frame) || !this.ring.put(task, frame)) {
      task.isKept = true;
      return false;
    }
    this.#shared.add(frame);
    return true;
  }

  /** Threads that attend have the frame before any of its tasks. */
  #isKnown(frame: Frame): boolean {
    for (const peer of this.#parts.peers())
      if (this.ring.placeOf(peer.number) !== words.AWAY && !this.#send(peer, frame)) return false;
    return true;
  }

  #send(peer: Peer, frame: Frame): boolean {
    if (peer.frames.has(frame.id)) return true;
    if (!this.#parts.sendFrame(peer, frame)) {
      frame.isRefused = true;
      return false;
    }
    peer.frames.add(frame.id);
    return true;
  }

  #call(peer: Peer): void {
    for (const frame of this.#shared) this.#send(peer, frame);
    this.#called = { peer, claims: this.ring.claimsOf(peer.number) };
    this.ring.noteCalled(peer.number);
    this.#parts.call(peer);
  }

  /** Behind offers: one thread for some of what nobody has come to. */
  #wake(): void {
    const { count, micros } = this.ring.unclaimed();
    if (micros < WOKEN_MICROS_MIN) return;
    let active = 0;
    let waiting = 0;
    for (const { number } of this.#parts.peers()) {
      const place = this.ring.placeOf(number);
      if (place === words.WAITING) waiting++;
      else if (place !== words.AWAY) active++;
    }
    const wanted = Math.min(this.#parts.threadsMax, Math.ceil(count / TASKS_A_THREAD)) - active;
    if (wanted <= 0) return;
    if (waiting > 0) this.ring.wakeWaiting(Math.min(wanted, waiting));
    else if (micros >= CALLED_MICROS_MIN && this.#mayCall()) {
      const peer = this.#parts.idle();
      if (peer !== undefined && this.ring.placeOf(peer.number) === words.AWAY) this.#call(peer);
    }
  }

  /** @returns what the answered ones were worth; 0: nothing was answered */
  takeAnswers(): number {
    if (this.used === 0) return 0;
    let micros = 0;
    this.ring.takeAnswers((task, output) => {
      micros += Math.max(1, task.micros);
      this.#parts.settle(task, output);
    });
    return micros;
  }

  /** Nothing else is to be done here. @returns false: but for something that was answered meanwhile */
  sleep(): boolean {
    if (!this.ring.sleep()) return false;
    if (!this.#isAsleep) this.#parts.holdProcess(true);
    this.#isAsleep = true;
    return true;
  }

  awake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    this.ring.awake();
    this.#parts.holdProcess(false);
  }

  /** It goes, and no task has it. */
  forgetRegion(id: number): void {
    this.#frames.forgetRegion(id);
  }
}
