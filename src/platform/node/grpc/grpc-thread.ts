// One thread that speaks gRPC, from its start to its end.
import { Worker } from 'node:worker_threads';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { scriptUrl } from '#platform/node/script-url.js';
import type { ListenOptions } from '#platform/transport.js';
import { ThreadCalls } from './grpc-thread-calls.js';
import { BatchPoster, type FromThread, type ThreadSetup, type ToThread } from './grpc-thread-messages.js';
import type { TlsMaterial } from './tls-files.js';

/** What a thread may take beyond the grace to say that it has closed. */
const CLOSE_WAIT_MS = 2_000;
/** A call leaves nothing behind that lasts. Tried by hand: V8's own bound took some 25 MB more a thread under load and saved no time. */
const YOUNG_MB_MAX = 12;

export class GrpcThread {
  readonly #worker: Worker;
  readonly #calls: ThreadCalls;
  readonly #loaded = deferred<void>();
  readonly #ended = deferred<string>();
  readonly #closed = deferred<void>();
  #listening: Deferred<void> | undefined;

  constructor(listen: ListenOptions, name: string, held: ThreadSetup['held'], tls: TlsMaterial | undefined) {
    const { host, receiveBytesMax, sendBytesMax, httpBodyPaths = [] } = listen;
    const methods = [...listen.methods.keys()];
    const setup: ThreadSetup = {
      host,
      methods,
      hasHttp: listen.http !== undefined,
      receiveBytesMax,
      sendBytesMax,
      httpBodyPaths,
      connectionsMax: listen.connectionsMax && Math.ceil(listen.connectionsMax / (listen.threads ?? 1)),
      tls,
      held,
    };
    const options = {
      workerData: setup,
      name,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
    };
    this.#worker = new Worker(scriptUrl(import.meta.url, './grpc-thread-entry.js'), options);
    this.#calls = new ThreadCalls(listen, new BatchPoster(this.#worker));
    this.#worker.on('message', (message: FromThread) => this.#hear(message));
    this.#worker.on('messageerror', (error) => {
      void this.#worker.terminate();
      this.#lost(error.message);
    });
    this.#worker.on('error', (error) => this.#lost(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => this.#lost(`exit code ${code}`));
  }

  /** Resolves when its code is loaded and it can listen at once. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  /** Resolves when the thread has ended, with the reason. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** @throws ElanusError refused */
  listen(port: number): Promise<void> {
    this.#listening = deferred();
    this.#send({ kind: 'listen', port });
    return this.#listening.promise;
  }

  /** For connections that come from now on. */
  setTls(tls: TlsMaterial): void {
    this.#send({ kind: 'tls', tls });
  }

  async close(graceMs: number): Promise<void> {
    this.#send({ kind: 'close', graceMs });
    const timer = setTimeout(() => this.#closed.resolve(), graceMs + CLOSE_WAIT_MS);
    await Promise.race([this.#closed.promise, this.#ended.promise]);
    clearTimeout(timer);
    await this.terminate();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
    this.#lost('terminated');
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'batch':
        this.#calls.take(message);
        return;
      case 'loaded':
        this.#loaded.resolve();
        return;
      case 'listening':
        this.#listening?.resolve();
        return;
      case 'refused':
        this.#listening?.reject(new ElanusError('refused', message.message));
        return;
      case 'closed':
        this.#closed.resolve();
    }
  }

  #lost(reason: string): void {
    const gone = new ElanusError(
      'service_unavailable',
      `a thread that speaks gRPC ended: ${reason}: another is started`,
    );
    this.#loaded.reject(gone);
    this.#listening?.reject(gone);
    this.#calls.abortAll();
    this.#ended.resolve(reason);
  }
}
