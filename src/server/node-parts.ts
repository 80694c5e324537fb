// What the roles of one process share while it starts and runs: who it is, how they reach each other, which of them are ready, and what is
// to be closed at the end.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { providerSettings } from '#platform/providers/provider-settings.js';
import { Providers } from '#platform/providers/providers.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { REQUEST_ID_HEADER, SERVER_ID_HEADER } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import { type Handlers, type ServiceDefinition, wrapped } from '#rpc/service.js';
import { Membership } from '#rpc/sessions/membership.js';
import { wireMethods } from '#rpc/wire-methods.js';
import { MemoryAccount } from '#segment/memory-account.js';
import type { Config } from './config.js';
import type { Health } from './http-endpoints.js';
import { Closers } from './node-stop.js';
import { RoleDirectory, roleOf } from './role-directory.js';
import { MILVUS_VERSION, VERSION } from './version.js';

/** Share of the process's memory, when no bound is set: what is left is for working and for the runtime. */
const MEMORY_SHARE = 0.8;

interface Notices {
  /** The process has to end: others may have taken its place. */
  readonly onLost?: ((reason: string) => void) | undefined;
  /** Another process has the role. */
  readonly onStandBy?: ((role: RoleName) => void) | undefined;
}

export class NodeParts {
  readonly platform: Platform;
  readonly config: Config;
  readonly serverId: bigint;
  readonly memory: MemoryAccount;
  readonly directory: RoleDirectory;
  /** How a role calls the others, wherever they run. */
  readonly peers: RolePeers;
  /** What other processes and tools may call, by path; empty where there is no port for them. */
  readonly internalMethods = new Map<string, MethodHandler>();
  /** The services outside that functions ask. */
  readonly providers: Providers;
  readonly closers = new Closers();
  /** Undefined: this process has its catalog for itself. */
  readonly membership: Membership | undefined;
  readonly #states: Map<RoleName, StateCode>;

  constructor(platform: Platform, config: Config, { onLost = () => {}, onStandBy = () => {} }: Notices = {}) {
    this.platform = platform;
    this.config = config;
    this.serverId = (BigInt(platform.clock.now()) << 20n) | BigInt(platform.random.nextUint32() & 0xfffff);
    const memoryBytes = config.memoryLimitBytes ?? Math.floor(platform.memoryBytes * MEMORY_SHARE);
    this.providers = new Providers(platform, providerSettings(config.functions, config.functionKeys));
    this.memory = new MemoryAccount(memoryBytes, platform.metrics);
    this.membership =
      config.sessions === undefined
        ? undefined
        : new Membership({ platform, serverId: this.serverId, settings: config.sessions, onLost, onStandBy });
    this.directory = new RoleDirectory(platform, config, this.serverId, this.membership);
    this.peers = peersOf(this.directory);
    this.#states = new Map(config.roles.map((role) => [role, StateCode.Initializing]));
    this.#measureRoles();
    if (config.internalPort !== undefined)
      for (const definition of Object.values(roleServices)) this.#refuse(definition);
  }

