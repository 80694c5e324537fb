// gRPC over the HTTP/2 of Node: connections that are handed in, unary calls by path. Everything that a client can make it hold is counted or
// ended: streams per connection, headers, half-sent messages, answers that nobody reads, connections that are gone without a word. Pings are
// answered at any rate, so clients may keep connections alive as they like.
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { MethodHandler } from '#platform/transport.js';
import { type CallLimits, GrpcCall, respondStatus } from './grpc-call.js';
import { status } from './grpc-status.js';

/** Open at a time on one connection; clients keep further calls back until some have ended. */
export const STREAMS_MAX = 1000;
const HEADER_BYTES_MAX = 16 * 1024;
/** What HTTP/2 counts for each header beside its name and value. */
const HEADER_BYTES_EXTRA = 32;
/** Characters of a path that is not served, in the answer that says so. */
const PATH_SHOWN_MAX = 200;
const CHECK_MS = 1000;
/** Between two pings that find connections whose other end is gone, and for their answers, in ms. */
const PING_MS = 60_000;
const PING_ANSWER_MS = 20_000;
/** A client has this long for its preface and its settings, in ms. Over TLS nothing was read before. */
const GREETING_MS = 10_000;
/** Deno 2.9 ends the process with a failed assertion when a server says goodbye to some clients (GOAWAY). */
const isDeno = process.versions.deno !== undefined;

interface SessionState {
  /** When it was opened, or was sent its last ping, in ms of the monotonic clock. */
  pingMs: number;
  /** For the answer to a ping. */
  isWaiting: boolean;
  /** Its settings have come. */
  isGreeted: boolean;
}

export class GrpcServer {
  readonly #methods: ReadonlyMap<string, MethodHandler>;
  readonly #limits: CallLimits;
  readonly #http2: Http2Server;
  readonly #sessions = new Map<ServerHttp2Session, SessionState>();
  readonly #calls = new Set<GrpcCall>();
  /** In Deno only. */
  readonly #sockets = new Set<Socket>();
  readonly #checks: NodeJS.Timeout;
  #isStopping = false;

  constructor(methods: ReadonlyMap<string, MethodHandler>, limits: CallLimits) {
    this.#methods = methods;
    this.#limits = limits;
    this.#http2 = createServer({
      settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX, enablePush: false },
      // What calls hold is counted by us; the bound of Node would refuse calls beside one large answer.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#http2.on('session', (session) => this.#opened(session));
    this.#http2.on('stream', (stream, headers, _flags, raw) => this.#serve(stream, headers, raw));
    this.#http2.on('sessionError', () => {}); // The session closes, and its calls with it.
    this.#checks = setInterval(() => this.#check(), CHECK_MS);
    this.#checks.unref();
  }

  /** Takes over a connection, from its first byte on. */
  accept(socket: Socket): void {
    this.#http2.emit('connection', socket);
    if (!isDeno) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** No new calls; running ones go on, and connections close when theirs have ended. */
  stop(): void {
    this.#isStopping = true;
    for (const call of [...this.#calls]) call.stop();
    if (isDeno) this.#leaveSilently();
    else for (const session of this.#sessions.keys()) session.close();
  }

  destroy(): void {
    clearInterval(this.#checks);
    for (const session of this.#sessions.keys()) session.destroy();
  }

  /** Ends the connections below HTTP/2, once no call is left. */
  #leaveSilently(): void {
    if (this.#calls.size === 0) for (const socket of this.#sockets) socket.destroySoon();
  }

  #opened(session: ServerHttp2Session): void {
    const state = { pingMs: performance.now(), isWaiting: false, isGreeted: false };
    this.#sessions.set(session, state);
    session.once('remoteSettings', () => {
      state.isGreeted = true;
    });
    session.on('error', () => {}); // Its close follows.
    session.once('close', () => this.#sessions.delete(session));
    if (this.#isStopping && !isDeno) session.close();
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    stream.on('error', () => {}); // Its close follows.
    // The bound of the settings holds once the client has confirmed them, which it may leave out.
    if (headerBytes(raw) > HEADER_BYTES_MAX) {
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    if (headers[':method'] !== 'POST') {
      stream.respond({ ':status': 405 }, { endStream: true });
      return;
    }
    if (!/^application\/grpc(\+proto|;|$)/.test(headers['content-type'] ?? '')) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    if (this.#isStopping) {
      respondStatus(stream, status.UNAVAILABLE, 'the server is stopping: send the call again');
      return;
    }
    const path = headers[':path'] ?? '';
    const handler = this.#methods.get(path);
    if (handler === undefined) {
      respondStatus(
        stream,
        status.UNIMPLEMENTED,
        `The server does not implement the method ${path.slice(0, PATH_SHOWN_MAX)}`,
      );
      return;
    }
    const call = new GrpcCall(stream, headers, handler, this.#limits, (ended) => {
      this.#calls.delete(ended);
      if (isDeno && this.#isStopping) this.#leaveSilently();
    });
    this.#calls.add(call);
    call.start();
  }

  #check(): void {
    const nowMs = performance.now();
    for (const call of this.#calls) call.check(nowMs);
    for (const [session, state] of this.#sessions) {
      if (!state.isGreeted) {
        if (nowMs - state.pingMs > GREETING_MS) session.destroy();
      } else if (state.isWaiting) {
        if (nowMs - state.pingMs > PING_ANSWER_MS) session.destroy();
      } else if (nowMs - state.pingMs > PING_MS) this.#ping(session, state, nowMs);
    }
  }

  #ping(session: ServerHttp2Session, state: SessionState, nowMs: number): void {
    state.pingMs = nowMs;
    if (session.destroyed) return;
    state.isWaiting = session.ping((error) => {
      if (error === null) state.isWaiting = false;
    });
  }
}

/** @param raw names and values in turn */
function headerBytes(raw: readonly string[]): number {
  let bytes = (raw.length / 2) * HEADER_BYTES_EXTRA;
  for (const text of raw) bytes += text.length;
  return bytes;
}
