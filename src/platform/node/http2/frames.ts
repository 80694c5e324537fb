// Frames of HTTP/2 (RFC 9113) as bytes: kinds, flags, error codes, and the nine bytes before each. Pure.
export const HEAD_BYTES = 9;
/** The longest frame that is taken, and the least that every peer takes. */
export const FRAME_BYTES_MAX = 16_384;
export const WINDOW_BYTES = 65_535;
export const WINDOW_BYTES_MAX = 2 ** 31 - 1;

export const frameKind = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;

export const errorCode = {
  none: 0,
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;
export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

export const setting = { push: 2, streamsMax: 3, window: 4, frameBytes: 5, headerBytes: 6 } as const;

export function putHead(to: Buffer, at: number, length: number, kindAndFlags: number, stream: number): void {
  to[at] = length >>> 16;
  to[at + 1] = length >>> 8;
  to[at + 2] = length;
  to[at + 3] = kindAndFlags >>> 8;
  to[at + 4] = kindAndFlags;
  to[at + 5] = stream >>> 24;
  to[at + 6] = stream >>> 16;
  to[at + 7] = stream >>> 8;
  to[at + 8] = stream;
}

/** Kind and flags as one number, as `putHead` takes them. */
export const kindWith = (kind: number, flags: number): number => (kind << 8) | flags;

export function frameOf(kind: number, flags: number, stream: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  putHead(frame, 0, body.length, kindWith(kind, flags), stream);
  frame.set(body, HEAD_BYTES);
  return frame;
}

/** A frame whose body is one number of 32 bits: a reset, or more window. */
export function wordFrame(kind: number, stream: number, word: number): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + 4);
  putHead(frame, 0, 4, kindWith(kind, 0), stream);
  frame.writeUInt32BE(word, HEAD_BYTES);
  return frame;
}

export function goawayFrame(lastStream: number, code: ErrorCode): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32BE(lastStream, 0);
  body.writeUInt32BE(code, 4);
  return frameOf(frameKind.goaway, 0, 0, body);
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const body = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], at) => {
    body.writeUInt16BE(id, at * 6);
    body.writeUInt32BE(value, at * 6 + 2);
  });
  return frameOf(frameKind.settings, 0, 0, body);
}

/** Without padding; undefined: there is more padding than frame. @param extra bytes before the content, of a kind of frame */
export function contentOf(flags: number, body: Buffer, extra: number): Buffer | undefined {
  const isPadded = (flags & PADDED) !== 0;
  const begin = (isPadded ? 1 : 0) + extra;
  const end = body.length - (isPadded ? (body[0] ?? 0) : 0);
  if (end < begin) return undefined;
  return begin === 0 && end === body.length ? body : body.subarray(begin, end);
}

/** A block of headers in one frame, or in as many as it needs. */
export function headerFrames(stream: number, block: Uint8Array, isLast: boolean): Buffer {
  const end = isLast ? END_STREAM : 0;
  if (block.length <= FRAME_BYTES_MAX) return frameOf(frameKind.headers, END_HEADERS | end, stream, block);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += FRAME_BYTES_MAX) {
    const whole = at + FRAME_BYTES_MAX >= block.length ? END_HEADERS : 0;
    const kind = at === 0 ? frameKind.headers : frameKind.continuation;
    frames.push(
      frameOf(kind, whole | (at === 0 ? end : 0), stream, block.subarray(at, at + FRAME_BYTES_MAX)),
    );
  }
  return Buffer.concat(frames);
}
