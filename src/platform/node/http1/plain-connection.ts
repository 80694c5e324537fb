// A connection as long as its requests are plain: one after the other, each read, answered and written here, without the streams and events
// that Node makes for each. What is not plain is given to Node's server from its first byte on, and the connection with it, for good.
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '#base/errors.js';
import { letGo } from '#platform/node/http2/chunk-memory.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import { BodyBytes } from './body-bytes.js';
import type { Charge } from './held-bytes.js';
import { type FittingAnswer, fitting, textAnswer } from './http-answer.js';
import {
  type HttpConnection,
  type HttpHandler,
  type HttpLimits,
  NEXT_REQUEST_MS,
  REQUEST_MS,
} from './http-connection.js';
import { LastHead, type PlainHead } from './plain-head.js';
import type { SharedTurn } from './shared-turn.js';

export interface PlainParts {
  readonly handler: HttpHandler;
  readonly limits: HttpLimits;
  readonly turn: SharedTurn;
  readonly isClosing: () => boolean;
  /** Takes the socket, paused, with what was put back into it. */
  readonly giveToNode: (socket: Socket) => void;
}

/** Kept of what comes before the answer is written; beyond that nothing more is read. */
const BEHIND_BYTES_MAX = 64 * 1024;

/**
 *  idle ──head──▶ reading ──whole──▶ working ──answered──▶ writing ──written──▶ idle
 *  Nothing is sent in all but `writing`. Bytes that come in `working` and `writing` are another request, which is not plain: it did not wait.
 */
type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading'; readonly head: PlainHead; readonly body: BodyBytes; readonly charge: Charge }
  | { readonly kind: 'working'; readonly charge: Charge; readonly gone: AbortController }
  | { readonly kind: 'writing'; readonly charge: Charge }
  /** The connection is closed, or Node's. */
  | { readonly kind: 'over' };

const IDLE: State = { kind: 'idle' };
const OVER: State = { kind: 'over' };

export class PlainConnection {
  readonly #socket: Socket;
  readonly #connection: HttpConnection;
  readonly #parts: PlainParts;
  readonly #heads = new LastHead();
  #state: State = IDLE;
  #behind: Buffer | undefined;

  constructor(socket: Socket, connection: HttpConnection, parts: PlainParts) {
    this.#socket = socket;
    this.#connection = connection;
    this.#parts = parts;
    connection.ends.add(this.#closed);
    socket.on('data', this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    const state = this.#state;
    switch (state.kind) {
      case 'idle':
        this.#begin(chunk);
        return;
      case 'reading':
        this.#read(state, chunk);
        return;
      case 'working':
      case 'writing':
        this.#keep(chunk);
        return;
      case 'over':
    }
  };

  /** Nothing of a request was taken before it is known that all of it can be. */
  #begin(chunk: Buffer): void {
    const { limits } = this.#parts;
    const head = this.#heads.of(chunk);
    const charge = limits.held.charge();
    if (head === undefined || !isTaken(head, chunk, limits) || !charge.resize(head.bodyLength)) {
      this.#giveAway(chunk);
      return;
    }
    this.#connection.busy++;
    const { bodyLength } = head;
    const rest = chunk.subarray(head.length);
    const body = new BodyBytes(bodyLength);
    if (rest.length === bodyLength) {
      body.add(rest);
      this.#work(head, body, charge);
      return;
    }
    this.#connection.endMs = performance.now() + REQUEST_MS;
    this.#state = { kind: 'reading', head, body, charge };
    if (rest.length > 0) body.add(rest);
  }

  #read({ head, body, charge }: Extract<State, { kind: 'reading' }>, chunk: Buffer): void {
    const left = head.bodyLength - body.length;
    const isCopied = body.length > 0;
    const { length } = chunk;
    body.add(length <= left ? chunk : chunk.subarray(0, left));
    if (length > left) this.#keep(chunk.subarray(left));
    else if (isCopied) letGo(chunk);
    if (length >= left) this.#work(head, body, charge);
  }

  #keep(chunk: Buffer): void {
    this.#behind = this.#behind === undefined ? chunk : Buffer.concat([this.#behind, chunk]);
    if (this.#behind.length > BEHIND_BYTES_MAX) this.#socket.pause();
  }

