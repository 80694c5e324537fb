// How the client reaches a database: one call of MilvusService, a message in and a message out. Implementations: gRPC to a server
// (grpc-client-transport.ts), and calls of the engine in this process (server/). Everything above is the same for each of them.
import type { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { DeepPartial, RequestOf, ResponseOf } from '#rpc/service.js';

type Methods = (typeof MilvusServiceDefinition)['methods'];
/** A call by the name that the service definition gives it, `createCollection`. */
export type ClientMethod = keyof Methods;
/** What is left out has the default of its type. Packed arrays are bytes in little endian, views of the caller's typed arrays. */
export type ClientRequest<Method extends ClientMethod> = DeepPartial<RequestOf<Methods[Method]>>;
/** Every field is there. */
export type ClientAnswer<Method extends ClientMethod> = ResponseOf<Methods[Method]>;

export interface ClientCallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal | undefined;
  /** Wall-clock milliseconds after which nobody waits for the answer. */
  readonly deadlineMs?: number | undefined;
}

export interface ClientTransport {
  /**
   * Makes one call, once: the client decides what is made again. Bytes of the request must not change before the promise settles, and are
   * not kept after that; bytes of the answer belong to the caller.
   * @returns the answer, with a failure of the call in its status
   * @throws ElanusError for a call without an answer: service_unavailable, deadline_exceeded, cancelled, unauthenticated, and whatever else
   * a server says beside its answers
   */
  call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    options: ClientCallOptions,
  ): Promise<ClientAnswer<Method>>;
  /** Calls that run are given up; later ones are refused. May be called more than once. */
  close(): Promise<void>;
}
