// What filters keep of segments, and the room that the process has for it.

import { LazySet } from '#base/maps/lazy-map.js';

/** Whether the process has so much memory left. */
export type HasRoom = (bytes: number) => boolean;

/** What filters made of the rows of one segment for later ones: given up at any moment, it costs the next filter time and nothing else. */
export interface KeptByFilters {
  readonly bytes: number;
  drop(): void;
}

/** What is kept of several segments takes together, summed up as it grows: nobody has to look at every segment to know. */
export class KeptTotal {
  readonly #hasRoom: HasRoom;
  readonly #holders = new LazySet<KeptByFilters>();
  #bytes = 0;

  constructor(hasRoom: HasRoom = () => true) {
    this.#hasRoom = hasRoom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#hasRoom(bytes);
  }

  /** @param bytes more than before; below 0: fewer */
  add(holder: KeptByFilters, bytes: number): void {
    this.#bytes += bytes;
    if (holder.bytes > 0) this.#holders.add(holder);
    else this.#holders.delete(holder);
  }

  drop(): void {
    for (const holder of [...this.#holders]) holder.drop();
  }
}
