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
import { NotSentError, type RemoteRole, SERVER_ID_HEADER } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import type { AskedNode, RoleNode, RoleNodes } from '#rpc/role-nodes.js';
import {
  backgroundContext,
  type Client,
  type Handlers,
  inProcessClient,
  type ServiceDefinition,
} from '#rpc/service.js';
import type { Membership } from '#rpc/sessions/membership.js';
import { NumberedCalls } from '#rpc/sessions/numbered-calls.js';
import type { PeerAddresses } from './config.js';
import { KnownNodes } from './known-nodes.js';
import { againOf, atDeadline, isOfGoneProcess, isUnseen } from './repeatable-calls.js';

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

/** The role that has the service; undefined: every process has it. */
export const roleOf = ({ fullName }: ServiceDefinition): RoleName | undefined => serviceRoles[fullName];

/** All methods of a client are functions of a request and a context; they are called by name below. */
type AnyClient = Readonly<Record<string, (request: never, context?: never) => Promise<unknown>>>;
const anonymous = (client: unknown): AnyClient => client as AnyClient;

interface FoundCall {
  readonly definition: ServiceDefinition;
  readonly key: string;
  readonly request: never;
}

/** Where a call may go. */
type Target = { readonly kind: 'here' } | { readonly kind: 'remote'; readonly remote: RemoteRole };

/** To shake hands with nodes that were not asked yet, in ms. */
const FIND_MS_MAX = 3000;
/** A call without a deadline waits so long for somebody who serves it, in ms. */
const FOUND_MS_MAX = 10_000;
/** So long before its deadline a call that found nobody is answered, so that the reason comes and not the caller's own clock, in ms. */
const ANSWER_MS = 100;
/** Between two tries of a call, unless the sessions change, in ms. */
const AGAIN_MS = 200;

export class RoleDirectory implements RoleNodes {
  readonly #platform: Platform;
  readonly #serverId: bigint;
  readonly #local = new Map<string, AnyClient>();
  readonly #nodes: KnownNodes;
  readonly #routes: ChannelRoutes;
  readonly #numbered: NumberedCalls;

