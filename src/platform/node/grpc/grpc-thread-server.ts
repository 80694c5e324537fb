// A thread that speaks gRPC: the same listener as in one thread, whose handlers hand each call to the main thread and wait for its answer.
// It knows nothing of the database; what ends it ends its connections and nothing else.
import type { MessagePort } from 'node:worker_threads';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { HeldBytes } from '#platform/node/http1/held-bytes.js';
import type { HttpRequest, HttpResponse, ListenOptions, MethodHandler } from '#platform/transport.js';
import { listenGrpc, type TlsListener } from './grpc-listener.js';
import {
  type AnswerItem,
  type Batch,
  BatchPoster,
  BodyReader,
  type CallItem,
  type FromThread,
  type ThreadSetup,
  type ToThread,
} from './grpc-thread-messages.js';

export function serveThread(port: MessagePort, setup: ThreadSetup): void {
  const send = (message: FromThread): void => port.postMessage(message);
  const forward = new Forward(port);
  const held = new HeldBytes(setup.held.bytesMax, setup.held.cells, setup.held.cell);
  let listener: TlsListener | undefined;
  let tls = setup.tls;
  const listen = async (at: number): Promise<void> => {
    await listener?.close(0); // Another port is wanted: not all threads got the first one.
    listener = undefined;
    const before = tls;
    listener = await listenGrpc(forward.options(setup, at), held, tls);
    if (tls !== undefined && tls !== before) listener.setTls(tls); // New ones came meanwhile.
  };
  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'batch':
        forward.answered(message);
        return;
      case 'listen':
        listen(message.port).then(
          () => send({ kind: 'listening' }),
          (error: unknown) => send({ kind: 'refused', message: messageOf(error) }),
        );
        return;
      case 'tls':
        tls = message.tls;
        listener?.setTls(tls);
        return;
      case 'close':
        void Promise.resolve(listener?.close(message.graceMs)).finally(() => {
          forward.flush(); // Cancellations of what was cut go first.
          send({ kind: 'closed' });
        });
    }
  });
  send({ kind: 'loaded' });
}

class Forward {
  readonly #poster: BatchPoster<CallItem>;
  readonly #calls = new Map<number, Deferred<Uint8Array>>();
  readonly #pages = new Map<number, Deferred<HttpResponse>>();
  #nextId = 1;

  constructor(port: MessagePort) {
    this.#poster = new BatchPoster(port);
  }

  options(setup: ThreadSetup, port: number): ListenOptions {
    const { host, receiveBytesMax, sendBytesMax, httpBodyPaths, connectionsMax } = setup;
    return {
      host,
      port,
      methods: new Map(setup.methods.map((path, at) => [path, this.#handler(at)])),
      ...(setup.hasHttp ? { http: (request: HttpRequest) => this.#page(request) } : {}),
      receiveBytesMax,
      sendBytesMax,
      httpBodyPaths,
      ...(connectionsMax === undefined ? {} : { connectionsMax }),
    };
  }

  flush(): void {
    this.#poster.post();
  }

  #handler(method: number): MethodHandler {
    return (request, { signal, deadlineMs, metadata, peer }) => {
      const id = this.#nextId++;
      const waiter = deferred<Uint8Array>();
      this.#calls.set(id, waiter);
      this.#poster.push(['call', id, method, deadlineMs, metadata, this.#poster.body(request, true), peer]);
      signal.addEventListener('abort', () => this.#poster.push(['cancel', id]), { once: true });
      return waiter.promise;
    };
  }

  #page({ method, path, headers, body, peer, signal }: HttpRequest): Promise<HttpResponse> {
    const id = this.#nextId++;
    const waiter = deferred<HttpResponse>();
    this.#pages.set(id, waiter);
    this.#poster.push(['http', id, method, path, headers, this.#poster.body(body, true), peer]);
    const cancel = (): void => void (this.#pages.has(id) && this.#poster.push(['cancel', id]));
    signal.addEventListener('abort', cancel, { once: true });
    return waiter.promise;
  }

  answered(batch: Batch<AnswerItem>): void {
    const bodies = new BodyReader(batch);
    for (const item of batch.items) {
      const id = item[1];
      switch (item[0]) {
        case 'reply':
          this.#calls.get(id)?.resolve(bodies.next(item[2]));
          break;
        case 'page':
          this.#pages.get(id)?.resolve(pageOf(item, bodies.next(item[4])));
          break;
        case 'failed': {
          const [, , key, message] = item;
          (this.#calls.get(id) ?? this.#pages.get(id))?.reject(
            key === undefined ? new Error(message) : new ElanusError(key, message),
          );
        }
      }
      this.#calls.delete(id) || this.#pages.delete(id);
    }
  }
}

function pageOf([, , status, sent]: AnswerItem & { readonly 0: 'page' }, body: Uint8Array): HttpResponse {
  const { 'content-type': contentType = 'application/octet-stream', ...headers } = sent;
  return { status, contentType, body, headers };
}
