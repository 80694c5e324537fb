// Numbers of a repeated field that protobuf packs, kept as the bytes they came in. A sender may write them in one piece, in several, or each with a
// tag of its own, and mix these; what they say is all of them, in their order. Generated decoders of such fields call this (scripts/generate-proto.mjs).

interface Reader {
  bytes(): Uint8Array;
  /** @returns the bytes that it passed over */
  skip(wireType: number): Uint8Array;
}

const LENGTH_DELIMITED = 2;
/** Buffers that were made here, with room behind what they hold: so many small pieces cost no more than their bytes. */
const grown = new WeakSet<ArrayBufferLike>();

/** @returns what was there, and behind it the piece at the reader's place: a view of the message while it is the only one */
export function packedPart(reader: Reader, tag: number, before: Uint8Array): Uint8Array {
  // The bytes of a number with a tag of its own are those that it has in a packed field.
  const piece = (tag & 7) === LENGTH_DELIMITED ? reader.bytes() : reader.skip(tag & 7);
  if (before.length === 0) return piece;
  if (piece.length === 0) return before;
  const length = before.length + piece.length;
  const isRoomy = grown.has(before.buffer) && before.byteOffset === 0 && before.buffer.byteLength >= length;
  const whole = new Uint8Array(isRoomy ? before.buffer : new ArrayBuffer(length * 2), 0, length);
  if (!isRoomy) whole.set(before);
  whole.set(piece, before.length);
  grown.add(whole.buffer);
  return whole;
}
