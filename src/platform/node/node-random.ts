// Random numbers of the operating system, for all that is no test.
import type { Random } from '#base/random.js';

export function systemRandom(): Random {
  const pool = new Uint32Array(256);
  let at = pool.length;
  return {
    nextUint32() {
      if (at === pool.length) {
        crypto.getRandomValues(pool);
        at = 0;
      }
      return pool[at++] as number;
    },
  };
}
