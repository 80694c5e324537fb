// A transport that is made at the first call. What it takes (the messages of the protocol, a gRPC library) is a megabyte of code, which an
// application that only declares its collections need not read when it starts.
import { ElanusError } from '#base/errors.js';
import type {
  ClientAnswer,
  ClientCallOptions,
  ClientMethod,
  ClientRequest,
  ClientTransport,
} from './transport.js';

export class LazyTransport implements ClientTransport {
  readonly #make: () => Promise<ClientTransport>;
  #made: Promise<ClientTransport> | undefined;
  #ready: ClientTransport | undefined;
  #isClosed = false;

  constructor(make: () => Promise<ClientTransport>) {
    this.#make = make;
  }

  async call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    options: ClientCallOptions,
  ): Promise<ClientAnswer<Method>> {
    if (this.#isClosed)
      throw new ElanusError('service_unavailable', `${method}: the client is closed: make a new one`);
    return (this.#ready ?? (await this.#first())).call(method, request, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#made?.catch(() => undefined))?.close();
  }

  async #first(): Promise<ClientTransport> {
    this.#made ??= this.#make();
    this.#ready = await this.#made;
    return this.#ready;
  }
}
