// gRPC over HTTP/2: connections that are handed in, unary calls by path. Everything that a client can make it hold is counted or
// ended: streams per connection, headers, half-sent messages, answers that nobody reads, connections that are gone without a word. Pings are
// answered at any rate, so clients may keep connections alive as they like.
import type { Socket } from 'node:net';
import { CallHeaders, type RequestHeaders } from '#platform/node/http2/call-headers.js';
import { errorCode } from '#platform/node/http2/frames.js';
import { encodeHeaders, HEADER_LIST_BYTES_MAX } from '#platform/node/http2/hpack.js';
import { Http2Session } from '#platform/node/http2/http2-session.js';
import type { Http2Stream } from '#platform/node/http2/http2-stream.js';
import type { MethodHandler } from '#platform/transport.js';
import { type CallLimits, GrpcCall, LINGER_MS, respondStatus } from './grpc-call.js';
import { status } from './grpc-status.js';

/** Open at a time on one connection; clients keep further calls back until some have ended. */
export const STREAMS_MAX = 1000;
/** Characters of a path that is not served, in the answer that says so. */
const PATH_SHOWN_MAX = 200;
const CHECK_MS = 1000;
/** Between two pings that find connections whose other end is gone, and for their answers, in ms. */
const PING_MS = 60_000;
const PING_ANSWER_MS = 20_000;
/** A client has this long for its preface and its settings, in ms. Over TLS nothing was read before. */
const GREETING_MS = 10_000;

export class GrpcServer {
  readonly #methods: ReadonlyMap<string, MethodHandler>;
  readonly #limits: CallLimits;
  /** With the time of the last ping, in ms of the monotonic clock; when it waits for the answer. */
  readonly #sessions = new Map<Http2Session, { pingMs: number; isWaiting: boolean }>();
  readonly #calls = new Set<GrpcCall>();
  /** Streams that were no calls, with the time of their answers in ms of the monotonic clock. */
  readonly #lingering = new Map<Http2Stream, number>();
  readonly #checks: NodeJS.Timeout;
  #isStopping = false;

  constructor(methods: ReadonlyMap<string, MethodHandler>, limits: CallLimits) {
    this.#methods = methods;
    this.#limits = limits;
    this.#checks = setInterval(() => this.#check(), CHECK_MS);
    this.#checks.unref();
  }

  /** Takes over a connection, from its first byte on. */
  accept(socket: Socket): void {
    const headers = new CallHeaders();
    const session = new Http2Session(socket, {
      streamsMax: STREAMS_MAX,
      onStream: (stream, sent, bytes) => this.#serve(session, stream, headers.read(sent), bytes),
      onClose: () => this.#sessions.delete(session),
    });
    this.#sessions.set(session, { pingMs: performance.now(), isWaiting: false });
    if (this.#isStopping) session.close();
  }

  /** No new calls; running ones go on, and connections close when theirs have ended. */
  stop(): void {
    this.#isStopping = true;
    for (const call of [...this.#calls]) call.stop();
    for (const session of this.#sessions.keys()) session.close();
  }

  destroy(): void {
    clearInterval(this.#checks);
    for (const session of this.#sessions.keys()) session.destroy();
  }

  #serve(session: Http2Session, stream: Http2Stream, headers: RequestHeaders, bytes: number): void {
    // The bound of the settings holds once the client has confirmed them, which it may leave out.
    if (bytes > HEADER_LIST_BYTES_MAX) {
      stream.reset(errorCode.calm);
      return;
    }
    stream.contentLeft = headers.contentLength;
    if (headers.method !== 'POST') {
      this.#respondAndLinger(stream, NOT_POST);
      return;
    }
    if (!headers.isGrpc) {
      this.#respondAndLinger(stream, NOT_GRPC);
      return;
    }
    if (this.#isStopping) {
      respondStatus(stream, status.UNAVAILABLE, 'the server is stopping: send the call again');
      return;
    }
    const { path } = headers;
    const handler = this.#methods.get(path);
    if (handler === undefined) {
      respondStatus(
        stream,
        status.UNIMPLEMENTED,
        `The server does not implement the method ${path.slice(0, PATH_SHOWN_MAX)}`,
      );
      return;
    }
    const call = new GrpcCall(
      stream,
      headers,
      session.peer,
      handler,
      this.#limits,
      (ended) => void this.#calls.delete(ended),
    );
    this.#calls.add(call);
    call.start();
  }

  /** Such a client may be of any kind: its stream stays for a while, for what it still sends. */
  #respondAndLinger(stream: Http2Stream, block: Uint8Array): void {
    stream.listener = { data: () => false, ended() {}, closed: () => void this.#lingering.delete(stream) };
    this.#lingering.set(stream, performance.now());
    stream.respond(block);
  }

  #check(): void {
    const nowMs = performance.now();
    for (const call of this.#calls) call.check(nowMs);
    for (const [stream, sinceMs] of this.#lingering)
      if (nowMs - sinceMs > LINGER_MS) stream.reset(errorCode.none);
    for (const [session, state] of this.#sessions) {
      if (!session.isGreeted) {
        if (nowMs - state.pingMs > GREETING_MS) session.destroy();
      } else if (state.isWaiting) {
        if (nowMs - state.pingMs > PING_ANSWER_MS) session.destroy();
      } else if (nowMs - state.pingMs > PING_MS) this.#ping(session, state, nowMs);
    }
  }

  #ping(session: Http2Session, state: { pingMs: number; isWaiting: boolean }, nowMs: number): void {
    state.pingMs = nowMs;
    if (session.isEnded) return;
    state.isWaiting = true;
    session.ping(() => {
      state.isWaiting = false;
    });
  }
}

const NOT_POST = encodeHeaders([[':status', '405']]);
const NOT_GRPC = encodeHeaders([[':status', '415']]);
