// One stream of an HTTP/2 connection: what its peer may still send, and what goes out as far as the windows of both allow.
import {
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  FRAME_BYTES_MAX,
  frameKind,
  HEAD_BYTES,
  headerFrames,
  kindWith,
  putHead,
  WINDOW_BYTES,
  wordFrame,
} from './frames.js';

/** Whoever works on a stream. */
export interface StreamListener {
  /** Bytes that came. @returns whether something still reads them afterwards; what nobody reads may be gone then */
  data(bytes: Buffer): boolean;
  /** Nothing more comes. */
  ended(): void;
  /** Nothing comes or goes any more, for whatever reason. Once. */
  closed(): void;
}

/** What a stream needs of its connection. */
export interface Carrier {
  /** What the peer lets be sent on all streams together. */
  sendWindow: number;
  readonly initialSendWindow: number;
  readonly sendFrameBytes: number;
  send(frame: Uint8Array): void;
  /** Runs when everything that was sent before has left this process. */
  whenSent(run: () => void): void;
  /** The window of the connection is used up: `pump` is called when there is more. */
  waitForWindow(stream: Http2Stream): void;
  forget(stream: Http2Stream): void;
}

interface Pending {
  readonly bytes: Uint8Array;
  at: number;
  /** Block of headers behind the bytes, with which the stream ends; undefined: more bytes will follow. */
  readonly trailers: Uint8Array | undefined;
  readonly taken: (() => void) | undefined;
}

export class Http2Stream {
  readonly id: number;
  listener: StreamListener | undefined;
  /** What the peer lets be sent on this stream; below 0 after it made its windows smaller. */
  sendWindow: number;
  /** What the peer may still send on this stream. */
  receiveWindow = WINDOW_BYTES;
  /** What the peer has said it sends, as far as it has not come; undefined: it has not said. */
  contentLeft: number | undefined;
  isRemoteEnded = false;
  isLocalEnded = false;
  isClosed = false;
  readonly #carrier: Carrier;
  #pending: Pending | undefined;

  constructor(id: number, carrier: Carrier) {
    this.id = id;
    this.#carrier = carrier;
    this.sendWindow = carrier.initialSendWindow;
  }

  /** All that the peer has said it sends has come. */
  get isComplete(): boolean {
    return this.contentLeft === undefined || this.contentLeft === 0;
  }

  /** @returns false: more than the peer has said */
  takes(bytes: number): boolean {
    if (this.contentLeft === undefined) return true;
    this.contentLeft -= bytes;
    return this.contentLeft >= 0;
  }

  /** Lets the peer send so many bytes more. */
  grant(bytes: number): void {
    if (bytes <= 0 || this.isClosed || this.isRemoteEnded) return;
    this.receiveWindow += bytes;
    this.#carrier.send(wordFrame(frameKind.window, this.id, bytes));
  }

  /** Headers alone: the whole answer. */
  respond(block: Uint8Array): void {
    if (this.isClosed || this.isLocalEnded) return;
    this.#carrier.send(headerFrames(this.id, block, true));
    this.#ended();
  }

  /** Headers; `write` and `end` follow. */
  begin(block: Uint8Array): void {
    if (!this.isClosed) this.#carrier.send(headerFrames(this.id, block, false));
  }

  /** @param taken runs when the bytes have left this process; nothing else is written until then */
  write(bytes: Uint8Array, taken: () => void): void {
    this.#pending = { bytes, at: 0, trailers: undefined, taken };
    this.pump();
  }

  end(bytes: Uint8Array, trailers: Uint8Array): void {
    this.#pending = { bytes, at: 0, trailers, taken: undefined };
    this.pump();
  }

  /**
   * A whole answer in one piece of memory, as nearly all are: headers, a body of two parts, trailers.
   * @returns false where the windows do not let it go at once; nothing was sent then
   */
  answerAtOnce(block: Uint8Array, head: Uint8Array, body: Uint8Array, trailers: Uint8Array): boolean {
    const length = head.length + body.length;
    const carrier = this.#carrier;
    if (this.isClosed || length > FRAME_BYTES_MAX) return false;
    if (length > this.sendWindow || length > carrier.sendWindow) return false;
    const bytes = Buffer.allocUnsafe(3 * HEAD_BYTES + block.length + length + trailers.length);
    putHead(bytes, 0, block.length, HEADERS, this.id);
    bytes.set(block, HEAD_BYTES);
    let at = HEAD_BYTES + block.length;
    putHead(bytes, at, length, DATA, this.id);
    bytes.set(head, at + HEAD_BYTES);
    bytes.set(body, at + HEAD_BYTES + head.length);
    at += HEAD_BYTES + length;
    putHead(bytes, at, trailers.length, TRAILERS, this.id);
    bytes.set(trailers, at + HEAD_BYTES);
    this.sendWindow -= length;
    carrier.sendWindow -= length;
    carrier.send(bytes);
    this.#ended();
    return true;
  }

  /** Sends as much of what waits as the windows allow. */
  pump(): void {
    const pending = this.#pending;
    if (pending === undefined || this.isClosed) return;
    const carrier = this.#carrier;
    while (pending.at < pending.bytes.length) {
      const room = Math.min(this.sendWindow, carrier.sendWindow, carrier.sendFrameBytes);
      if (room <= 0) {
        if (this.sendWindow > 0) carrier.waitForWindow(this);
        return;
      }
      const piece = pending.bytes.subarray(pending.at, pending.at + room);
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      putHead(head, 0, piece.length, DATA, this.id);
      this.sendWindow -= piece.length;
      carrier.sendWindow -= piece.length;
      pending.at += piece.length;
      carrier.send(head);
      carrier.send(piece);
    }
    this.#pending = undefined;
    if (pending.trailers !== undefined) {
      carrier.send(headerFrames(this.id, pending.trailers, true));
      this.#ended();
    } else if (pending.taken !== undefined) carrier.whenSent(pending.taken);
  }

  /** The peer gets nothing more, and what it still sends is dropped. */
  reset(code: ErrorCode): void {
    if (this.isClosed) return;
    this.#carrier.send(wordFrame(frameKind.reset, this.id, code));
    this.close();
  }

  /** All that was to be sent is on its way: the stream is over when it has left, and the peer has ended too. */
  #ended(): void {
    this.isLocalEnded = true;
    this.#carrier.whenSent(this.#sent);
  }

  #isSent = false;
  readonly #sent = (): void => {
    this.#isSent = true;
    this.closeIfOver();
  };

  closeIfOver(): void {
    if (this.#isSent && this.isRemoteEnded) this.close();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#pending = undefined;
    this.#carrier.forget(this);
    this.listener?.closed();
    // A stream that something still points to keeps nothing of the call.
    this.listener = undefined;
  }
}

const HEADERS = kindWith(frameKind.headers, END_HEADERS);
const DATA = kindWith(frameKind.data, 0);
const TRAILERS = kindWith(frameKind.headers, END_HEADERS | END_STREAM);