  #work({ path, headers }: PlainHead, body: BodyBytes, charge: Charge): void {
    const gone = new AbortController();
    this.#state = { kind: 'working', charge, gone };
    this.#connection.isWorking = true;
    // The client has done its part; calls have deadlines of their own.
    this.#connection.endMs = Number.POSITIVE_INFINITY;
    const { handler, turn } = this.#parts;
    const peer = this.#socket.remoteAddress;
    const request: HttpRequest = {
      method: 'POST',
      path,
      headers,
      body: body.bytes,
      letBodyGo: () => body.letGo(),
      peer,
      signal: gone.signal,
    };
    const answered = (answer: HttpResponse): void => {
      body.letGo();
      this.#answer(answer);
    };
    const failed = (error: unknown): void => answered(textAnswer(500, `${messageOf(error)}\n`));
    turn.add(() => {
      try {
        handler(request).then(answered).catch(failed);
      } catch (error) {
        failed(error); // It threw before it was a promise; others begin in this turn.
      }
    });
  }

  readonly #answer = (answered: HttpResponse): void => {
    const state = this.#state;
    if (state.kind !== 'working') return; // The connection was closed meanwhile.
    const { charge } = state;
    const isLast = this.#parts.isClosing();
    const answer = fitting(answered, charge, this.#parts.limits.answerBytesMax);
    const head = headOf(answer, isLast);
    this.#state = { kind: 'writing', charge };
    this.#connection.isWorking = false;
    this.#connection.endMs = performance.now() + REQUEST_MS;
    const socket = this.#socket;
    write(socket, head, answer);
    if (isLast) socket.end();
    // Nearly always the operating system takes it at once; below TLS it never does.
    if (socket.writableLength === 0) this.#written();
    else if (!isLast) socket.write('', this.#written);
  };

  readonly #written = (): void => {
    const state = this.#state;
    if (state.kind !== 'writing') return;
    this.#release(state.charge);
    this.#connection.endMs = performance.now() + NEXT_REQUEST_MS;
    this.#state = IDLE;
    if (this.#parts.isClosing()) this.#socket.end();
    else if (this.#behind !== undefined) this.#giveAway(this.#behind);
  };

  #release(charge: Charge): void {
    charge.release();
    this.#connection.busy--;
  }

  readonly #closed = (): void => {
    const state = this.#state;
    this.#state = OVER;
    this.#behind = undefined;
    if (state.kind === 'idle' || state.kind === 'over') return;
    if (state.kind === 'reading') state.body.letGo();
    this.#release(state.charge);
    // An abort makes an error with its stack, so a client that got its answer hears nothing.
    if (state.kind === 'working') state.gone.abort();
  };

  #giveAway(bytes: Buffer): void {
    this.#state = OVER;
    this.#behind = undefined;
    this.#connection.ends.delete(this.#closed);
    this.#socket.off('data', this.#onData);
    this.#socket.pause();
    this.#socket.unshift(bytes);
    this.#parts.giveToNode(this.#socket);
  }
}

const isTaken = ({ length, bodyLength, path }: PlainHead, chunk: Buffer, limits: HttpLimits): boolean =>
  chunk.length <= length + bodyLength &&
  bodyLength <= limits.bodyBytesMax &&
  limits.bodyPaths.some((begin) => path.startsWith(begin));

function write(socket: Socket, head: string, { answer: { body }, length }: FittingAnswer): void {
  // A character of ASCII is a byte in either encoding, and is written without a look at it in this one.
  if (typeof body === 'string') socket.write(head + body, body.length === length ? 'latin1' : 'utf8');
  else {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }
}

/** @throws TypeError for a header that cannot be sent */
function headOf(
  { answer: { status, contentType, headers }, length }: FittingAnswer,
  isLast: boolean,
): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: ${contentType}\r\ncontent-length: ${length}\r\n`;
  if (headers !== undefined)
    for (const [key, value] of Object.entries(headers)) {
      validateHeaderName(key);
      validateHeaderValue(key, value);
      text += `${key}: ${value}\r\n`;
    }
  return `${text}Date: ${dateText()}\r\nConnection: ${isLast ? 'close' : 'keep-alive'}\r\n\r\n`;
}

let dateSeconds = 0;
let date = '';

/** The time, which changes once a second. */
function dateText(): string {
  const seconds = Math.floor(Date.now() / 1000);
  if (seconds !== dateSeconds) {
    dateSeconds = seconds;
    date = new Date(seconds * 1000).toUTCString();
  }
  return date;
}
