// One unary call on one HTTP/2 stream: admits its message, reads it, runs the handler, writes the answer, and lets go of all that as soon as
// the stream ends. The call starts at its one message; the end of the request stream is not waited for, as the retries of the Milvus client for
// Node never send it.
//
//   reading ──message whole──▶ running ──answer──▶ answering ──stream closed──▶ ended
//      └──too large, no room, too slow──▶ refused (answered with a status, stream closed) ──▶ ended
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import { inflate } from './grpc-inflate.js';
import { GrpcMessageReader, PREFIX_BYTES } from './grpc-message-reader.js';
import {
  encodeDetails,
  type GrpcStatus,
  readHeaders,
  readTimeoutMs,
  status,
  toStatus,
} from './grpc-status.js';
import type { Charge, HeldBytes } from './held-bytes.js';

/** Bytes of each open stream, beside its message: headers, which are no longer, and objects. */
const STREAM_BYTES = 16 * 1024;
/** A call ends when no byte of its message or answer has moved for this long, in ms. */
export const STALL_MS = 10_000;
const UNREAD_MS = 30_000;
/** A message that moves has this long, and a second for each `SLOWEST_BYTES`. */
const MESSAGE_MS = 30_000;
const SLOWEST_BYTES = 256 * 1024;
/** What is written at once: the next piece waits until the client has taken this one. */
const PIECE_BYTES = 256 * 1024;
/** What is copied behind the prefix of an answer of several pieces: an answer that nobody reads is not held twice. */
const HEAD_BYTES = 16 * 1024;
/** A client that goes on sending behind its message is cut off. */
const BEYOND_BYTES_MAX = 64 * 1024;
/** An answered call whose client leaves the stream open has it closed after this, in ms. */
const LINGER_MS = 5000;
const TIMER_MS_MAX = 2 ** 31 - 1;
const answerHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'grpc-encoding': 'identity',
};

export interface CallLimits {
  readonly receiveBytesMax: number;
  readonly sendBytesMax: number;
  readonly held: HeldBytes;
}

export class GrpcCall {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #limits: CallLimits;
  readonly #handler: MethodHandler;
  readonly #charge: Charge;
  readonly #reader = new GrpcMessageReader();
  readonly #abort = new AbortController();
  readonly #startMs: number;
  readonly #onEnd: (call: GrpcCall) => void;
  #state: 'reading' | 'running' | 'answering' | 'refused' | 'ended' = 'reading';
  /** When bytes last came or went, in ms of the monotonic clock. */
  #movedMs: number;
  #deadlineMs: number | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    handler: MethodHandler,
    limits: CallLimits,
    onEnd: (call: GrpcCall) => void,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#handler = handler;
    this.#limits = limits;
    this.#charge = limits.held.charge();
    this.#onEnd = onEnd;
    this.#startMs = performance.now();
    this.#movedMs = this.#startMs;
    stream.once('close', () => this.#end());
  }

