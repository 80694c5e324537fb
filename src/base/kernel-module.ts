// Turns a kernel's base64 text into one compiled module per thread, and one instance per thread and memory.
// Compiling is synchronous: kernels are small (milliseconds once per thread), and tasks then need no asynchronous setup.
// `Buffer` reads base64 in microseconds, where a loop over characters that runs for the first time takes milliseconds a kernel, in each thread.
const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Buffer.from(base64, 'base64');

export class Kernel<Exports> {
  readonly #base64: string;
  readonly #relaxedBase64: string | undefined;
  readonly #instances = new WeakMap<WebAssembly.Memory, Exports>();
  #module: WebAssembly.Module | undefined;

  /** @param relaxedBase64 the same kernel built with relaxed SIMD: taken where the engine knows it (Node 22 and newer, not 20). */
  constructor(base64: string, relaxedBase64?: string) {
    this.#base64 = base64;
    this.#relaxedBase64 = relaxedBase64;
  }

  /** The kernel's functions over this memory. Held as long as the memory object is. */
  on(memory: WebAssembly.Memory): Exports {
    let exports = this.#instances.get(memory);
    if (!exports) {
      this.#module ??= this.#compile();
      exports = new WebAssembly.Instance(this.#module, { env: { memory } }).exports as Exports;
      this.#instances.set(memory, exports);
    }
    return exports;
  }

  /** Not by `WebAssembly.validate`, which waits for other threads: compiling looks at each function when it is called first. */
  #compile(): WebAssembly.Module {
    if (this.#relaxedBase64 !== undefined) {
      try {
        return new WebAssembly.Module(bytesOf(this.#relaxedBase64));
      } catch {
        // An engine without relaxed SIMD.
      }
    }
    return new WebAssembly.Module(bytesOf(this.#base64));
  }
}
