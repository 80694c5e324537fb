// Messages between the main thread and a thread that speaks gRPC. Calls and answers travel in batches: all that came up in one turn of
// the event loop is one message, with small bodies in one buffer that moves and large ones in buffers that move by themselves.
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { ErrorKey } from '#base/errors.js';
import type { TlsMaterial } from './tls-files.js';

/** Given to the thread when it is started. */
export interface ThreadSetup {
  readonly host: string;
  /** Full method paths; calls name them by their place here. */
  readonly methods: readonly string[];
  readonly hasHttp: boolean;
  readonly receiveBytesMax: number;
  readonly sendBytesMax: number;
  readonly httpBodyPaths: readonly string[];
  /** Connections that this thread may have at a time. */
  readonly connectionsMax: number | undefined;
  readonly tls: TlsMaterial | undefined;
  /** What all threads hold together, and the cell in which this one counts. */
  readonly held: { readonly bytesMax: number; readonly cells: Int32Array; readonly cell: number };
}

/** A length in the batch's `small`, where bodies lie in the order of the items; or bytes whose buffer moves along. */
export type Body = number | Uint8Array;
export interface Batch<Item> {
  readonly kind: 'batch';
  readonly items: readonly Item[];
  readonly small: ArrayBuffer | undefined;
}

// Items are tuples: names of properties would be written and read again for each.
type Record = Readonly<{ [key: string]: string }>;
export type CallItem =
  | readonly [
      kind: 'call',
      id: number,
      method: number,
      deadlineMs: number | undefined,
      metadata: Record,
      body: Body,
      peer: string | undefined,
    ]
  | readonly [
      kind: 'http',
      id: number,
      method: string,
      path: string,
      headers: Record,
      body: Body,
      peer: string | undefined,
    ]
  | readonly [kind: 'cancel', id: number];
export type AnswerItem =
  | readonly [kind: 'reply', id: number, body: Body]
  | readonly [kind: 'page', id: number, status: number, headers: Record, body: Body]
  | readonly [kind: 'failed', id: number, key: ErrorKey | undefined, message: string];

export type FromThread =
  | Batch<CallItem>
  | { readonly kind: 'loaded' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'closed' };
export type ToThread =
  | Batch<AnswerItem>
  | { readonly kind: 'listen'; readonly port: number }
  | { readonly kind: 'tls'; readonly tls: TlsMaterial }
  | { readonly kind: 'close'; readonly graceMs: number };

/** Copying costs less than moving a buffer below about this size. */
const MOVED_BYTES_MIN = 32 * 1024;
/** What a buffer may hold beside the bytes and still move with them: gRPC's prefix of a message, 5 bytes. */
const SPARE_BYTES_MAX = 16;

/** Collects items and posts them when the turn of the event loop is over. */
export class BatchPoster<Item> {
  readonly #port: Pick<MessagePort, 'postMessage'>;
  #items: Item[] = [];
  #small: Uint8Array[] = [];
  #smallBytes = 0;
  #moved: Transferable[] = [];

  constructor(port: Pick<MessagePort, 'postMessage'>) {
    this.#port = port;
  }

  /**
   * Takes the body of the item that is pushed next.
   * @param isGiven the caller needs the bytes no more: large ones move away with their buffer instead of being copied
   */
  body(bytes: Uint8Array, isGiven: boolean): Body {
    if (bytes.length < MOVED_BYTES_MIN) {
      this.#small.push(bytes);
      this.#smallBytes += bytes.length;
      return bytes.length;
    }
    const isMoved =
      isGiven &&
      bytes.buffer instanceof ArrayBuffer &&
      bytes.buffer.byteLength - bytes.length <= SPARE_BYTES_MAX;
    const own = isMoved ? bytes : new Uint8Array(bytes);
    this.#moved.push(own.buffer as ArrayBuffer);
    return own;
  }

  push(item: Item): void {
    if (this.#items.length === 0) setImmediate(this.post);
    this.#items.push(item);
  }

  /** Posts what waits, before the turn is over. */
  readonly post = (): void => {
    if (this.#items.length === 0) return;
    const small = this.#pack();
    const batch: Batch<Item> = { kind: 'batch', items: this.#items, small };
    const moved = this.#moved;
    if (small !== undefined) moved.push(small);
    this.#items = [];
    this.#small = [];
    this.#smallBytes = 0;
    this.#moved = [];
    this.#port.postMessage(batch, moved);
  };

  #pack(): ArrayBuffer | undefined {
    if (this.#smallBytes === 0) return undefined;
    const packed = new Uint8Array(this.#smallBytes);
    let at = 0;
    for (const bytes of this.#small) {
      packed.set(bytes, at);
      at += bytes.length;
    }
    return packed.buffer;
  }
}

/** Gives the bodies of a batch, in the order of its items. */
export class BodyReader {
  readonly #small: ArrayBuffer | undefined;
  #at = 0;

  constructor(batch: Batch<unknown>) {
    this.#small = batch.small;
  }

  next(body: Body): Uint8Array {
    if (typeof body !== 'number') return body;
    if (this.#small === undefined) return new Uint8Array(0);
    const bytes = new Uint8Array(this.#small, this.#at, body);
    this.#at += body;
    return bytes;
  }
}
