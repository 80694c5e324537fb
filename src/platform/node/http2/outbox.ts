// What goes out on a connection: frames of one turn go in one write, and whoever asks hears when they have left this process.
import type { Socket } from 'node:net';
import { ownTimers } from '#platform/node/node-time.js';

const { nextTick } = ownTimers;

/** Frames up to so many bytes are put together; a copy costs less than handing over each. */
const JOINED_BYTES_MAX = 64 * 1024;
/** Answers that cost a peer nothing to ask for (to pings, to settings) and that it has not read. */
const CONTROLS_MAX = 10_000;
/**
 * While more than this has not left the process, nothing more of the peer is read: whoever does not read what it gets cannot ask for more. Most
 * of what a frame asks for is longer than the frame, and not all of it belongs to a stream that is still counted.
 */
const UNSENT_BYTES_MAX = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class Outbox {
  readonly #socket: Socket;
  readonly #cut: () => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #waiting: (() => void)[] = [];
  /** Answers of control that have not left this process; those of them that were not written yet. */
  #controls = 0;
  #newControls = 0;
  #isScheduled = false;
  #isHeldBack = false;

  /** @param cut ends the connection of a peer that asks and does not read */
  constructor(socket: Socket, cut: () => void) {
    this.#socket = socket;
    this.#cut = cut;
  }

  /** Nothing more of a peer is read while it leaves too much of what it gets unread. */
  keepPace(): void {
    if (this.#isHeldBack || this.#bytes + this.#socket.writableLength <= UNSENT_BYTES_MAX) return;
    this.#isHeldBack = true;
    this.#socket.pause();
    this.whenSent(() => {
      this.#isHeldBack = false;
      this.#socket.resume();
    });
  }

  send(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#schedule();
  }

  sendControl(frame: Uint8Array): void {
    this.#newControls++;
    if (++this.#controls > CONTROLS_MAX) this.#cut();
    else this.send(frame);
  }

  /** Runs when all that was sent before has left this process, or the connection has failed. */
  whenSent(run: () => void): void {
    this.#waiting.push(run);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    nextTick(this.flush);
  }

  readonly flush = (): void => {
    this.#isScheduled = false;
    const waiting = this.#waiting;
    const controls = this.#newControls;
    this.#waiting = [];
    this.#newControls = 0;
    if (this.#frames.length > 0) this.#write();
    // Nearly always the operating system takes it at once; below TLS it never does.
    if (this.#socket.writableLength === 0) this.#sent(waiting, controls);
    else if (waiting.length > 0 || controls > 0)
      this.#socket.write(NOTHING, () => this.#sent(waiting, controls));
  };

  #write(): void {
    const frames = this.#frames;
    const bytes = this.#bytes;
    this.#frames = [];
    this.#bytes = 0;
    const socket = this.#socket;
    const [first] = frames;
    if (!socket.writable || first === undefined) return;
    if (frames.length === 1) socket.write(first);
    else if (bytes <= JOINED_BYTES_MAX) socket.write(Buffer.concat(frames, bytes));
    else {
      socket.cork();
      for (const frame of frames) socket.write(frame);
      socket.uncork();
    }
  }

  #sent(waiting: readonly (() => void)[], controls: number): void {
    this.#controls -= controls;
    for (const run of waiting) run();
  }

  /** The connection is gone: nothing is sent any more, and nobody waits. */
  drop(): void {
    this.#frames = [];
    this.#waiting = [];
  }
}
