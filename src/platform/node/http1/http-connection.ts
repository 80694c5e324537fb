// What the front is given, what it knows of a connection, and how long each part of a request may take.
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import type { Charge, HeldBytes } from './held-bytes.js';

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>;
export interface HttpLimits {
  readonly bodyBytesMax: number;
  readonly answerBytesMax: number;
  /** Paths that take a body, by their beginning; the body of any other path is not read. */
  readonly bodyPaths: readonly string[];
  readonly held: HeldBytes;
}

/** For the first request of a connection to have its headers sent, in ms. */
export const FIRST_REQUEST_MS = 10_000;
/** For the headers of each later request, the pause before it included, in ms. */
export const NEXT_REQUEST_MS = 65_000;
/** From its headers on, for a request to be whole, and again for its answer to be made and read. */
export const REQUEST_MS = 30_000;
/** Bytes of each connection: headers and objects. */
export const CONNECTION_BYTES = 32 * 1024;

export interface HttpConnection {
  /** Requests under way: idle keep-alive sockets may be cut at once when closing. */
  busy: number;
  /** A call of it is made; no time of the connection runs then. */
  isWorking: boolean;
  /** When it is cut, in ms of the monotonic clock, unless data comes before. */
  endMs: number;
  readonly charge: Charge;
  /** What ends each request under way. Of those whose answers wait for others Node 20 says nothing when the connection is gone. */
  readonly ends: Set<() => void>;
  /** The request that came last is over. */
  last: Promise<void>;
}
