// One connection of HTTP/2, as a server has it: frames in and out, streams, windows, pings, and the bounds on all that a peer may do.
//
//   waiting for the preface ──▶ waiting for settings ──▶ open ──close()──▶ draining (streams that there are end) ──▶ ended
//      └──────────── what the protocol forbids, or too much of what it allows: GOAWAY ────────────▶ ended
import type { Socket } from 'node:net';
import { letGo } from './chunk-memory.js';
import { FloodBound } from './flood-bound.js';
import { FrameReader } from './frame-reader.js';
import {
  ACK,
  contentOf,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  errorCode,
  FRAME_BYTES_MAX,
  frameKind,
  frameOf,
  goawayFrame,
  PRIORITY,
  setting,
  settingsFrame,
  WINDOW_BYTES,
  WINDOW_BYTES_MAX,
  wordFrame,
} from './frames.js';
import { HeaderBlock } from './header-block.js';
import { CompressionError, HEADER_LIST_BYTES_MAX, HpackDecoder } from './hpack.js';
import { Http2Stream } from './http2-stream.js';
import { Outbox } from './outbox.js';
import { readSettings } from './peer-settings.js';
import { requestHeaders } from './request-headers.js';

/** What a connection may be sent on all streams together, beyond what was taken: nothing that comes lies unread. */
const RECEIVE_WINDOW = 1024 * 1024;
/** The time that a connection has to close after its peer was sent why, in ms. */
const END_MS = 1000;

export interface SessionOptions {
  /** Streams that may be open at a time. */
  readonly streamsMax: number;
  /** A request, with names and values of its headers in turn; `bytes` above the bound of a list: not all of them. */
  readonly onStream: (stream: Http2Stream, headers: readonly string[], bytes: number) => void;
  readonly onClose: () => void;
}

/** A client in the same Deno process, which closes at the same time, can end that process at a GOAWAY: an assertion of its nghttp2. */
const SAYS_GOODBYE = process.versions.deno === undefined;

export class Http2Session {
  /** What the peer lets be sent on all streams together. */
  sendWindow = WINDOW_BYTES;
  initialSendWindow = WINDOW_BYTES;
  sendFrameBytes = FRAME_BYTES_MAX;
  /** Where the peer is. */
  readonly peer: string | undefined;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #streams = new Map<number, Http2Stream>();
  /** Those that wait for the window of the connection. */
  readonly #blocked = new Set<Http2Stream>();
  readonly #reader = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #floods = new FloodBound();
  readonly #out: Outbox;
  #receiveWindow = RECEIVE_WINDOW;
  #lastStream = 0;
  /** That is not whole yet: nothing else may come before it is. */
  #block: HeaderBlock | undefined;
  /** Headers of the latest request. */
  #latest: readonly string[] = [];
  /** Something may still read the chunk that is read now. */
  #isKept = false;
  #isSettled = false;
  #isDraining = false;
  #isEnded = false;
  #onHeard: (() => void) | undefined;

  constructor(socket: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.peer = socket.remoteAddress;
    this.#out = new Outbox(socket, () => this.destroy());
    const settings = [
      [setting.streamsMax, options.streamsMax],
      [setting.headerBytes, HEADER_LIST_BYTES_MAX],
    ] as const;
    this.#out.send(settingsFrame(settings));
    this.#out.send(wordFrame(frameKind.window, 0, RECEIVE_WINDOW - WINDOW_BYTES));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('close', () => this.#closed());
    socket.resume();
  }

