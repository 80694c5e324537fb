// One unary call on one HTTP/2 stream: admits its message, reads it, runs the handler, writes the answer, and lets go of all that as soon as
// the stream ends. The call starts at its one message; the end of the request stream is not waited for, as the retries of the Milvus client for
// Node never send it.
//
//   reading ──message whole──▶ running ──answer──▶ answering ──stream closed──▶ ended
//      └──too large, no room, too slow──▶ refused (answered with a status, stream closed) ──▶ ended

import type { SharedMemory } from '#base/shared-memory.js';
import type { Charge, HeldBytes } from '#platform/node/http1/held-bytes.js';
import type { RequestHeaders } from '#platform/node/http2/call-headers.js';
import { errorCode } from '#platform/node/http2/frames.js';
import { encodeHeaders } from '#platform/node/http2/hpack.js';
import type { Http2Stream, StreamListener } from '#platform/node/http2/http2-stream.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import { inflate } from './grpc-inflate.js';
import { GrpcMessageReader, PREFIX_BYTES } from './grpc-message-reader.js';
import { encodeDetails, type GrpcStatus, readTimeoutMs, status, toStatus } from './grpc-status.js';

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
export const LINGER_MS = 5000;
const TIMER_MS_MAX = 2 ** 31 - 1;
/** The same before and behind every answer. */
const ANSWER_HEADERS = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc+proto'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['grpc-encoding', 'identity'],
]);
const ANSWER_TRAILERS = encodeHeaders([
  ['grpc-status', String(status.OK)],
  ['grpc-message', ''],
]);

export interface CallLimits {
  readonly receiveBytesMax: number;
  readonly sendBytesMax: number;
  readonly held: HeldBytes;
  /** For messages that nobody reads when their handler has settled. Not given: messages move to other threads. */
  readonly memory?: SharedMemory | undefined;
}

export class GrpcCall implements StreamListener {
  readonly #stream: Http2Stream;
  readonly #headers: RequestHeaders;
  readonly #peer: string | undefined;
  readonly #limits: CallLimits;
  readonly #handler: MethodHandler;
  readonly #charge: Charge;
  readonly #reader: GrpcMessageReader;
  readonly #abort = new AbortController();
  readonly #startMs: number;
  readonly #onEnd: (call: GrpcCall) => void;
  #state: 'reading' | 'running' | 'answering' | 'refused' | 'ended' = 'reading';
  /** When bytes last came or went, in ms of the monotonic clock. */
  #movedMs: number;
  #deadlineMs: number | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;

  constructor(
    stream: Http2Stream,
    headers: RequestHeaders,
    peer: string | undefined,
    handler: MethodHandler,
    limits: CallLimits,
    onEnd: (call: GrpcCall) => void,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#peer = peer;
    this.#handler = handler;
    this.#reader = new GrpcMessageReader(handler.letsGo === true ? limits.memory : undefined);
    this.#limits = limits;
    this.#charge = limits.held.charge();
    this.#onEnd = onEnd;
    this.#startMs = performance.now();
    this.#movedMs = this.#startMs;
    stream.listener = this;
  }

  start(): void {
    if (!this.#charge.resize(STREAM_BYTES)) {
      this.#refuse(status.RESOURCE_EXHAUSTED, noRoom(this.#limits.held, 'one more call'));
      return;
    }
    const timeoutMs = readTimeoutMs(this.#headers.timeout);
    if (Number.isNaN(timeoutMs)) {
      this.#refuse(status.INVALID_ARGUMENT, 'grpc-timeout is not a time, expected digits and a unit');
      return;
    }
    if (timeoutMs !== undefined) this.#setDeadline(timeoutMs);
  }

  ended(): void {
    if (this.#state === 'reading')
      this.#refuse(status.INVALID_ARGUMENT, 'the request stream ended before its message was whole');
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
        if (idleMs > UNREAD_MS) this.#stream.reset(errorCode.cancel);
        else if (this.#stream.isLocalEnded && idleMs > LINGER_MS) this.#stream.reset(errorCode.none);
        return;
      case 'refused':
        if (idleMs > LINGER_MS) this.#stream.reset(errorCode.none);
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

  data(chunk: Buffer): boolean {
    this.#movedMs = performance.now();
    const reader = this.#reader;
    if (this.#state !== 'reading') {
      reader.beyond += chunk.length;
      if (reader.beyond > BEYOND_BYTES_MAX) this.#stream.reset(errorCode.calm);
      else this.#stream.grant(chunk.length);
      return false;
    }
    let rest = chunk;
    if (reader.length === undefined) {
      rest = reader.readPrefix(chunk);
      if (reader.length === undefined || !this.#admit(reader.length)) return false;
      // There is room for the message, so that its sender need not wait for more window on the way.
      this.#stream.grant(reader.length - rest.length - this.#stream.receiveWindow);
    }
    reader.fill(rest);
    if (reader.message !== undefined) this.#received(reader.message);
    return reader.isView;
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
    inflate(message, this.#headers.encoding, this.#limits.receiveBytesMax, admit).then(
      (plain) => this.#run(plain),
      (failure: GrpcStatus) => {
        this.#reader.giveBack();
        this.#refuse(failure.code, failure.details);
      },
    );
  }

  #run(message: Buffer): void {
    if (this.#state !== 'running') {
      this.#reader.giveBack();
      return;
    }
    const context: { -readonly [Part in keyof CallContext]: CallContext[Part] } = {
      signal: this.#abort.signal,
      metadata: this.#headers.metadata,
    };
    if (this.#peer !== undefined) context.peer = this.#peer;
    if (this.#deadlineMs !== undefined) context.deadlineMs = this.#deadlineMs;
    // No Buffer: `slice` of one is a view, where every handler takes it for a copy.
    const bytes = new Uint8Array(message.buffer, message.byteOffset, message.length);
    const run = async (): Promise<Uint8Array> => this.#handler(bytes, context);
    run().then(
      (reply) => {
        this.#reader.giveBack();
        this.#answer(reply);
      },
      (error: unknown) => {
        this.#reader.giveBack();
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
    const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
    prefix[0] = 0;
    prefix.writeUInt32BE(reply.length, 1);
    if (stream.answerAtOnce(ANSWER_HEADERS, prefix, reply, ANSWER_TRAILERS)) return;
    stream.begin(ANSWER_HEADERS);
    const first = reply.length <= PIECE_BYTES ? reply.length : HEAD_BYTES;
    this.#write(Buffer.concat([prefix, reply.subarray(0, first)]), reply, first);
  }

  #write(piece: Uint8Array, reply: Uint8Array, next: number): void {
    if (next >= reply.length) {
      this.#stream.end(piece, ANSWER_TRAILERS);
      return;
    }
    this.#stream.write(piece, () => {
      if (this.#state !== 'answering') return;
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

  closed(): void {
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
export function respondStatus(stream: Http2Stream, code: number, details: string): void {
  const headers = encodeHeaders([
    [':status', '200'],
    ['content-type', 'application/grpc+proto'],
    ['grpc-status', String(code)],
    ['grpc-message', encodeDetails(details)],
  ]);
  stream.respond(headers);
  // A client that still sends is asked to stop; what is under way is dropped without being kept.
  if (!stream.isRemoteEnded) stream.reset(errorCode.none);
}

const noRoom = (held: HeldBytes, what: string): string =>
  `no room for ${what}: calls under way and answers not read yet hold ${held.bytes} of ${held.bytesMax} bytes; send less at once, or try again when they have ended`;