  constructor(
    platform: Platform,
    { peers, clusterId = '' }: { readonly peers: PeerAddresses; readonly clusterId?: string },
    serverId: bigint,
    membership?: Membership,
  ) {
    this.#platform = platform;
    this.#nodes = new KnownNodes({ platform, peers, clusterId, membership });
    this.#serverId = serverId;
    this.#numbered = new NumberedCalls(serverId);
    const registry = this.client(ChannelRegistryDefinition);
    this.#routes = new ChannelRoutes(
      async (collectionId) => (await registry.listSegments({ collectionId })).channels,
    );
  }

  register<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): void {
    this.#local.set(definition.fullName, anonymous(inProcessClient(definition, handlers as Handlers<D>)));
  }

  asked(role: RoleName): AskedNode {
    return this.#isHere(role) ? { name: `${role} ${this.#serverId}`, silence: '' } : this.#nodes.first(role);
  }

  lookAgain(role: RoleName): void {
    this.#nodes.lookAgain(role);
  }

  onChange(heard: () => void): void {
    this.#nodes.onChange(heard);
  }

  isAway(role: RoleName): boolean {
    const sessions = this.#nodes.sessionsOf(role);
    return sessions !== undefined && !this.#isHere(role) && sessions.nodesOf(role).length === 0;
  }

  #isHere(role: RoleName): boolean {
    return Object.entries(serviceRoles).some(([name, of]) => of === role && this.#local.has(name));
  }

  of(role: RoleName): readonly RoleNode[] {
    const here = this.#isHere(role) ? [{ serverId: this.#serverId, address: undefined, epoch: 1 }] : [];
    const sessions = this.#nodes.sessionsOf(role);
    // Sessions say who is there before anyone was called.
    if (sessions !== undefined) {
      const found = sessions.nodesOf(role).map(({ serverId, address }) => ({ serverId, address, epoch: 1 }));
      return [...here, ...found];
    }
    const remote = this.#nodes
      .remotesOf(role)
      .flatMap(({ lastServerId, address, epoch }) =>
        lastServerId === undefined ? [] : [{ serverId: lastServerId, address, epoch }],
      );
    return [...here, ...remote];
  }

  /** Roles of which no node answers, though one was asked: what health shows. */
  lostRoles(): readonly string[] {
    return this.#nodes.lost();
  }

  /** A client whose every call goes to wherever the role is at that moment. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const role = serviceRoles[definition.fullName];
    const call = (key: string) => (request: never, context?: never) => {
      // In one process there is nothing to choose and nowhere else to go.
      const method = this.#isOfSeveral(role) ? undefined : this.#local.get(definition.fullName)?.[key];
      return method === undefined ? this.#call(definition, key, request, context) : method(request, context);
    };
    return Object.fromEntries(
      Object.keys(definition.methods).map((key) => [key, call(key)]),
    ) as unknown as Client<D>;
  }

  /** With a number where whoever carries the call out keeps a receipt. */
  async #callFound(sessions: Membership, call: FoundCall, context?: CallContext): Promise<unknown> {
    if (againOf(call.definition.fullName, call.key) !== 'receipt')
      return this.#found(sessions, call, () => context, context);
    const open = this.#numbered.begin();
    try {
      return await this.#found(sessions, call, () => open.context(context ?? backgroundContext), context);
    } finally {
      open.end();
    }
  }

  /** Whoever serves it, as the sessions show; waits for one, within the deadline, and goes on to the next when the one that was meant is gone. */
  async #found(
    sessions: Membership,
    { definition, key, request }: FoundCall,
    contextOfTry: () => CallContext | undefined,
    context: CallContext | undefined,
  ): Promise<unknown> {
    const again = againOf(definition.fullName, key);
    const { clock } = this.#platform;
    const deadlineMs = (context?.deadlineMs ?? clock.now() + FOUND_MS_MAX) - ANSWER_MS;
    const meant = context?.metadata[SERVER_ID_HEADER];
    for (;;) {
      if (meant !== undefined) this.#checkPresent(sessions, definition, BigInt(meant));
      const targets = this.#targetsNow(definition);
      let failure: unknown;
      try {
        if (targets.length > 0) return await this.#sent(definition, key, targets, request, contextOfTry());
      } catch (error) {
        const mayGoOn = isUnseen(error) || (again !== 'ends' && isOfGoneProcess(error));
        if (!mayGoOn) throw error;
        failure = error;
      }
      const leftMs = deadlineMs - clock.now();
      // A process that ends hears no more news: nothing would change between two tries, and nothing would part them.
      if (leftMs <= 0 || context?.signal.aborted === true || sessions.isClosed)
        throw atDeadline(failure ?? nobody(definition));
      await sessions.news(Math.min(leftMs, AGAIN_MS), context?.signal);
    }
  }

  /** Whoever names a process wants nobody else, so there is nothing to wait for once it is gone. @throws node_mismatch */
  #checkPresent(sessions: Membership, definition: ServiceDefinition, serverId: bigint): void {
    if (serverId === this.#serverId && this.#local.has(definition.fullName)) return;
    const role = serviceRoles[definition.fullName];
    if (role !== undefined && sessions.nodesOf(role).some((node) => node.serverId === serverId)) return;
    throw new NotSentError(
      'node_mismatch',
      `node not found[node=${serverId}]: no process of ${role} has a session of that id; look its owner up again`,
    );
  }

  #sent(
    definition: ServiceDefinition,
    key: string,
    targets: readonly Target[],
    request: never,
    context: CallContext | undefined,
  ): Promise<unknown> {
    return this.#routed(definition, targets, request, context)
      .then((target) => {
        const method = this.#clientAt(target, definition)[key];
        if (method === undefined)
          throw new ElanusError('unsupported', `${definition.fullName} has no method ${key}`);
        return method(request, context as never);
      })
      .catch((error: unknown) => {
        const vchannel = vchannelOf(request);
        if (vchannel !== undefined && isMisrouted(error)) this.#routes.forget(vchannel);
        throw error;
      });
  }

  #call(definition: ServiceDefinition, key: string, request: never, context?: never): Promise<unknown> {
    const role = serviceRoles[definition.fullName];
    const sessions = role === undefined ? undefined : this.#nodes.sessionsOf(role);
    if (sessions !== undefined) return this.#callFound(sessions, { definition, key, request }, context);
    const invoke = (target: Target): Promise<unknown> => {
      const method = this.#clientAt(target, definition)[key];
      if (method === undefined)
        throw new ElanusError('unsupported', `${definition.fullName} has no method ${key}`);
      return method(request, context);
    };
    const send = (): Promise<unknown> => {
      const targets = this.#targets(definition);
      const [only] = targets;
      if (only !== undefined && targets.length === 1) return invoke(only);
      return this.#sent(definition, key, targets, request, context);
    };
    try {
      const isElsewhere = !this.#local.has(definition.fullName);
      const mayMeetFence = isElsewhere && againOf(definition.fullName, key) === 'same';
      return mayMeetFence ? this.#pastFence(send, context) : send();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The owner of a log that was replaced at its address hears of it when it writes: the one that has the address by then carries the call out. */
  async #pastFence(send: () => Promise<unknown>, context: CallContext | undefined): Promise<unknown> {
    const { clock, timers } = this.#platform;
    const deadlineMs = (context?.deadlineMs ?? clock.now() + FOUND_MS_MAX) - ANSWER_MS;
    for (;;) {
      try {
        return await send();
      } catch (error) {
        const isFenced = error instanceof ElanusError && error.key === 'wal_fenced';
        if (!isFenced) throw error;
        if (clock.now() + AGAIN_MS >= deadlineMs) throw atDeadline(error);
      }
      await timers.sleep(AGAIN_MS, context?.signal);
    }
  }

  /** Whether other processes may run the role, now or when this one has lost its session. */
  #isOfSeveral(role: RoleName | undefined): boolean {
    if (role === undefined) return false;
    return this.#nodes.sessionsOf(role) !== undefined || this.#nodes.remotesOf(role).length > 0;
  }

  /** Everyone who may have the service, this process first. @throws service_not_ready nobody */
  #targets(definition: ServiceDefinition): readonly Target[] {
    const targets = this.#targetsNow(definition);
    if (targets.length > 0) return targets;
    throw nobody(definition);
  }

  #targetsNow(definition: ServiceDefinition): readonly Target[] {
    const role = serviceRoles[definition.fullName];
    const here: Target[] = this.#local.has(definition.fullName) ? [{ kind: 'here' }] : [];
    const remotes = role === undefined ? [] : this.#nodes.remotesOf(role);
    return [...here, ...remotes.map((remote) => ({ kind: 'remote', remote }) as const)];
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

  close(): void {
    this.#nodes.close();
  }
}

function nobody(definition: ServiceDefinition): ElanusError {
  const role = serviceRoles[definition.fullName] ?? definition.fullName;
  return new ElanusError(
    'service_not_ready',
    `${role} does not run in this process, and none is known elsewhere; start it, or pass --peer ${role}=host:port`,
  );
}

/** The channel of a request about one channel. */
function vchannelOf(request: unknown): string | undefined {
  const { vchannel, channel } = Object(request) as { vchannel?: unknown; channel?: { vchannel?: unknown } };
  const name = vchannel ?? channel?.vchannel;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
