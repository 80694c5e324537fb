// A listener whose connections live in several threads; the main thread only runs the calls. The operating system gives each new connection
// to one of the threads. A thread that ends takes its connections along and nothing else: another takes its place.
import { must } from '#base/assert.js';
import { messageOf } from '#base/errors.js';
import type { Logger } from '#platform/logger.js';
import { newCells } from '#platform/node/http1/held-bytes.js';
import type { ListenOptions } from '#platform/transport.js';
import { heldBytesMaxOf, type TlsListener } from './grpc-listener.js';
import { GrpcThread } from './grpc-thread.js';
import { sharePort } from './port-bind.js';
import type { TlsMaterial } from './tls-files.js';

/** Before a lost thread is replaced; doubles while the new ones do not live long. */
const RESTART_MS = 100;
const RESTART_MS_MAX = 10_000;
/** A thread that served this long was sound: what ended it is not what ended the one before. */
const SOUND_MS = 60_000;

/** @throws ElanusError refused, as a listener of one thread */
export async function listenInThreads(
  options: ListenOptions,
  threads: number,
  logger: Logger | undefined,
  tls?: TlsMaterial,
): Promise<TlsListener> {
  const pool = new GrpcThreads(options, threads, logger, tls);
  await pool.start(threads);
  return pool;
}

class GrpcThreads implements TlsListener {
  readonly host: string;
  port: number;
  readonly #options: ListenOptions;
  readonly #logger: Logger | undefined;
  /** Started and not ended. */
  readonly #threads = new Set<GrpcThread>();
  /** Those of them that hold the port. */
  readonly #listening = new Set<GrpcThread>();
  readonly #keepers: Promise<void>[] = [];
  readonly #waits = new Set<() => void>();
  #started = 0;
  /** What new threads begin with. */
  #tls: TlsMaterial | undefined;
  #closing: Promise<void> | undefined;

  /** One for each thread, and one more: a lost thread is replaced after its end. */
  readonly #cells: Int32Array;
  readonly #freeCells: number[];

  constructor(
    options: ListenOptions,
    threads: number,
    logger: Logger | undefined,
    tls: TlsMaterial | undefined,
  ) {
    this.#tls = tls;
    this.#cells = newCells(threads + 1);
    this.#freeCells = [...this.#cells.keys()];
    this.host = options.host;
    this.port = options.port;
    this.#options = options;
    this.#logger = logger;
  }

  async start(count: number): Promise<void> {
    const threads = Array.from({ length: count }, () => this.#begin());
    try {
      await Promise.all(threads.map((thread) => thread.loaded));
      this.port = await sharePort(this.#options, async (port) => {
        const results = await Promise.allSettled(threads.map((thread) => thread.listen(port)));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
      });
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
    for (const thread of threads) {
      this.#listening.add(thread);
      this.#keepers.push(this.#keep(thread));
    }
  }

  setTls(tls: TlsMaterial): void {
    this.#tls = tls;
    for (const thread of this.#threads) thread.setTls(tls);
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    for (const wake of this.#waits) wake();
    await Promise.all(
      [...this.#threads].map((thread) =>
        this.#listening.has(thread) ? thread.close(graceMs) : thread.terminate(),
      ),
    );
    await Promise.all(this.#keepers);
  }

  #begin(): GrpcThread {
    const cell = must(this.#freeCells.pop(), 'a cell for the thread');
    const held = { bytesMax: heldBytesMaxOf(this.#options), cells: this.#cells, cell };
    const thread = new GrpcThread(this.#options, `grpc-${this.#started++}`, held, this.#tls);
    this.#threads.add(thread);
    void thread.ended.then(() => {
      this.#threads.delete(thread);
      // What its connections held went with it.
      Atomics.store(this.#cells, cell, 0);
      this.#freeCells.push(cell);
    });
    return thread;
  }

  /** Sees to it that one thread serves, until the listener is closed. */
  async #keep(first: GrpcThread): Promise<void> {
    let restartMs = RESTART_MS;
    for (let thread: GrpcThread | undefined = first; ; thread = await this.#replace()) {
      const since = performance.now();
      const reason = await thread?.ended;
      if (thread !== undefined) this.#listening.delete(thread);
      if (this.#closing !== undefined) return;
      if (performance.now() - since >= SOUND_MS) restartMs = RESTART_MS;
      if (reason !== undefined)
        this.#logger?.warn('grpc_thread_lost', { reason, port: this.port, restartMs });
      await this.#sleep(restartMs);
      if (this.#closing !== undefined) return;
      restartMs = Math.min(restartMs * 2, RESTART_MS_MAX);
    }
  }

  /** @returns undefined when the new thread cannot serve */
  async #replace(): Promise<GrpcThread | undefined> {
    const thread = this.#begin();
    try {
      await thread.loaded;
      // While no thread holds the port, somebody else may have it.
      if (this.#listening.size > 0) await thread.listen(this.port);
      else await sharePort({ host: this.host, port: this.port }, (port) => thread.listen(port));
      this.#listening.add(thread);
      if (this.#closing === undefined) return thread;
    } catch (error) {
      if (this.#closing === undefined)
        this.#logger?.warn('grpc_thread_not_started', { reason: messageOf(error), port: this.port });
    }
    await thread.terminate();
    return undefined;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waits.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waits.add(wake);
    });
  }
}
