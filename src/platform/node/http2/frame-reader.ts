// The bytes of a connection as frames: the preface first, then frame after frame, as views of the chunks that came. Data that lies in two chunks
// is handed on as several frames, which mean the same; any other such frame is put together in memory of its own. Pure.
import {
  END_STREAM,
  type ErrorCode,
  errorCode,
  FRAME_BYTES_MAX,
  frameKind,
  HEAD_BYTES,
  PADDED,
} from './frames.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** @returns what is wrong with the frame; then no more are read */
type OnFrame = (kind: number, flags: number, stream: number, body: Buffer) => ErrorCode | undefined;

export class FrameReader {
  #prefaceBytes = 0;
  /** The head of a frame that lies in two chunks, and how much of it came. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** The body behind it, and how much of it came; undefined: no body has begun. */
  #body: Buffer | undefined;
  #bodyBytes = 0;
  /** Bytes of data that are still to come in the frame of that head. */
  #dataLeft = 0;

  /** @returns what is wrong with the bytes */
  read(chunk: Buffer, onFrame: OnFrame): ErrorCode | undefined {
    let at = 0;
    for (; this.#prefaceBytes < PREFACE.length; at++) {
      if (at === chunk.length) return undefined;
      if (chunk[at] !== PREFACE[this.#prefaceBytes++]) return errorCode.protocol;
    }
    while (at < chunk.length || this.#isWhole) {
      if (this.#dataLeft > 0) {
        const begin = at;
        at = Math.min(chunk.length, begin + this.#dataLeft);
        this.#dataLeft -= at - begin;
        const problem = handed(this.#head, 0, chunk.subarray(begin, at), onFrame, this.#dataLeft === 0);
        if (problem !== undefined) return problem;
        continue;
      }
      if (this.#body !== undefined) {
        at += this.#fill(this.#body, chunk, at);
        if (!this.#isWhole) return undefined;
        const body = this.#body;
        this.#body = undefined;
        const problem = handed(this.#head, 0, body, onFrame);
        if (problem !== undefined) return problem;
        continue;
      }
      const isSplit = this.#headBytes > 0 || chunk.length - at < HEAD_BYTES;
      if (isSplit) {
        const part = chunk.copy(this.#head, this.#headBytes, at);
        this.#headBytes += part;
        at += part;
        if (this.#headBytes < HEAD_BYTES) return undefined;
        this.#headBytes = 0;
      }
      const [head, headAt] = isSplit ? [this.#head, 0] : [chunk, at];
      if (!isSplit) at += HEAD_BYTES;
      const length = ((head[headAt] as number) << 16) | head.readUInt16BE(headAt + 1);
      if (length > FRAME_BYTES_MAX) return errorCode.frameSize;
      if (length <= chunk.length - at) {
        const problem = handed(head, headAt, chunk.subarray(at, at + length), onFrame);
        if (problem !== undefined) return problem;
        at += length;
        continue;
      }
      if (!isSplit) chunk.copy(this.#head, 0, headAt, headAt + HEAD_BYTES);
      if (this.#head[3] === frameKind.data && ((this.#head[4] as number) & PADDED) === 0) {
        this.#dataLeft = length;
        continue;
      }
      this.#body = Buffer.allocUnsafeSlow(length);
      this.#bodyBytes = 0;
    }
    return undefined;
  }

  get #isWhole(): boolean {
    return this.#body !== undefined && this.#bodyBytes === this.#body.length;
  }

  /** @returns how much of the chunk was taken */
  #fill(body: Buffer, chunk: Buffer, at: number): number {
    const part = chunk.copy(body, this.#bodyBytes, at);
    this.#bodyBytes += part;
    return part;
  }
}

function handed(
  head: Buffer,
  at: number,
  body: Buffer,
  onFrame: OnFrame,
  isLast = true,
): ErrorCode | undefined {
  const flags = head[at + 4] as number;
  const stream = head.readUInt32BE(at + 5) & 0x7fffffff;
  return onFrame(head[at + 3] as number, isLast ? flags : flags & ~END_STREAM, stream, body);
}
