// Turns a kernel's base64 text into one compiled module per thread, and one instance per thread and memory.
// Compiling is synchronous: kernels are small (milliseconds once per thread), and tasks then need no asynchronous setup.
export class Kernel<Exports> {
  readonly #base64: string;
  readonly #instances = new WeakMap<WebAssembly.Memory, Exports>();
  #module: WebAssembly.Module | undefined;
  constructor(base64: string) {
    this.#base64 = base64;
  }
  /** The kernel's functions over this memory. Held as long as the memory object is. */
  on(memory: WebAssembly.Memory): Exports {
    let exports = this.#instances.get(memory);
    if (!exports) {
      this.#module ??= new WebAssembly.Module(Uint8Array.from(atob(this.#base64), (char) => char.charCodeAt(0)));
      exports = new WebAssembly.Instance(this.#module, { env: { memory } }).exports as Exports;
      this.#instances.set(memory, exports);
    }
    return exports;
  }
}
