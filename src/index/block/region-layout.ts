// Where things live in shared memory. A region is of one segment, or many small ones have slabs in it (region-pool.ts):
//
//   0                64 KiB                                       DATA_OFFSET
//   | reserved       | scratch of thread 0 | thread 1 | ... | 31 | data: vectors, norms, graphs ... grows up |
//
// Reserved bytes stay zero, so that a wrong address 0 harms nothing. Scratch belongs to the thread of that number (the task
// context's `thread`) for the length of one task. Untouched scratch costs address space, not memory: the system maps pages lazily.
import { assert } from '#base/assert.js';

export const RESERVED_BYTES = 65536;
/** One query of 32,768 dims, 16,384 hits and a bitset chunk fit, or hundreds of usual queries. */
export const SCRATCH_BYTES_PER_THREAD = 512 * 1024;
export const SCRATCH_THREADS_MAX = 32;
export const DATA_OFFSET = RESERVED_BYTES + SCRATCH_BYTES_PER_THREAD * SCRATCH_THREADS_MAX;
export const WASM_PAGE_BYTES = 65536;
/** The most a region can hold: the last page is kept out so that every end address fits 32 bits. */
export const REGION_BYTES_MAX = 65535 * WASM_PAGE_BYTES;

export function scratchOffsetOf(thread: number): number {
  assert(
    Number.isInteger(thread) && thread >= 0 && thread < SCRATCH_THREADS_MAX,
    `thread ${thread} has no scratch`,
  );
  return RESERVED_BYTES + thread * SCRATCH_BYTES_PER_THREAD;
}
