// What all requests that are worked on at the moment hold decoded, together. Each message has its own bound (model/bounded-decode.ts); many
// large ones at once have this one.
import { ElanusError } from '#base/errors.js';
import {
  DECODE_UNITS_MAX,
  type Decoder,
  decodeBounded,
  strictReader,
  unitsAtMost,
} from '#model/bounded-decode.js';

/** Two of the largest messages. */
const HELD_UNITS_MAX = 2 * DECODE_UNITS_MAX;
/** Below this, messages are as many as streams may be open; counting them would change nothing. */
const SMALL_UNITS = 1024;
/** So short a message is not even read with a count: what it may hold is about as little. */
const SMALL_BYTES = 1024;
/** What gives back the room of a message that is not counted. */
export const nothing = (): void => {};

export class DecodeAccount {
  readonly #unitsMax: number;
  #units = 0;

  constructor(unitsMax = HELD_UNITS_MAX) {
    this.#unitsMax = unitsMax;
  }

  /**
   * @returns the message, and what gives back its room when it is worked on no more
   * @throws ElanusError invalid_parameter for a message above its own bound, memory_insufficient above that of all
   */
  decode<T>(type: Decoder<T>, bytes: Uint8Array): { readonly message: T; readonly release: () => void } {
    if (bytes.length <= SMALL_BYTES) return { message: type.decode(strictReader(bytes)), release: nothing };
    // As much as is left: a message that takes more is not decoded to its end.
    const left = this.#unitsMax - this.#units;
    // While there is room for all that the bytes could hold, that is what counts: reading with a count costs more. Of what is kept for one
    // largest message nothing is taken that way.
    const most = unitsAtMost(bytes.length);
    if (most <= left - DECODE_UNITS_MAX)
      return this.#counted({ message: type.decode(strictReader(bytes)), units: most });
    if (left < DECODE_UNITS_MAX) return this.#decodeWithin(type, bytes, Math.max(left, SMALL_UNITS));
    return this.#counted(decodeBounded(type, bytes, DECODE_UNITS_MAX));
  }

  #decodeWithin<T>(type: Decoder<T>, bytes: Uint8Array, left: number) {
    try {
      return this.#counted(decodeBounded(type, bytes, left));
    } catch (error) {
      if (!(error instanceof ElanusError)) throw error;
      throw new ElanusError(
        'memory_insufficient',
        `requests that are worked on hold ${this.#units} elements, at most ${this.#unitsMax} fit: try again in a moment, or send less at once`,
      );
    }
  }

  #counted<T>({ message, units }: { readonly message: T; readonly units: number }) {
    if (units <= SMALL_UNITS) return { message, release: nothing };
    this.#units += units;
    const release = (): void => {
      this.#units -= units;
    };
    return { message, release };
  }
}
