// The bits of a filter where walks of a thread read them. A filter that is searched by again has its bits there already: they are never
// written to, so the same object says the same.
import { type CopiesOfRows, putBits } from './copies-of-rows.js';

/** Bits by node that were put into a memory last, and where. Each thread has its own table, and its own place in a memory. */
const placed = new WeakMap<WebAssembly.Memory, { readonly at: number; readonly bits: Uint8Array }>();

/** Where bits of nodes have room. */
interface Room {
  readonly memory: WebAssembly.Memory;
  readonly at: number;
  readonly bytes: number;
}

const roomOf = ({ memory, at, bytes }: Room): Uint8Array => new Uint8Array(memory.buffer, at, bytes);

export function placeNodeBits(room: Room, bits: Uint8Array): void {
  const last = placed.get(room.memory);
  if (last?.bits === bits && last.at === room.at) return;
  putBits(roomOf(room), bits);
  placed.set(room.memory, { at: room.at, bits });
}

/** By row: what counts because a copy does is changed in place. */
export function placeRowBits(room: Room, bits: Uint8Array, copies: CopiesOfRows | undefined): void {
  placed.delete(room.memory);
  const place = roomOf(room);
  putBits(place, bits);
  copies?.admit(place);
}
