// Where a role's services are: in this process (a function call) or at a peer's address (gRPC). Clients are found when they are
// called, so that roles which need each other can be built in any order.
//
// Several nodes may run a role. A call goes to the node whose server id the caller names (`SERVER_ID_HEADER` in the context), else, when it
// is about a channel, to the channel's owner, else to this process or the first that was named. With one node there is nothing to choose.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import { ChannelRoutes, isMisrouted } from '#rpc/channel-routes.js';
import { type PeerState, RemoteRole, SERVER_ID_HEADER } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import type { RoleNode, RoleNodes } from '#rpc/role-nodes.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import type { PeerAddresses } from './config.js';

const serviceRoles: Readonly<Record<string, RoleName>> = {
  'milvus.proto.rootcoord.RootCoord': 'root-coord',
  'elanus.v1.Definitions': 'root-coord',
  'elanus.v1.Users': 'root-coord',
  'milvus.proto.data.DataCoord': 'data-coord',
  'elanus.v1.ChannelRegistry': 'data-coord',
  'elanus.v1.StreamingNode': 'streaming-node',
  'elanus.v1.QueryCoord': 'query-coord',
  'elanus.v1.QueryNode': 'query-node',
  'elanus.v1.DataNode': 'data-node',
};

/** All methods of a client are functions of a request and a context; they are called by name below. */
type AnyClient = Readonly<Record<string, (request: never, context?: never) => Promise<unknown>>>;
const anonymous = (client: unknown): AnyClient => client as AnyClient;

/** Where a call may go. */
type Target = { readonly kind: 'here' } | { readonly kind: 'remote'; readonly remote: RemoteRole };

/** To shake hands with nodes that were not asked yet, in ms. */
const FIND_MS_MAX = 3000;

export class RoleDirectory implements RoleNodes {
  readonly #platform: Platform;
  readonly #peers: PeerAddresses;
  readonly #clusterId: string;
  readonly #serverId: bigint;
  readonly #local = new Map<string, AnyClient>();
  readonly #remotes = new Map<RoleName, readonly RemoteRole[]>();
  readonly #routes: ChannelRoutes;

