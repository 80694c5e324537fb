// Views of a whole shared memory, made once: making a typed array costs about as much as scoring a short vector.
export interface MemoryViews {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
}

const views = new WeakMap<WebAssembly.Memory, MemoryViews>();
/** Addresses divided by 4 are indexes of `words` and `floats`. Good until the memory grows; ask anew for each task. */
export function viewsOf(memory: WebAssembly.Memory): MemoryViews {
  const { buffer } = memory;
  const known = views.get(memory);
  if (known?.bytes.buffer === buffer) return known;
  const made = {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    floats: new Float32Array(buffer),
  };
  views.set(memory, made);
  return made;
}
