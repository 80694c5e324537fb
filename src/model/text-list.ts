// A list of texts as the message `StringArray` has it on the wire. A million strings take a tenth of a second to make; so a list stays bytes
// until somebody reads it, who may be a worker thread, and does not become strings there either (`text-spans.ts`).
const utf8 = new TextEncoder();
/** Field 1, with a length. */
const TAG = 10;
/** Bytes of a tag and of the longest length. */
const HEAD_BYTES = 6;
/** Longer texts are written by the encoder. */
const SHORT_TEXT = 64;

/** The bytes of a list of strings. Half of a surrogate pair becomes U+FFFD. */
export function encodeTexts(texts: readonly string[]): Uint8Array {
  // A UTF-16 unit takes up to three bytes.
  const room = new Uint8Array(texts.reduce((bytes, { length }) => bytes + HEAD_BYTES + length * 3, 0));
  let at = 0;
  for (const text of texts) {
    room[at] = TAG;
    const length = writeText(text, room, at + 2);
    if (length >= 0x80) room.copyWithin(at + 1 + lengthBytes(length), at + 2, at + 2 + length);
    at = writeLength(length, room, at + 1) + length;
  }
  return room.slice(0, at);
}

/** Short texts of ASCII, which most are, without the encoder: a call of it takes longer than they do. @returns bytes written */
export function writeText(text: string, bytes: Uint8Array, begin: number): number {
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f || at > SHORT_TEXT) return utf8.encodeInto(text, bytes.subarray(begin)).written;
    bytes[begin + at] = unit;
  }
  return length;
}

function lengthBytes(length: number): number {
  let bytes = 1;
  for (let left = length >>> 7; left > 0; left >>>= 7) bytes++;
  return bytes;
}

/** @returns where it ends */
function writeLength(length: number, bytes: Uint8Array, begin: number): number {
  let at = begin;
  for (let left = length; ; left >>>= 7) {
    bytes[at++] = left < 0x80 ? left : (left & 0x7f) | 0x80;
    if (left < 0x80) return at;
  }
}
