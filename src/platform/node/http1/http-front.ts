// HTTP/1.1 side of the one port: whole requests in, whole answers out. What a request may bring is known by its path before its body is read;
// slow requests, idle connections and answers that nobody reads end by time.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { deferred } from '#base/async.js';
import { messageOf } from '#base/errors.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import { BodyBytes } from './body-bytes.js';
import type { Charge } from './held-bytes.js';
import { type FittingAnswer, fitting, refusal, textAnswer } from './http-answer.js';
import {
  CONNECTION_BYTES,
  FIRST_REQUEST_MS,
  type HttpConnection,
  type HttpHandler,
  type HttpLimits,
  NEXT_REQUEST_MS,
  REQUEST_MS,
} from './http-connection.js';
import { PlainConnection, type PlainParts } from './plain-connection.js';
import { SharedTurn } from './shared-turn.js';

const CHECK_MS = 1000;
/** Requests of one connection that are answered at a time. */
const PIPELINED_MAX = 16;
/** Bun's sockets are no streams of Node below. */
const isBun = process.versions.bun !== undefined;

export class HttpFront {
  readonly #server: Server;
  readonly #limits: HttpLimits;
  readonly #connections = new Map<Socket, HttpConnection>();
  readonly #checks: NodeJS.Timeout;
  readonly #turn = new SharedTurn();
  /** None: every connection is Node's. */
  readonly #plain: PlainParts | undefined;
  #closing = false;

