// A client's transport in a worker thread of the host to the database of the main thread, over a port that the database gave.
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { detached, type FromDatabase, type Port, type ToDatabase } from './port-messages.js';
import type {
  ClientAnswer,
  ClientCallOptions,
  ClientMethod,
  ClientRequest,
  ClientTransport,
} from './transport.js';

interface Waiting {
  readonly resolve: (answer: object) => void;
  readonly reject: (error: ElanusError) => void;
  /** Stops listening to the caller's signal. */
  readonly forget: (() => void) | undefined;
}

/** Deadlines are kept by the database, on the same clock; a database that is gone closes the port. */
export class PortTransport implements ClientTransport {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #isClosed = false;

  constructor(port: Port) {
    this.#port = port;
    port.on('message', (message) => this.#take(message as FromDatabase));
    port.on('close', () => this.#end('the database closed or its thread ended'));
    port.unref(); // Calls keep the thread alive, a client without any does not.
  }

  async call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    { signal, deadlineMs }: ClientCallOptions,
  ): Promise<ClientAnswer<Method>> {
    if (this.#isClosed)
      throw new ElanusError(
        'service_unavailable',
        `${method}: the port to the database is closed: get another`,
      );
    if (signal?.aborted === true) throw cancelled(method);
    const moved: ArrayBuffer[] = [];
    const id = this.#nextId++;
    const own = detached(request, moved) as object;
    const message: ToDatabase = { kind: 'call', id, method, request: own, deadlineMs };
    const answer = new Promise<object>((resolve, reject) => {
      const forget = signal === undefined ? undefined : onAbort(signal, () => this.#giveUp(id, method));
      if (this.#waiting.size === 0) this.#port.ref();
      this.#waiting.set(id, { resolve, reject, forget });
    });
    this.#port.postMessage(message, moved);
    return (await answer) as ClientAnswer<Method>;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#end('the client was closed');
    this.#port.close();
  }

  #giveUp(id: number, method: string): void {
    const waiting = this.#settle(id);
    if (waiting === undefined) return;
    const message: ToDatabase = { kind: 'give up', id };
    this.#port.postMessage(message, []);
    waiting.reject(cancelled(method));
  }

  #take(message: FromDatabase): void {
    const waiting = this.#settle(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.answer);
    else waiting?.reject(new ElanusError(message.key, message.message));
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined; // It was given up, and its answer was on the way.
    this.#waiting.delete(id);
    waiting.forget?.();
    if (this.#waiting.size === 0) this.#port.unref();
    return waiting;
  }

  #end(why: string): void {
    this.#isClosed = true;
    for (const id of [...this.#waiting.keys()])
      this.#settle(id)?.reject(
        new ElanusError(
          'service_unavailable',
          `${why}: whether the call was done is not known; open it again`,
        ),
      );
  }
}

const cancelled = (method: string): ElanusError =>
  new ElanusError('cancelled', `${method}: cancelled by its caller`);
