// Decoding of what clients send, within a bound. A message below the limit of bytes can still hold tens of millions of empty elements, each of
// which becomes an object; so what is read is counted, and reading stops at the bound, before the objects beyond it exist.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { ElanusError } from '#base/errors.js';

// A unit stands for about 20 bytes of heap. Every number that is read (a tag, a length, a value) is one, a 64-bit number seven.
const LONG_UNITS = 7;
/** Each time the decoder of a message begins, and again when it ends: with its tag and its length a nested message is 12 units. */
const MESSAGE_UNITS = 5;
/** Largest number of units of one request. 8 million short strings or 1.4 million nested messages fit: honest requests of 64 MiB have less. */
export const DECODE_UNITS_MAX = 16 * 2 ** 20;
/** Largest number of units of a message inside a request that honest clients keep small: a schema, the vectors of a search. */
export const INNER_UNITS_MAX = 2 ** 20;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text that UTF-8 cannot hold would be another text when it is read back. */
export const notUtf8 = (): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    'a text of the request is not valid UTF-8; send whole characters: half of a surrogate pair is none: invalid parameter',
  );

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw notUtf8();
  }
}

/** For what clients send: a text is UTF-8, or the message is refused, as protobuf has it. */
export const strictReader = (bytes: Uint8Array): BinaryReader => new BinaryReader(bytes, textOf);

class TooMuch extends Error {}
const readUint32 = new BinaryReader(new Uint8Array(0)).uint32;

/** Packed arrays that are declared `bytes` are one element for it, as they are for memory. */
class CountingReader extends BinaryReader {
  left: number;
  #depth = 0;

  constructor(bytes: Uint8Array, unitsMax: number) {
    super(bytes, textOf);
    this.left = unitsMax;
    this.uint32 = countedUint32;
  }

  // Generated decoders keep their depth in this property of the reader: the one sign that a message begins or ends.
  get __tsProtoDecodeDepth(): number {
    return this.#depth;
  }

  set __tsProtoDecodeDepth(depth: number) {
    this.#depth = depth;
    this.left -= MESSAGE_UNITS;
  }

  spend(units: number): void {
    this.left -= units;
    if (this.left < 0) throw new TooMuch();
  }

  override int64(): ReturnType<BinaryReader['int64']> {
    this.spend(LONG_UNITS);
    return super.int64();
  }

  override uint64(): ReturnType<BinaryReader['uint64']> {
    this.spend(LONG_UNITS);
    return super.uint64();
  }

  override sint64(): ReturnType<BinaryReader['sint64']> {
    this.spend(LONG_UNITS);
    return super.sint64();
  }

  override bool(): boolean {
    this.spend(1);
    return super.bool();
  }
}

function countedUint32(this: CountingReader): number {
  this.spend(1);
  return readUint32.call(this);
}

/** So much a message of so many bytes may take: the dearest byte is a number of 64 bits, and the outermost message has no bytes of its own. */
export const unitsAtMost = (byteCount: number): number => byteCount * LONG_UNITS + 2 * MESSAGE_UNITS;

export interface Decoder<T> {
  decode(input: BinaryReader | Uint8Array): T;
}

/**
 * @returns the message, and the units that it took
 * @throws ElanusError invalid_parameter above the bound; whatever the decoder throws for bytes that are no such message
 */
export function decodeBounded<T>(
  type: Decoder<T>,
  bytes: Uint8Array,
  unitsMax: number,
): { readonly message: T; readonly units: number } {
  const reader = new CountingReader(bytes, unitsMax);
  try {
    return { message: type.decode(reader), units: unitsMax - reader.left };
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    throw new ElanusError(
      'invalid_parameter',
      `a message of ${bytes.length} bytes holds too many elements, expected at most ${unitsMax} units (1 a number or tag, 12 a nested message): send fewer rows or values at once`,
    );
  }
}
