// Memory that sockets are read into.

/** From this size on, the memory of a chunk is worth giving back at once. */
const FREED_BYTES_MIN = 16 * 1024;
/** Other engines may have plans of their own with the memory that they read into. */
const MAY_FREE = process.versions.deno === undefined && process.versions.bun === undefined;

/**
 * Gives the memory of a chunk that nobody reads any more back. The collector would look through the whole heap each time some tens of MB of chunks
 * have come, to find that only they are garbage.
 */
export function letGo(chunk: Buffer): void {
  const memory: ArrayBufferLike & { transfer?: (length: number) => unknown } = chunk.buffer; // From Node 22 on.
  // A part of a larger buffer may have neighbours.
  if (MAY_FREE && chunk.length >= FREED_BYTES_MIN && chunk.length === memory.byteLength) memory.transfer?.(0);
}
