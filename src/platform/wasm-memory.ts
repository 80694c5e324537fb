// Shared WASM memories by bytes instead of pages.
import { assert } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';

const pageBytes = 65536;
const pagesMax = 65535; // The last page below 4 GiB is left out, so that every end address fits in 32 bits.

export function allocateMemory(bytes: number, bytesMax: number): WebAssembly.Memory {
  const initial = Math.max(1, Math.ceil(bytes / pageBytes));
  const maximum = Math.max(initial, Math.ceil(bytesMax / pageBytes));
  assert(maximum <= pagesMax, `region of ${bytesMax} bytes is beyond 4 GiB - 64 KiB`);
  try {
    return new WebAssembly.Memory({ initial, maximum, shared: true });
  } catch (error) {
    throw new ElanusError(
      'memory_limit',
      `no memory for a region of ${bytes} bytes (${messageOf(error)}): release collections or give the process more memory`,
      {
        cause: error,
      },
    );
  }
}