  constructor(
    platform: Platform,
    { peers, clusterId = '' }: { readonly peers: PeerAddresses; readonly clusterId?: string },
    serverId: bigint,
  ) {
    this.#platform = platform;
    this.#peers = peers;
    this.#clusterId = clusterId;
    this.#serverId = serverId;
    const registry = this.client(ChannelRegistryDefinition);
    this.#routes = new ChannelRoutes(
      async (collectionId) => (await registry.listSegments({ collectionId })).channels,
    );
  }

  register<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): void {
    this.#local.set(definition.fullName, anonymous(inProcessClient(definition, handlers as Handlers<D>)));
  }

  of(role: RoleName): readonly RoleNode[] {
    const isHere = Object.entries(serviceRoles).some(([name, of]) => of === role && this.#local.has(name));
    const here = isHere ? [{ serverId: this.#serverId, address: undefined, epoch: 1 }] : [];
    const remote = this.#remotesOf(role).flatMap(({ lastServerId, address, epoch }) =>
      lastServerId === undefined ? [] : [{ serverId: lastServerId, address, epoch }],
    );
    return [...here, ...remote];
  }

  /** Roles of which no node answers, though one was asked: what health shows. */
  lostRoles(): readonly string[] {
    return [...this.#remotes].flatMap(([role, remotes]) => {
      const states = remotes.map(({ state }) => state);
      if (states.some(({ kind }) => kind !== 'connecting')) return [];
      for (const remote of remotes) remote.look();
      return remotes.map(({ address, state }) => lostText(role, address, state));
    });
  }

  /** A client whose every call goes to wherever the role is at that moment. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const role = serviceRoles[definition.fullName];
    const call = (key: string) => (request: never, context?: never) => {
      // In one process there is nothing to choose and nowhere else to go.
      const method = this.#hasNodes(role) ? undefined : this.#local.get(definition.fullName)?.[key];
      return method === undefined ? this.#call(definition, key, request, context) : method(request, context);
    };
    return Object.fromEntries(
      Object.keys(definition.methods).map((key) => [key, call(key)]),
    ) as unknown as Client<D>;
  }

  #call(definition: ServiceDefinition, key: string, request: never, context?: never): Promise<unknown> {
    const invoke = (target: Target): Promise<unknown> => {
      const method = this.#clientAt(target, definition)[key];
      if (method === undefined)
        throw new ElanusError('unsupported', `${definition.fullName} has no method ${key}`);
      return method(request, context);
    };
    try {
      const targets = this.#targets(definition);
      const [only] = targets;
      if (only !== undefined && targets.length === 1) return invoke(only);
      return this.#routed(definition, targets, request, context)
        .then(invoke)
        .catch((error: unknown) => {
          const vchannel = vchannelOf(request);
          if (vchannel !== undefined && isMisrouted(error)) this.#routes.forget(vchannel);
          throw error;
        });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whether nodes in other processes may run the role. */
  #hasNodes(role: RoleName | undefined): boolean {
    return role !== undefined && this.#remotesOf(role).length > 0;
  }

  /** Everyone who may have the service, this process first. @throws service_not_ready nobody */
  #targets(definition: ServiceDefinition): readonly Target[] {
    const role = serviceRoles[definition.fullName];
    const here: Target[] = this.#local.has(definition.fullName) ? [{ kind: 'here' }] : [];
    const remotes = role === undefined ? [] : this.#remotesOf(role);
    const targets: Target[] = [...here, ...remotes.map((remote) => ({ kind: 'remote', remote }) as const)];
    if (targets.length > 0) return targets;
    throw new ElanusError(
      'service_not_ready',
      `${role ?? definition.fullName} does not run in this process and no peer address is given for it; start it, or pass --peer ${role}=host:port`,
    );
  }

  /** One of several. @throws node_mismatch the one that is meant is not among them; channel_not_available */
  async #routed(
    definition: ServiceDefinition,
    targets: readonly Target[],
    request: unknown,
    context: CallContext | undefined,
  ): Promise<Target> {
    const meant = context?.metadata[SERVER_ID_HEADER];
    if (meant !== undefined) return this.#find(targets, BigInt(meant), context);
    const vchannel = serviceRoles[definition.fullName] === 'streaming-node' ? vchannelOf(request) : undefined;
    if (vchannel !== undefined) return this.#find(targets, await this.#routes.ownerOf(vchannel), context);
    const [first] = targets;
    if (first === undefined) throw new ElanusError('internal', `no target for ${definition.fullName}`);
    return first;
  }

  /** Handshakes show who is who; one that is down must not keep the others from being found. */
  async #find(
    targets: readonly Target[],
    serverId: bigint,
    context: CallContext | undefined,
  ): Promise<Target> {
    const known = targets.find((target) => this.#serverIdOf(target) === serverId);
    if (known !== undefined) return known;
    const limitMs = this.#platform.clock.now() + FIND_MS_MAX;
    const wait = {
      signal: context?.signal ?? new AbortController().signal,
      deadlineMs: Math.min(context?.deadlineMs ?? limitMs, limitMs),
      metadata: {},
    };
    const asked = targets.map(async (target) => {
      const found = target.kind === 'here' ? this.#serverId : await target.remote.serverId(wait);
      if (found !== serverId) throw new ElanusError('node_mismatch', `it is node ${found}`);
      return target;
    });
    return Promise.any(asked).catch(() => {
      const fact = `none of the ${targets.length} nodes of the role that answer is node ${serverId}`;
      throw new ElanusError('node_mismatch', `${fact}; look its owner up again`);
    });
  }

  #serverIdOf(target: Target): bigint | undefined {
    return target.kind === 'here' ? this.#serverId : target.remote.lastServerId;
  }

  #clientAt(target: Target, definition: ServiceDefinition): AnyClient {
    if (target.kind === 'remote') return anonymous(target.remote.client(definition));
    const local = this.#local.get(definition.fullName);
    if (local === undefined) throw new ElanusError('internal', `${definition.fullName} does not run here`);
    return local;
  }

  #remotesOf(role: RoleName): readonly RemoteRole[] {
    const known = this.#remotes.get(role);
    if (known !== undefined) return known;
    const addresses = this.#peers[role] ?? [];
    const remotes = (typeof addresses === 'string' ? [addresses] : addresses).map(
      (address) => new RemoteRole(this.#platform, role, address, this.#clusterId),
    );
    this.#remotes.set(role, remotes);
    return remotes;
  }

  close(): void {
    for (const remotes of this.#remotes.values()) for (const remote of remotes) remote.close();
  }
}

function lostText(role: RoleName, address: string, state: PeerState): string {
  if (state.kind !== 'connecting') return `${role} at ${address} is ${state.kind}`;
  const { forMs, attempts, pauseMs, reason } = state;
  const next = pauseMs === 0 ? 'being tried now' : `tried again in at most ${Math.round(pauseMs)} ms`;
  return `${role} at ${address} has not answered for ${Math.round(forMs)} ms, handshakes failed: ${attempts}, ${next} (${reason})`;
}

/** The channel of a request about one channel. */
function vchannelOf(request: unknown): string | undefined {
  const { vchannel, channel } = Object(request) as { vchannel?: unknown; channel?: { vchannel?: unknown } };
  const name = vchannel ?? channel?.vchannel;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