  start(): void {
    if (!this.#charge.resize(STREAM_BYTES)) {
      this.#refuse(status.RESOURCE_EXHAUSTED, noRoom(this.#limits.held, 'one more call'));
      return;
    }
    const timeoutMs = readTimeoutMs(this.#headers['grpc-timeout']);
    if (Number.isNaN(timeoutMs)) {
      this.#refuse(status.INVALID_ARGUMENT, 'grpc-timeout is not a time, expected digits and a unit');
      return;
    }
    if (timeoutMs !== undefined) this.#setDeadline(timeoutMs);
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream.once('end', () => {
      if (this.#state === 'reading')
        this.#refuse(status.INVALID_ARGUMENT, 'the request stream ended before its message was whole');
    });
  }

  /** Looks whether the other side still does its part. @param nowMs of the monotonic clock */
  check(nowMs: number): void {
    const idleMs = nowMs - this.#movedMs;
    switch (this.#state) {
      case 'reading': {
        const allowedMs = MESSAGE_MS + ((this.#reader.length ?? 0) / SLOWEST_BYTES) * 1000;
        if (idleMs <= STALL_MS && nowMs - this.#startMs <= allowedMs) return;
        this.#refuse(
          status.DEADLINE_EXCEEDED,
          'the message did not come: its sender stopped or is too slow; send it again',
        );
        return;
      }
      case 'answering':
        if (idleMs > UNREAD_MS) this.#stream.close(constants.NGHTTP2_CANCEL);
        else if (this.#stream.writableFinished && idleMs > LINGER_MS)
          this.#stream.close(constants.NGHTTP2_NO_ERROR);
        return;
      case 'refused':
        if (idleMs > LINGER_MS) this.#stream.destroy();
        return;
      case 'running':
      case 'ended':
    }
  }

  /** The server stops: a message that is not whole yet will not be worked on. */
  stop(): void {
    if (this.#state === 'reading')
      this.#refuse(status.UNAVAILABLE, 'the server is stopping: send the call again');
  }

  #setDeadline(timeoutMs: number): void {
    this.#deadlineMs = Date.now() + timeoutMs;
    if (timeoutMs > TIMER_MS_MAX) return;
    this.#deadlineTimer = setTimeout(() => {
      if (this.#state !== 'reading' && this.#state !== 'running') return;
      this.#refuse(status.DEADLINE_EXCEEDED, 'Deadline exceeded');
      this.#abort.abort();
    }, timeoutMs);
  }

  #take(chunk: Buffer): void {
    this.#movedMs = performance.now();
    const reader = this.#reader;
    if (this.#state !== 'reading') {
      reader.beyond += chunk.length;
      if (reader.beyond > BEYOND_BYTES_MAX) this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    let rest = chunk;
    if (reader.length === undefined) {
      rest = reader.readPrefix(chunk);
      if (reader.length === undefined || !this.#admit(reader.length)) return;
    }
    reader.fill(rest);
    if (reader.message !== undefined) this.#received(reader.message);
  }

  /** Decides before any of the message is kept. */
  #admit(length: number): boolean {
    const { receiveBytesMax, held } = this.#limits;
    if (length > receiveBytesMax)
      this.#refuse(
        status.RESOURCE_EXHAUSTED,
        `Received message larger than max (${length} vs ${receiveBytesMax})`,
      );
    else if (!this.#charge.resize(STREAM_BYTES + length))
      this.#refuse(status.RESOURCE_EXHAUSTED, noRoom(held, `a message of ${length} bytes`));
    else return true;
    return false;
  }

  #received(message: Buffer): void {
    this.#state = 'running';
    if (!this.#reader.isCompressed) {
      this.#run(message);
      return;
    }
    // What goes on after the stream has ended must not count any more.
    const admit = (bytes: number): boolean =>
      this.#state === 'running' && this.#charge.resize(STREAM_BYTES + message.length + bytes);
    inflate(message, this.#headers['grpc-encoding'], this.#limits.receiveBytesMax, admit).then(
      (plain) => this.#run(plain),
      (failure: GrpcStatus) => this.#refuse(failure.code, failure.details),
    );
  }

  #run(message: Buffer): void {
    if (this.#state !== 'running') return;
    const context: CallContext = {
      signal: this.#abort.signal,
      metadata: readHeaders(this.#headers),
      ...peerOf(this.#stream),
      ...(this.#deadlineMs === undefined ? {} : { deadlineMs: this.#deadlineMs }),
    };
    const run = async (): Promise<Uint8Array> => this.#handler(message, context);
    run().then(
      (reply) => this.#answer(reply),
      (error: unknown) => {
        const { code, details } = toStatus(error);
        this.#refuse(code, details);
      },
    );
  }

  #answer(reply: Uint8Array): void {
    if (this.#state !== 'running') return;
    const { sendBytesMax, held } = this.#limits;
    if (reply.length > sendBytesMax) {
      this.#refuse(
        status.RESOURCE_EXHAUSTED,
        `Sent message larger than max (${reply.length} vs. ${sendBytesMax})`,
      );
      return;
    }
    // The message is worked on and goes; the answer comes in its place.
    if (!this.#charge.resize(STREAM_BYTES + reply.length)) {
      this.#refuse(status.RESOURCE_EXHAUSTED, noRoom(held, `an answer of ${reply.length} bytes`));
      return;
    }
    this.#state = 'answering';
    this.#movedMs = performance.now();
    clearTimeout(this.#deadlineTimer);
    const stream = this.#stream;
    stream.respond(answerHeaders, { waitForTrailers: true });
    stream.once('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': String(status.OK), 'grpc-message': '' }),
    );
    const first = reply.length <= PIECE_BYTES ? reply.length : HEAD_BYTES;
    const head = Buffer.allocUnsafe(PREFIX_BYTES + first);
    head[0] = 0;
    head.writeUInt32BE(reply.length, 1);
    head.set(reply.subarray(0, first), PREFIX_BYTES);
    this.#write(head, reply, first);
  }

  #write(piece: Uint8Array, reply: Uint8Array, next: number): void {
    if (next >= reply.length) {
      this.#stream.end(piece);
      return;
    }
    this.#stream.write(piece, (error) => {
      if (error || this.#state !== 'answering') return;
      this.#movedMs = performance.now();
      const end = Math.min(reply.length, next + PIECE_BYTES);
      this.#write(reply.subarray(next, end), reply, end);
    });
  }

  /** Answers with a status alone. Whatever the client still sends is not read. */
  #refuse(code: number, details: string): void {
    if (this.#state !== 'reading' && this.#state !== 'running') return;
    this.#state = 'refused';
    this.#movedMs = performance.now();
    clearTimeout(this.#deadlineTimer);
    this.#reader.drop();
    respondStatus(this.#stream, code, details);
  }

  #end(): void {
    const isAnswered = this.#state === 'answering' || this.#state === 'refused';
    this.#state = 'ended';
    clearTimeout(this.#deadlineTimer);
    this.#reader.drop();
    this.#charge.release();
    this.#onEnd(this);
    if (!isAnswered) this.#abort.abort();
  }
}

/** A status without a message, and the end of the stream, for both sides. */
export function respondStatus(stream: ServerHttp2Stream, code: number, details: string): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeDetails(details) };
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc+proto', ...trailers },
    { endStream: true },
  );
  // A client that still sends is asked to stop; what is under way is dropped without being kept.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

const noRoom = (held: HeldBytes, what: string): string =>
  `no room for ${what}: calls under way and answers not read yet hold ${held.bytes} of ${held.bytesMax} bytes; send less at once, or try again when they have ended`;

/** A stream whose session is gone has nobody to name. */
function peerOf({ session }: ServerHttp2Stream): { readonly peer?: string } {
  const peer = session?.destroyed === false ? session.socket.remoteAddress : undefined;
  return peer === undefined ? {} : { peer };
}
