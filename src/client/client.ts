// The client: one way to a database, and the collections of programs on it.

import type { Random } from '#base/random.js';
import type { Declaration, NamespaceMode } from '#client/schema/collection.js';
import type { Fields } from '#client/schema/row-types.js';
import type { Clock, Timers } from '#platform/time.js';
import { Caller, type CallerSettings, type CallOptions, defaultSettings } from './caller.js';
import { NamespacedCollection, PartitionedNamespaces } from './namespaced-collection.js';
import type { ClientAnswer, ClientMethod, ClientRequest, ClientTransport } from './transport.js';
import { TypedCollection } from './typed-collection.js';

export interface ClientOptions {
  /** For each call that names no time of its own; 60,000 when not given. */
  readonly timeoutMs?: number;
  /** How often, and after which pauses, a call that failed for a while is made again. */
  readonly retry?: Partial<CallerSettings['retry']>;
}

/** What a client is made of. */
export interface ClientParts {
  readonly transport: ClientTransport;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export class Client {
  readonly #caller: Caller;

  constructor(parts: ClientParts, { timeoutMs, retry }: ClientOptions = {}) {
    const settings = {
      timeoutMs: timeoutMs ?? defaultSettings.timeoutMs,
      retry: { ...defaultSettings.retry, ...retry },
    };
    this.#caller = new Caller({ ...parts, settings });
  }

  /** A declared collection; nothing is sent. `create` or `ensure` makes it. */
  collection<F extends Fields, Dynamic extends boolean>(
    declaration: Declaration<F, Dynamic>,
  ): TypedCollection<F, Dynamic>;
  /** One with namespaces: its rows are reached through `namespace(name)` alone. */
  collection<F extends Fields, Dynamic extends boolean>(
    declaration: Declaration<F, Dynamic, 'partition_key'>,
  ): NamespacedCollection<F, Dynamic>;
  collection<F extends Fields, Dynamic extends boolean>(
    declaration: Declaration<F, Dynamic, 'partition'>,
  ): PartitionedNamespaces<F, Dynamic>;
  collection<F extends Fields, Dynamic extends boolean>(
    declaration: Declaration<F, Dynamic, NamespaceMode | undefined>,
  ): TypedCollection<F, Dynamic> | NamespacedCollection<F, Dynamic> {
    if (isWithout(declaration)) return new TypedCollection(this.#caller, declaration);
    return declaration.namespaces === 'partition'
      ? new PartitionedNamespaces(this.#caller, declaration)
      : new NamespacedCollection(this.#caller, declaration);
  }

  /** Names of the collections of the database. */
  async collections(options?: CallOptions): Promise<string[]> {
    return (await this.#caller.call('showCollections', {}, options)).collectionNames;
  }

  async serverVersion(options?: CallOptions): Promise<string> {
    return (await this.#caller.call('getVersion', {}, options)).version;
  }

  /** Any call of the Milvus protocol, for what has no method of its own. It is made once. @throws ClientError */
  call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    options?: CallOptions,
  ): Promise<ClientAnswer<Method>> {
    return this.#caller.call(method, request, options, 'unsent');
  }

  /** Calls that run are given up. */
  close(): Promise<void> {
    return this.#caller.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const isWithout = <F extends Fields, Dynamic extends boolean>(
  declaration: Declaration<F, Dynamic, NamespaceMode | undefined>,
): declaration is Declaration<F, Dynamic> => declaration.namespaces === undefined;