  constructor(handler: HttpHandler | undefined, limits: HttpLimits) {
    this.#limits = limits;
    this.#server = createServer(
      { maxHeaderSize: 16 * 1024 },
      (request, response) => void this.#serve(request, response, handler),
    );
    // Times are looked after here: the server's own checks begin when it listens, which this one never does.
    this.#server.keepAliveTimeout = 0;
    this.#server.on('clientError', (_error, socket) => void socket.destroy());
    // A client that asks first is answered by path and size before it sends the body.
    this.#server.on('checkContinue', (request, response) => void this.#serve(request, response, handler));
    this.#checks = setInterval(() => this.#check(), CHECK_MS);
    this.#checks.unref();
    this.#plain =
      handler === undefined || isBun
        ? undefined
        : {
            handler,
            limits,
            turn: this.#turn,
            isClosing: () => this.#closing,
            giveToNode: (socket) => this.#giveToNode(socket),
          };
  }

  accept(socket: Socket): void {
    const charge = this.#limits.held.charge();
    if (!charge.resize(CONNECTION_BYTES)) return void socket.destroy();
    const ends = new Set<() => void>();
    const endMs = performance.now() + FIRST_REQUEST_MS;
    const last = Promise.resolve();
    const connection = { busy: 0, isWorking: false, endMs, charge, ends, last };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      charge.release();
      for (const end of ends) end();
    });
    if (this.#plain === undefined) this.#giveToNode(socket);
    else {
      new PlainConnection(socket, connection, this.#plain);
      socket.resume();
    }
  }

  #giveToNode(socket: Socket): void {
    this.#server.emit('connection', socket);
    socket.resume();
  }

  close(): void {
    this.#closing = true;
    for (const [socket, { busy }] of this.#connections) if (busy === 0) socket.destroy();
  }

  /** Called after the last socket is gone. */
  destroy(): void {
    clearInterval(this.#checks);
  }

  #check(): void {
    const nowMs = performance.now();
    for (const [socket, { endMs }] of this.#connections) if (nowMs > endMs) socket.destroy();
  }

  /** @returns undefined for a connection that is gone, or that asks on and on without reading what it is answered */
  #begin(socket: Socket, response: ServerResponse): HttpConnection | undefined {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return undefined;
    if (connection.busy === PIPELINED_MAX) {
      socket.destroy();
      return undefined;
    }
    connection.busy++;
    connection.endMs = performance.now() + REQUEST_MS;
    response.once('close', () => {
      connection.busy--;
      connection.endMs = performance.now() + NEXT_REQUEST_MS;
      if (this.#closing && connection.busy === 0) socket.end();
    });
    return connection;
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    handler: HttpHandler | undefined,
  ): Promise<void> {
    const connection = this.#begin(request.socket, response);
    if (connection === undefined) return;
    const charge = this.#limits.held.charge();
    const gone = new AbortController();
    const { last: before } = connection;
    const over = deferred<void>();
    connection.last = over.promise;
    const end = (): void => {
      if (!connection.ends.delete(end)) return;
      charge.release();
      // An abort makes an error with its stack, so a client that got its answer hears nothing.
      if (!response.writableFinished) gone.abort();
      over.resolve();
    };
    connection.ends.add(end);
    response.once('close', end);
    const body = new BodyBytes(declaredLength(request));
    let answer: HttpResponse;
    let isLast = this.#closing;
    try {
      if (!(await this.#read(request, response, charge, body))) {
        isLast = true; // What was not read would be taken for the next request.
        answer = this.#tooLarge();
      } else if (handler === undefined) answer = textAnswer(404, 'this port serves gRPC only\n');
      else {
        isLast ||= hasBody(request) && body.length === 0;
        if (connection.isWorking) connection.endMs = Number.POSITIVE_INFINITY;
        // What is sent without waiting for answers takes effect in the order in which it was sent.
        await before;
        if (gone.signal.aborted) return;
        // The client has done its part; calls have deadlines of their own.
        connection.endMs = Number.POSITIVE_INFINITY;
        connection.isWorking = true;
        answer = await this.#turn
          .run(() => handler(requestOf(request, body, gone.signal)))
          .finally(() => {
            connection.isWorking = false;
          });
      }
    } catch (error) {
      answer = textAnswer(500, `${messageOf(error)}\n`);
    } finally {
      body.letGo();
    }
    if (response.destroyed || gone.signal.aborted) return;
    connection.endMs = performance.now() + REQUEST_MS;
    write(response, fitting(answer, charge, this.#limits.answerBytesMax), isLast || this.#closing);
    if (!isLast) return;
    response.once('finish', () => {
      // A client that goes on sending is cut, once it could read the answer.
      if (!request.complete) connection.endMs = performance.now() + CHECK_MS;
    });
  }

  #tooLarge(): HttpResponse {
    const max = this.#limits.bodyBytesMax;
    return refusal(
      413,
      'parameter_too_large',
      `body is larger than ${max} bytes, or there is no room for it now: send less at once`,
    );
  }

  /** Reads nothing for a path that takes no body. @returns false when it is too large, or does not fit */
  async #read(
    request: IncomingMessage,
    response: ServerResponse,
    charge: Charge,
    body: BodyBytes,
  ): Promise<boolean> {
    const path = request.url ?? '/';
    if (!hasBody(request) || !this.#limits.bodyPaths.some((begin) => path.startsWith(begin))) return true;
    const declared = declaredLength(request);
    if (declared > this.#limits.bodyBytesMax || !charge.resize(declared)) return false;
    if (request.headers.expect !== undefined) response.writeContinue();
    return chunksOf(request, (chunk) => {
      const total = body.length + chunk.length;
      if (total > this.#limits.bodyBytesMax || (total > declared && !charge.resize(total))) return false;
      body.add(chunk);
      return true;
    });
  }
}

/**
 * Events cost a tenth of what an iterator over the stream costs for a small body.
 * @param take returns false to read no more @returns whether all was taken @throws when the client leaves before its end
 */
const chunksOf = (request: IncomingMessage, take: (chunk: Buffer) => boolean): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      if (take(chunk)) return;
      request.off('data', onData);
      request.resume(); // What still comes is dropped until the answer is sent.
      resolve(false);
    };
    request.on('data', onData);
    request.once('end', () => resolve(true));
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) reject(new Error('the client left before its request was whole'));
    });
  });

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || declaredLength(request) > 0;

const declaredLength = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);

const requestOf = (request: IncomingMessage, body: BodyBytes, signal: AbortSignal): HttpRequest => ({
  method: request.method ?? 'GET',
  path: request.url ?? '/',
  headers: flatten(request.headers),
  body: body.bytes,
  letBodyGo: () => body.letGo(),
  peer: request.socket.remoteAddress,
  signal,
});

function write(
  response: ServerResponse,
  { answer: { status, contentType, body, headers }, length }: FittingAnswer,
  isLast: boolean,
): void {
  const sent = ['content-type', contentType, 'content-length', String(length)];
  if (headers !== undefined) for (const [key, value] of Object.entries(headers)) sent.push(key, value);
  if (isLast) sent.push('connection', 'close');
  response.writeHead(status, sent);
  response.end(body);
}

function flatten(headers: IncomingMessage['headers']): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (const key in headers) {
    const value = headers[key];
    if (value !== undefined) record[key] = typeof value === 'string' ? value : value.join(',');
  }
  return record;
}
