// Packed bytes as zlib of Node has to get them. It ends its output with the first frame whenever more bytes lie behind that in what it is given, and says
// nothing, as it does behind a frame of others: the rows of all frames but the first would be lost. No piece of these goes beyond the end of its frame.
import { damaged } from './bits.js';
import {
  BLOCK_BYTES_MAX,
  frameHeaderBytes,
  isZstdFrame,
  need,
  numberOf,
  type Steps,
  skipFrame,
} from './frame.js';

/** A piece is given on as soon as it has so many bytes. */
const PIECE_BYTES = 256 * 1024;

/** The packed bytes of all frames, without those of others. @throws Error ends early, or is no frame; zlib finds other damage */
export function* framesApart(): Steps<void> {
  for (let frames = 0; ; frames++) {
    const first = yield { kind: 'need', bytes: 4, mayEnd: frames > 0 };
    if (first === undefined) return;
    if (isZstdFrame(first)) yield* piecesOfFrame(first);
    else yield* skipFrame();
  }
}

function* piecesOfFrame(magic: Uint8Array): Steps<void> {
  const [flags = 0] = yield* need(1);
  const pieces = [magic, Uint8Array.of(flags), yield* need(frameHeaderBytes(flags))];
  let length = 0;
  for (let isLast = false; !isLast; ) {
    const head = yield* need(3);
    const word = numberOf(head);
    isLast = (word & 1) === 1;
    const [type, size] = [(word >> 1) & 3, word >> 3];
    if (size > BLOCK_BYTES_MAX)
      throw damaged(`a block of ${size} bytes, expected at most ${BLOCK_BYTES_MAX}`);
    const body = yield* need(type === 1 ? 1 : size);
    pieces.push(head, body);
    length += head.length + body.length;
    if (length < PIECE_BYTES || isLast) continue;
    yield { kind: 'made', bytes: Buffer.concat(pieces.splice(0)) };
    length = 0;
  }
  if ((flags & 4) !== 0) pieces.push(yield* need(4));
  yield { kind: 'made', bytes: Buffer.concat(pieces) };
}
