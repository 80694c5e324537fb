// The main thread's half of a thread that speaks gRPC: runs the handlers of the calls that come from it and posts their answers back.
import { ElanusError, messageOf } from '#base/errors.js';
import type { ListenOptions, MethodHandler } from '#platform/transport.js';
import {
  type AnswerItem,
  type Batch,
  type BatchPoster,
  BodyReader,
  type CallItem,
} from './grpc-thread-messages.js';

export class ThreadCalls {
  readonly #options: ListenOptions;
  readonly #handlers: readonly MethodHandler[];
  readonly #poster: BatchPoster<AnswerItem>;
  readonly #running = new Map<number, AbortController>();

  constructor(options: ListenOptions, poster: BatchPoster<AnswerItem>) {
    this.#options = options;
    this.#handlers = [...options.methods.values()];
    this.#poster = poster;
  }

  take(batch: Batch<CallItem>): void {
    const bodies = new BodyReader(batch);
    for (const item of batch.items) {
      switch (item[0]) {
        case 'call':
          this.#call(item, bodies.next(item[5]));
          break;
        case 'http':
          this.#page(item, bodies.next(item[5]));
          break;
        case 'cancel':
          this.#running.get(item[1])?.abort();
      }
    }
  }

  /** The thread is gone: no one waits for its calls. */
  abortAll(): void {
    for (const call of this.#running.values()) call.abort();
    this.#running.clear();
  }

  #call(
    [, id, method, deadlineMs, metadata, , peer]: CallItem & { readonly 0: 'call' },
    request: Uint8Array,
  ): void {
    const abort = new AbortController();
    this.#running.set(id, abort);
    const context = {
      signal: abort.signal,
      metadata,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(peer === undefined ? {} : { peer }),
    };
    const run = async (): Promise<Uint8Array> => {
      const handler = this.#handlers[method];
      if (handler === undefined)
        throw new ElanusError('internal', `a thread called method ${method} of ${this.#handlers.length}`);
      return handler(request, context);
    };
    run().then(
      (reply) => {
        if (this.#running.delete(id)) this.#poster.push(['reply', id, this.#poster.body(reply, false)]); // The handler may give it again.
      },
      (error: unknown) => {
        if (this.#running.delete(id)) this.#failed(id, error);
      },
    );
  }

  #page([, id, method, path, headers, , peer]: CallItem & { readonly 0: 'http' }, body: Uint8Array): void {
    const abort = new AbortController();
    this.#running.set(id, abort);
    const run = async () => this.#options.http?.({ method, path, headers, body, peer, signal: abort.signal });
    run().then(
      (page) => {
        if (!this.#running.delete(id)) return;
        if (page === undefined) return this.#failed(id, new Error('HTTP is not served'));
        const bytes = typeof page.body === 'string' ? Buffer.from(page.body) : page.body;
        const answered = { ...page.headers, 'content-type': page.contentType };
        this.#poster.push(['page', id, page.status, answered, this.#poster.body(bytes, false)]);
      },
      (error: unknown) => {
        if (this.#running.delete(id)) this.#failed(id, error);
      },
    );
  }

  #failed(id: number, error: unknown): void {
    this.#poster.push(['failed', id, error instanceof ElanusError ? error.key : undefined, messageOf(error)]);
  }
}
