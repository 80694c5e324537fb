// The memory that the calling thread shares with its compute threads, so that a short task goes over in microseconds (docs/adr/0121):
//
//   | bell, sleeps, tail | mail, place, claims of thread 0 | thread 1 | ... | state, frame of slot 0 | slot 1 | ... | payload of slot 0 | ...
//
// Who may write what, and when:
//   state    FREE -> OFFERED      the calling thread, behind the payload, the frame and the tail
//            OFFERED -> FREE      the calling thread, which runs the task itself, by a compare and exchange
//            OFFERED -> THERE + t thread t, by a compare and exchange; back to OFFERED where it does not know the frame
//            THERE + t -> ANSWERED thread t, behind the answer in the payload
//            ANSWERED -> FREE     the calling thread, when it has read the answer
//            THERE + t -> FREE    the calling thread, when the answer came as a message or the thread is gone
//   payload  whoever the state says: of FREE the calling thread, of THERE + t that thread; nobody writes while it is OFFERED or ANSWERED
//   bell     counted up by the calling thread behind each offer and each message; threads wait for it to change
//   sleeps   set by the calling thread when it has nothing to do but to wait for answers; whoever answers takes it back and sends a message
//   mail     messages that the calling thread has sent to the thread: with one that it has not read, the thread goes to its event loop
//   place    the thread's own, but that the calling thread says CALLED where it was AWAY
import { SCRATCH_THREADS_MAX } from '#index/block/region-layout.js';

export const SLOTS = 16;
/** A query of 16,384 dimensions, or a usual one beside the bits of 400,000 rows. */
const PAYLOAD_BYTES = 64 << 10;

export const BELL = 0;
export const SLEEPS = 1;
/** Behind the slot that was filled last: of those that are offered the oldest is the first from there on. */
export const TAIL = 2;
const THREADS_BEGIN = 4;
const THREAD_WORDS = 3;
const SLOTS_BEGIN = THREADS_BEGIN + SCRATCH_THREADS_MAX * THREAD_WORDS;
const SLOT_WORDS = 2;
const PAYLOADS_BEGIN = 1024;
const RING_BYTES = PAYLOADS_BEGIN + SLOTS * PAYLOAD_BYTES;

export const mailOf = (thread: number): number => THREADS_BEGIN + thread * THREAD_WORDS;
export const placeOf = (thread: number): number => mailOf(thread) + 1;
/** Tasks that it has claimed since it began. */
export const claimsOf = (thread: number): number => mailOf(thread) + 2;
export const stateOf = (slot: number): number => SLOTS_BEGIN + slot * SLOT_WORDS;
export const frameOf = (slot: number): number => stateOf(slot) + 1;

/** States of a slot. */
export const FREE = 0;
export const OFFERED = 1;
export const ANSWERED = 2;
export const THERE = 16;

/** Places of a thread: in its event loop, where only a message reaches it; on its way from there; looking at the slots; waiting for the bell. */
export const AWAY = 0;
export const CALLED = 1;
export const AWAKE = 2;
export const WAITING = 3;

/** Untouched payloads are address space only. */
export const makeRing = (): SharedArrayBuffer => new SharedArrayBuffer(RING_BYTES);
export const wordsOf = (ring: SharedArrayBuffer): Int32Array =>
  new Int32Array(ring, 0, PAYLOADS_BEGIN / Int32Array.BYTES_PER_ELEMENT);
/** @returns bytes of each slot */
export const payloadsOf = (ring: SharedArrayBuffer): readonly Uint8Array[] =>
  Array.from(
    { length: SLOTS },
    (_, slot) => new Uint8Array(ring, PAYLOADS_BEGIN + slot * PAYLOAD_BYTES, PAYLOAD_BYTES),
  );

/** From the oldest on. */
export const slotAt = (tail: number, at: number): number => (tail + at) % SLOTS;
