// HTTP/1.1 side of the one port: whole requests in, whole answers out.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '#base/errors.js';
import type { HttpRequest, HttpResponse } from '../transport.js';

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>;

export class HttpFront {
  readonly #server: Server;
  readonly #bodyMax: number;
  /** Requests under way per socket: idle keep-alive sockets may be cut at once when closing. */
  readonly #busy = new Map<Socket, number>();
  #closing = false;

  constructor(handler: HttpHandler | undefined, bodyMax: number) {
    this.#bodyMax = bodyMax;
    this.#server = createServer((request, response) => void this.#serve(request, response, handler));
    this.#server.keepAliveTimeout = 65_000;
    this.#server.on('clientError', (_error, socket) => void socket.destroy());
  }
  accept(socket: Socket): void {
    this.#busy.set(socket, 0);
    socket.once('close', () => this.#busy.delete(socket));
    this.#server.emit('connection', socket);
    socket.resume();
  }
  close(): void {
    this.#closing = true;
    for (const [socket, count] of this.#busy) if (count === 0) socket.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse, handler: HttpHandler | undefined): Promise<void> {
    const socket = request.socket;
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const count = this.#busy.get(socket);
      if (count === undefined) return;
      this.#busy.set(socket, count - 1);
      if (this.#closing && count === 1) socket.end();
    });
    let answer: HttpResponse;
    try {
      const body = await readBody(request, this.#bodyMax);
      if (body === undefined) answer = text(413, `body is larger than ${this.#bodyMax} bytes: send less at once\n`);
      else if (handler === undefined) answer = text(404, 'this port serves gRPC only\n');
      else answer = await handler({ method: request.method ?? 'GET', path: request.url ?? '/', headers: flatten(request.headers), body });
    } catch (error) {
      if (response.destroyed) return;
      answer = text(500, `${messageOf(error)}\n`);
    }
    if (response.destroyed) return;
    const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    if (this.#closing || answer.status === 413) response.setHeader('connection', 'close');
    response.writeHead(answer.status, { 'content-type': answer.contentType, 'content-length': bytes.length });
    response.end(bytes);
  }
}

const text = (status: number, body: string): HttpResponse => ({ status, contentType: 'text/plain; charset=utf-8', body });

function flatten(headers: IncomingMessage['headers']): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (const [key, value] of Object.entries(headers)) if (value !== undefined) record[key] = Array.isArray(value) ? value.join(',') : value;
  return record;
}

/** @returns undefined when the body is larger than `max` */
async function readBody(request: IncomingMessage, max: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    total += bytes.length;
    if (total > max) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, total);
}