  /** Until the service is served here: a call may be meant for who had the address before, and has to hear so, not that there is no such call. */
  #refuse(definition: ServiceDefinition): void {
    const before = (context: CallContext): void => {
      this.#checkServerId(context);
      const state = this.stateOf(roleOf(definition) as RoleName);
      if (state !== undefined)
        throw new ElanusError(
          'service_not_ready',
          `${roleOf(definition)} is not ready in this process (state ${state}); try again`,
        );
    };
    for (const [path, handler] of wireMethods(definition, {}, { before }))
      this.internalMethods.set(path, handler);
  }

  #measureRoles(): void {
    this.platform.metrics.collect((gauge) => {
      gauge({
        name: 'milvus_build_info',
        help: 'The release, and that of Milvus whose interface it has.',
        labels: ['version', 'milvus_version'],
      }).set(1, { version: VERSION, milvus_version: MILVUS_VERSION });
      const healthy = gauge({
        name: 'elanus_role_healthy',
        help: 'Roles of this process: 1 serves, 0 starts or stands by.',
        labels: ['role_name'],
      });
      for (const [role_name, state] of this.#states)
        healthy.set(state === StateCode.Healthy ? 1 : 0, { role_name });
    });
  }

  /** Undefined: the role does not run here. */
  stateOf(role: RoleName): StateCode | undefined {
    return this.#states.get(role);
  }

  /**
   * The platform on which a role changes the catalog. Of an exclusive role: once this process is the active one, and for as long.
   * @throws cancelled the process ends while it stands by
   */
  async platformOf(role: RoleName): Promise<Platform> {
    if (this.membership?.isExclusive(role) !== true) return this.platform;
    this.#states.set(role, StateCode.StandBy);
    const metaStore = await this.membership.lead(role);
    this.#states.set(role, StateCode.Initializing);
    return { ...this.platform, metaStore };
  }

  setHealthy(role: RoleName): void {
    this.#states.set(role, StateCode.Healthy);
    this.membership?.serve(role);
  }

  readonly health: Health = {
    reasons: () => [
      ...[...this.#states]
        .filter(([, state]) => state !== StateCode.Healthy)
        .map(([role, state]) => `${role} ${state === StateCode.StandBy ? 'stands by' : 'is starting'}`),
      ...this.directory.lostRoles(),
    ],
  };

  /** Makes a service reachable from this process and, through the internal listener, from others. */
  serve<D extends ServiceDefinition>(definition: D, served: Partial<Handlers<D>>): void {
    const handlers = this.#whileValid(definition, served);
    this.directory.register(definition, handlers);
    if (this.config.internalPort === undefined) return;
    const options = { before: this.#checkServerId, onError: this.#onError };
    for (const [path, handler] of wireMethods(definition, handlers, options))
      this.internalMethods.set(path, handler);
  }

  /** Handlers of an exclusive role first look whether another process may have taken its place. */
  #whileValid<D extends ServiceDefinition>(
    definition: D,
    handlers: Partial<Handlers<D>>,
  ): Partial<Handlers<D>> {
    const { membership } = this;
    const role = roleOf(definition);
    if (membership === undefined || role === undefined || !membership.isExclusive(role)) return handlers;
    return wrapped(handlers, (name, handler) => async (request, context) => {
      membership.check(`${definition.fullName}/${name}`);
      return handler(request, context);
    });
  }

  /** A mistake of ours is an error here, where its stack is; what a caller does wrong is the caller's matter. */
  readonly #onError = (path: string, error: ElanusError, { metadata }: CallContext): void => {
    const { logger } = this.platform;
    const fields = { path, key: error.key, reason: error.message, requestId: metadata[REQUEST_ID_HEADER] };
    const { cause } = error;
    const stack = cause instanceof Error ? cause.stack : error.stack;
    if (error.key === 'internal') logger.error('internal_call_failed', { ...fields, stack });
    else logger.debug('internal_call_refused', fields);
  };

  /** Who had the address before us may have been another process: calls that are meant for it are not ours. */
  readonly #checkServerId = (context: { readonly metadata: Readonly<Record<string, string>> }): void => {
    const meant = context.metadata[SERVER_ID_HEADER];
    if (meant !== undefined && meant !== String(this.serverId)) {
      throw new ElanusError(
        'other_process_meant',
        `node not match[expectedNodeID=${meant}][actualNodeID=${this.serverId}]; resolve the role's address again`,
      );
    }
  };
}

type RolePeers = ReturnType<typeof peersOf>;

const roleServices = {
  rootCoord: RootCoordDefinition,
  definitions: DefinitionsDefinition,
  users: UsersDefinition,
  dataCoord: DataCoordDefinition,
  channelRegistry: ChannelRegistryDefinition,
  streamingNode: StreamingNodeDefinition,
  queryCoord: QueryCoordDefinition,
  queryNode: QueryNodeDefinition,
  dataNode: DataNodeDefinition,
} as const;

const peersOf = (directory: RoleDirectory) => ({
  rootCoord: directory.client(roleServices.rootCoord),
  definitions: directory.client(roleServices.definitions),
  users: directory.client(roleServices.users),
  dataCoord: directory.client(roleServices.dataCoord),
  channelRegistry: directory.client(roleServices.channelRegistry),
  streamingNode: directory.client(roleServices.streamingNode),
  queryCoord: directory.client(roleServices.queryCoord),
  queryNode: directory.client(roleServices.queryNode),
  dataNode: directory.client(roleServices.dataNode),
  nodes: directory,
});