  /** The settings of the client have come. */
  get isGreeted(): boolean {
    return this.#isSettled;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(frame: Uint8Array): void {
    if (!this.#isEnded) this.#out.send(frame);
  }

  whenSent(run: () => void): void {
    this.#out.whenSent(run);
  }

  waitForWindow(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  forget(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#blocked.delete(stream);
    if (this.#isDraining && this.#streams.size === 0) this.#end();
  }

  /**
   * Asks whether the peer is there. A ping waits behind all that was sent before it, so a peer that reads slowly answers late: whatever else comes
   * from it says as much.
   * @param onHeard runs when anything comes
   */
  ping(onHeard: () => void): void {
    this.#onHeard = onHeard;
    this.send(frameOf(frameKind.ping, 0, 0, Buffer.alloc(8)));
  }

  /** The peer opens no more streams; the connection closes when those that there are have ended. */
  close(): void {
    if (this.#isEnded || this.#isDraining) return;
    this.#isDraining = true;
    if (SAYS_GOODBYE) this.#out.send(goawayFrame(this.#lastStream, errorCode.none));
    if (this.#streams.size === 0) this.#end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #heard(onHeard: () => void): void {
    this.#onHeard = undefined;
    onHeard();
  }

  #take(chunk: Buffer): void {
    if (this.#isEnded) return;
    if (this.#onHeard !== undefined) this.#heard(this.#onHeard);
    this.#isKept = false;
    const problem = this.#reader.read(chunk, this.#onFrame);
    if (!this.#isKept) letGo(chunk);
    if (this.#isEnded) return;
    if (problem === undefined) {
      this.#out.keepPace();
      return;
    }
    this.#out.send(goawayFrame(this.#lastStream, problem));
    this.#end();
  }

  readonly #onFrame = (kind: number, flags: number, stream: number, body: Buffer): ErrorCode | undefined =>
    this.#frame(kind, flags, stream, body);

  /** Lets go of all streams and closes; a peer that does not read what is on its way is cut. */
  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#out.flush();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), END_MS).unref();
    this.#closeStreams();
  }

  #closed(): void {
    this.#isEnded = true;
    this.#closeStreams();
    this.#out.drop();
    this.#options.onClose();
  }

  #closeStreams(): void {
    for (const stream of [...this.#streams.values()]) stream.close();
  }

  /** Something that a client that behaves does seldom. */
  #odd(): ErrorCode | undefined {
    return this.#floods.take() ? undefined : errorCode.calm;
  }

  /** @returns what ends the connection; the same for the kinds of frames below */
  #frame(kind: number, flags: number, id: number, body: Buffer): ErrorCode | undefined {
    if (this.#isEnded) return undefined;
    if (kind !== frameKind.data && kind !== frameKind.window) this.#isKept = true;
    if (this.#block !== undefined && (kind !== frameKind.continuation || id !== this.#block.stream))
      return errorCode.protocol;
    if (!this.#isSettled && kind !== frameKind.settings) return errorCode.protocol;
    switch (kind) {
      case frameKind.data:
        return this.#data(flags, id, body);
      case frameKind.headers:
        return this.#headers(flags, id, body);
      case frameKind.continuation:
        return this.#continuation(flags, body);
      case frameKind.settings:
        return this.#settings(flags, id, body);
      case frameKind.window:
        return this.#window(id, body);
      case frameKind.reset:
        return this.#reset(id, body);
      case frameKind.ping:
        return this.#pinged(flags, id, body);
      case frameKind.push:
        return errorCode.protocol;
      case frameKind.priority:
        if (body.length !== 5) return errorCode.frameSize;
        return id === 0 ? errorCode.protocol : undefined;
      case frameKind.goaway:
        if (id !== 0) return errorCode.protocol;
        return body.length < 8 ? errorCode.frameSize : undefined;
      default: // Kinds that are not known are passed over.
        return undefined;
    }
  }

  #data(flags: number, id: number, body: Buffer): ErrorCode | undefined {
    if (id === 0 || (id > this.#lastStream && id % 2 === 1) || id % 2 === 0) return errorCode.protocol;
    this.#receiveWindow -= body.length;
    if (this.#receiveWindow < 0) return errorCode.flowControl;
    if (this.#receiveWindow < RECEIVE_WINDOW / 2) {
      this.send(wordFrame(frameKind.window, 0, RECEIVE_WINDOW - this.#receiveWindow));
      this.#receiveWindow = RECEIVE_WINDOW;
    }
    const isEnd = (flags & END_STREAM) !== 0;
    const content = contentOf(flags, body, 0);
    if (content === undefined) return errorCode.protocol;
    const problem = body.length === 0 && !isEnd ? this.#odd() : undefined;
    const stream = this.#streams.get(id);
    // What was on its way when the stream was closed is dropped.
    if (stream === undefined || problem !== undefined) return problem;
    if (stream.isRemoteEnded) return this.#refuse(stream, errorCode.streamClosed);
    stream.receiveWindow -= body.length;
    if (stream.receiveWindow < 0) return this.#refuse(stream, errorCode.flowControl);
    if (!stream.takes(content.length)) return this.#refuse(stream, errorCode.protocol);
    stream.grant(body.length - content.length);
    if (content.length > 0 && stream.listener?.data(content) === true) this.#isKept = true;
    return isEnd ? this.#remoteEnded(stream) : undefined;
  }

  #remoteEnded(stream: Http2Stream): ErrorCode | undefined {
    if (stream.isClosed) return undefined;
    if (!stream.isComplete) return this.#refuse(stream, errorCode.protocol);
    stream.isRemoteEnded = true;
    stream.listener?.ended();
    stream.closeIfOver();
    return undefined;
  }

  #refuse(stream: Http2Stream, code: ErrorCode): ErrorCode | undefined {
    stream.reset(code);
    return this.#odd();
  }

  #headers(flags: number, id: number, body: Buffer): ErrorCode | undefined {
    if (id === 0 || id % 2 === 0) return errorCode.protocol;
    const content = contentOf(flags, body, (flags & PRIORITY) === 0 ? 0 : 5);
    if (content === undefined) return errorCode.protocol;
    const isEnd = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) return this.#whole(id, isEnd, content);
    this.#block = new HeaderBlock(id, isEnd, content);
    return undefined;
  }

  #continuation(flags: number, body: Buffer): ErrorCode | undefined {
    const block = this.#block;
    if (block === undefined) return errorCode.protocol;
    if (!block.add(body)) return errorCode.calm;
    if ((flags & END_HEADERS) === 0) return undefined;
    this.#block = undefined;
    return this.#whole(block.stream, block.isEnd, block.bytes());
  }

  #whole(id: number, isEnd: boolean, block: Buffer): ErrorCode | undefined {
    try {
      // Read whatever becomes of it: the blocks that follow depend on it.
      const { headers, bytes } = this.#hpack.decode(block);
      return id > this.#lastStream
        ? this.#opened(id, isEnd, headers, bytes)
        : this.#trailers(id, isEnd, headers);
    } catch (error) {
      if (!(error instanceof CompressionError)) throw error;
      return errorCode.compression;
    }
  }

  #opened(id: number, isEnd: boolean, sent: readonly string[], bytes: number): ErrorCode | undefined {
    this.#lastStream = id;
    const isFull = this.#streams.size >= this.#options.streamsMax;
    const isOver = bytes > HEADER_LIST_BYTES_MAX;
    const headers = isOver || sent === this.#latest ? sent : requestHeaders(sent, this.#latest);
    if (isFull || headers === undefined) {
      this.send(wordFrame(frameKind.reset, id, isFull ? errorCode.refused : errorCode.protocol));
      return this.#odd();
    }
    // Where something was left out, it is to be looked at again.
    if (headers === sent && !isOver) this.#latest = sent;
    const stream = new Http2Stream(id, this);
    this.#streams.set(id, stream);
    stream.isRemoteEnded = isEnd;
    this.#options.onStream(stream, headers, bytes);
    return isEnd ? this.#remoteEnded(stream) : undefined;
  }

  /** Headers of a stream that there is, or was. */
  #trailers(id: number, isEnd: boolean, headers: readonly string[]): ErrorCode | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.#odd();
    if (stream.isRemoteEnded) return this.#refuse(stream, errorCode.streamClosed);
    const isOdd = !isEnd || headers.some((text, at) => at % 2 === 0 && text.startsWith(':'));
    return isOdd ? this.#refuse(stream, errorCode.protocol) : this.#remoteEnded(stream);
  }

  #settings(flags: number, id: number, body: Buffer): ErrorCode | undefined {
    if (id !== 0) return errorCode.protocol;
    if ((flags & ACK) !== 0) {
      if (body.length > 0) return errorCode.frameSize;
      return this.#isSettled ? undefined : errorCode.protocol;
    }
    // Each may be work for all streams, and clients say few.
    const problem = this.#isSettled ? this.#odd() : undefined;
    if (problem !== undefined) return problem;
    const settings = readSettings(body);
    if (typeof settings === 'number') return settings;
    this.#isSettled = true;
    this.sendFrameBytes = settings.frameBytes ?? this.sendFrameBytes;
    this.#out.sendControl(frameOf(frameKind.settings, ACK, 0, Buffer.alloc(0)));
    return settings.window === undefined ? undefined : this.#resizeWindows(settings.window);
  }

  #resizeWindows(bytes: number): ErrorCode | undefined {
    const more = bytes - this.initialSendWindow;
    this.initialSendWindow = bytes;
    for (const stream of [...this.#streams.values()]) {
      stream.sendWindow += more;
      if (stream.sendWindow > WINDOW_BYTES_MAX) return errorCode.flowControl;
      if (more > 0) stream.pump();
    }
    return undefined;
  }

  #window(id: number, body: Buffer): ErrorCode | undefined {
    if (body.length !== 4) return errorCode.frameSize;
    const more = body.readUInt32BE(0) & WINDOW_BYTES_MAX;
    if (id === 0) {
      this.sendWindow += more;
      if (more === 0) return errorCode.protocol;
      if (this.sendWindow > WINDOW_BYTES_MAX) return errorCode.flowControl;
      this.#pumpBlocked();
      return undefined;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return id > this.#lastStream ? errorCode.protocol : undefined;
    stream.sendWindow += more;
    if (more === 0) return this.#refuse(stream, errorCode.protocol);
    if (stream.sendWindow > WINDOW_BYTES_MAX) return this.#refuse(stream, errorCode.flowControl);
    stream.pump();
    return undefined;
  }

  /** Those that wait longest go first; who needs more than there is waits again, behind the others. */
  #pumpBlocked(): void {
    for (const stream of this.#blocked) {
      if (this.sendWindow <= 0) return;
      this.#blocked.delete(stream);
      stream.pump();
    }
  }

  #reset(id: number, body: Buffer): ErrorCode | undefined {
    if (body.length !== 4) return errorCode.frameSize;
    if (id === 0 || id > this.#lastStream) return errorCode.protocol;
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    // A client may let go of a stream that was answered as often as it likes; of work that it asked for, it may not.
    const problem = stream.isLocalEnded ? undefined : this.#odd();
    stream.close();
    return problem;
  }

  #pinged(flags: number, id: number, body: Buffer): ErrorCode | undefined {
    if (id !== 0) return errorCode.protocol;
    if (body.length !== 8) return errorCode.frameSize;
    if ((flags & ACK) === 0) this.#out.sendControl(frameOf(frameKind.ping, ACK, 0, body));
    return undefined;
  }
}
