// What a worker thread of the host and the database say to each other over a MessagePort, and how a message is made ready for it.
import type { ErrorKey } from '#base/errors.js';
import type { ClientMethod } from './transport.js';

export type ToDatabase =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: ClientMethod;
      readonly request: object;
      readonly deadlineMs: number | undefined;
    }
  /** The caller gave the call up. */
  | { readonly kind: 'give up'; readonly id: number };

export type FromDatabase =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: object }
  | { readonly kind: 'failure'; readonly id: number; readonly key: ErrorKey; readonly message: string };

/** One end of a MessageChannel, as Node has it. */
export interface Port {
  on(event: 'message', run: (message: unknown) => void): unknown;
  on(event: 'close' | 'messageerror', run: () => void): unknown;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  close(): void;
  ref(): void;
  unref(): void;
}

/** Shorter arrays are cloned for less than what moving them costs. */
const MOVED_BYTES_MIN = 4096;

/**
 * A copy of a message with bytes in memory of their own, so that a view of a large buffer does not take all of it along. Bytes in shared
 * memory stay where they are: whoever gets them copies them.
 * @param moved gets the memory that can move to the other thread
 */
export function detached(value: unknown, moved: ArrayBuffer[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) {
    if (!(value.buffer instanceof ArrayBuffer)) return value;
    const copy = new Uint8Array(value);
    if (copy.length >= MOVED_BYTES_MIN) moved.push(copy.buffer);
    return copy;
  }
  if (Array.isArray(value)) {
    const isFlat = typeof value[0] !== 'object';
    return isFlat ? value : value.map((item) => detached(item, moved));
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, detached(field, moved)]));
}

/** The memory of a message that can move to another thread, of one that its holder needs no more. */
export function movable(value: unknown, moved: ArrayBuffer[] = []): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return moved;
  if (value instanceof Uint8Array) {
    if (value.length >= MOVED_BYTES_MIN && value.buffer instanceof ArrayBuffer) moved.push(value.buffer);
  } else if (Array.isArray(value)) {
    if (typeof value[0] === 'object') for (const item of value) movable(item, moved);
  } else for (const key in value) movable(Reflect.get(value, key), moved);
  return moved;
}
