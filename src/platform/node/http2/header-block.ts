// A block of headers that comes in several frames.
const BLOCK_BYTES_MAX = 64 * 1024;
const PARTS_MAX = 32;

export class HeaderBlock {
  readonly stream: number;
  /** Nothing follows it on its stream. */
  readonly isEnd: boolean;
  readonly #parts: Buffer[];
  #length: number;

  constructor(stream: number, isEnd: boolean, first: Buffer) {
    this.stream = stream;
    this.isEnd = isEnd;
    this.#parts = [first];
    this.#length = first.length;
  }

  /** @returns false: too much for one block */
  add(part: Buffer): boolean {
    this.#parts.push(part);
    this.#length += part.length;
    return this.#length <= BLOCK_BYTES_MAX && this.#parts.length <= PARTS_MAX;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts, this.#length);
  }
}
