// Where a role's services are: in this process (a function call) or at a peer's address (gRPC). Clients are found when they are
// called, so that roles which need each other can be built in any order.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { RemoteRole } from '#rpc/remote-role.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import type { RoleName } from './role-names.js';

const serviceRoles: Readonly<Record<string, RoleName>> = {
  'milvus.proto.rootcoord.RootCoord': 'root-coord',
  'elanus.v1.Definitions': 'root-coord',
  'milvus.proto.data.DataCoord': 'data-coord',
  'elanus.v1.ChannelRegistry': 'data-coord',
  'elanus.v1.StreamingNode': 'streaming-node',
  'elanus.v1.QueryCoord': 'query-coord',
  'elanus.v1.QueryNode': 'query-node',
  'elanus.v1.DataNode': 'data-node',
};

export class RoleDirectory {
  readonly #platform: Platform;
  readonly #peers: Readonly<Partial<Record<RoleName, string>>>;
  readonly #local = new Map<string, unknown>();
  readonly #remote = new Map<RoleName, RemoteRole>();

  constructor(platform: Platform, peers: Readonly<Partial<Record<RoleName, string>>>) {
    this.#platform = platform;
    this.#peers = peers;
  }

  register<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): void {
    this.#local.set(definition.fullName, inProcessClient(definition, handlers as Handlers<D>));
  }

  /** A client whose every call goes to wherever the role is at that moment. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const call = (key: string) => (request: never, context?: never) => {
      try {
        // Checked by name below: all methods of a client are functions of a request and a context.
        const target = (this.#local.get(definition.fullName) ?? this.#remoteClient(definition)) as Record<
          string,
          (request: never, context?: never) => Promise<unknown>
        >;
        const method = target[key];
        if (method === undefined)
          throw new ElanusError('unsupported', `${definition.fullName} has no method ${key}`);
        return method(request, context);
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return Object.fromEntries(
      Object.keys(definition.methods).map((key) => [key, call(key)]),
    ) as unknown as Client<D>;
  }

  #remoteClient(definition: ServiceDefinition): unknown {
    const role = serviceRoles[definition.fullName];
    const address = role === undefined ? undefined : this.#peers[role];
    if (role === undefined || address === undefined) {
      throw new ElanusError(
        'service_not_ready',
        `${role ?? definition.fullName} does not run in this process and no peer address is given for it; start it, or pass --peer ${role}=host:port`,
      );
    }
    let remote = this.#remote.get(role);
    if (remote === undefined) {
      remote = new RemoteRole(this.#platform, role, address);
      this.#remote.set(role, remote);
    }
    return remote.client(definition);
  }

  close(): void {
    for (const remote of this.#remote.values()) remote.close();
  }
}
