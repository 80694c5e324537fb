// A client's transport to the database of this process: who calls and for which database, beside each call.

import { ElanusError } from '#base/errors.js';
import type {
  ClientAnswer,
  ClientCallOptions,
  ClientMethod,
  ClientRequest,
  ClientTransport,
} from '#client/transport.js';
import type { CallContext } from '#platform/transport.js';
import type { LocalCalls } from './local-calls.js';
import type { Caller } from './running-call.js';

/** Who calls, and what for. */
export interface CallerOptions {
  /** `user:password`; needed where the database was opened with `auth`. */
  readonly token?: string;
  /** `default` when not given. */
  readonly database?: string;
}

/** As clients of gRPC send it beside each call. */
export const callerMetadata = ({ token, database }: CallerOptions): CallContext['metadata'] => ({
  ...(token === undefined ? {} : { authorization: base64(token) }),
  ...(database === undefined ? {} : { dbname: database }),
});

const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));

export class LocalTransport implements ClientTransport {
  readonly #calls: LocalCalls;
  readonly #caller: Caller;
  #isClosed = false;

  constructor(calls: LocalCalls, options: CallerOptions = {}) {
    this.#calls = calls;
    this.#caller = { metadata: callerMetadata(options) };
  }

  call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    options: ClientCallOptions,
  ): Promise<ClientAnswer<Method>> {
    if (this.#isClosed)
      return Promise.reject(
        new ElanusError('service_unavailable', `${method}: the client is closed: make a new one`),
      );
    const answer = this.#calls.call({ caller: this.#caller, method, request, options });
    return answer as Promise<ClientAnswer<Method>>;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#calls.endCallsOf(this.#caller);
  }
}
