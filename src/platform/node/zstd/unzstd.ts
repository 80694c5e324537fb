// Bytes packed by zstd, from a stream or from one piece.
import { damaged } from './bits.js';
import { decodeFrames, type Steps } from './frame.js';
import { framesApart } from './frames-apart.js';

/** Bytes that came and were not used yet. */
class Pending {
  #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  take(count: number): Uint8Array {
    const [first] = this.#parts;
    this.#length -= count;
    if (first !== undefined && first.length > count) {
      this.#parts[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const taken = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const part = this.#parts.shift();
      if (part === undefined) throw damaged('fewer bytes are there than were counted');
      const used = Math.min(part.length, count - at);
      taken.set(part.subarray(0, used), at);
      at += used;
      if (used < part.length) this.#parts.unshift(part.subarray(used));
    }
    return taken;
  }
}

/** @throws Error damaged, or ends early */
export const unzstdStream = (
  packed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> => made(packed, decodeFrames());

/** The same bytes, still packed, for zlib: see there. @throws Error ends early, or is no frame */
export const zstdFrames = (packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> =>
  made(packed, framesApart());

async function* made(
  packed: AsyncIterable<Uint8Array>,
  frames: Steps<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = packed[Symbol.asyncIterator]();
  const pending = new Pending();
  try {
    for (let step = frames.next(); step.done !== true; ) {
      if (step.value.kind === 'made') {
        yield step.value.bytes;
        step = frames.next();
        continue;
      }
      const { bytes, mayEnd } = step.value;
      while (pending.length < bytes) {
        const more = await source.next();
        if (more.done === true) break;
        pending.add(more.value);
      }
      step = frames.next(taken(pending, bytes, mayEnd));
    }
  } finally {
    await source.return?.(undefined);
  }
}

function taken(pending: Pending, bytes: number, mayEnd: boolean): Uint8Array | undefined {
  if (pending.length >= bytes) return pending.take(bytes);
  if (mayEnd && pending.length === 0) return undefined;
  throw damaged('the input ends early');
}

/** @throws Error damaged, or more than `bytesMax` bytes */
export function unzstdBlock(packed: Uint8Array, bytesMax: number): Uint8Array {
  const pending = new Pending();
  pending.add(packed);
  const made: Uint8Array[] = [];
  let total = 0;
  const frames = decodeFrames();
  for (let step = frames.next(); step.done !== true; ) {
    if (step.value.kind === 'need') {
      step = frames.next(taken(pending, step.value.bytes, step.value.mayEnd));
      continue;
    }
    total += step.value.bytes.length;
    if (total > bytesMax) throw damaged(`more than ${bytesMax} bytes`);
    made.push(step.value.bytes);
    step = frames.next();
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const part of made) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
