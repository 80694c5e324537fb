// One process of Elanus: builds the roles its config names, joins them through the directory, opens the listeners, and closes all in
// reverse. The same function starts the embedded database, the server, one role of a cluster, and a simulated process.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { runStopSteps, type StopStep, throwFailures } from '#platform/stop-steps.js';
import type { Listener, MethodHandler } from '#platform/transport.js';
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  ProcessDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { DataCoord } from '#roles/data-coord/data-coord.js';
import { DataNode } from '#roles/data-node/data-node.js';
import { ProxyNode } from '#roles/proxy/proxy.js';
import { QueryCoord } from '#roles/query-coord/query-coord.js';
import { QueryNode } from '#roles/query-node/query-node.js';
import { RootCoord } from '#roles/root-coord/root-coord.js';
import { StreamingNode } from '#roles/streaming-node/streaming-node.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import type { Handlers, ServiceDefinition } from '#rpc/service.js';
import { wireMethods } from '#rpc/wire-methods.js';
import { MemoryAccount } from '#segment/memory-account.js';
import type { Config } from './config.js';
import { type Health, httpHandler } from './http-endpoints.js';
import { RoleDirectory } from './role-directory.js';
import { MILVUS_VERSION, VERSION } from './version.js';

export interface RunningNode {
  readonly serverId: bigint;
  /** Public listener; undefined when no proxy runs here. */
  readonly listener: Listener | undefined;
  readonly internalListener: Listener | undefined;
  /** The roles' services as this process reaches them. */
  readonly directory: RoleDirectory;
  /**
   * Clean stop: no new calls, running ones end, rows are written to files when `flush`, then everything closes. Ends within the limits
   * whatever hangs or fails.
   * @throws ElanusError with the reasons, after everything was closed all the same
   */
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseLimits {
  /** For running calls to end by themselves, in ms; then they are aborted. */
  readonly graceMs: number;
  /** For rows to be written to files, in ms; what is not written is read from the log at the next open. */
  readonly flushMs: number;
  /** For each part to close, in ms of the wall clock: where others have the processor, a part that does little takes long. */
  readonly partMs: number;
}

export interface CloseOptions {
  readonly flush?: boolean;
  readonly limits?: CloseLimits;
}

interface Closer {
  readonly name: string;
  readonly run: (limits: CloseLimits) => Promise<void>;
  readonly waitsFor?: StopStep['waitsFor'];
}

/** Of a library's close: nobody waits with a hard end, and rows in files make the next open faster. */
const defaultCloseLimits: CloseLimits = { graceMs: 5000, flushMs: 30_000, partMs: 10_000 };
const HELD_BYTES_MAX = 1024 * 1024 * 1024;
/** What cutting connections may take beyond the grace. */
const CUT_MS = 500;
/** Of the process's memory, when no bound is set: what is left is for working and for the runtime. */
const MEMORY_SHARE = 0.8;

export async function startNode(platform: Platform, config: Config): Promise<RunningNode> {
  const serverId = (BigInt(platform.clock.now()) << 20n) | BigInt(platform.random.nextUint32() & 0xfffff);
  const memory = new MemoryAccount(
    config.memoryLimitBytes ?? Math.floor(platform.memoryBytes * MEMORY_SHARE),
    platform.metrics,
  );
  const directory = new RoleDirectory(platform, config.peers, serverId);
  const internal = new Map<string, MethodHandler>();
  const states = new Map<RoleName, number>();
  const closers: Closer[] = [];
  const atClose = (name: string, run: Closer['run'], waitsFor?: Closer['waitsFor']): void =>
    void closers.push({ name, run, waitsFor });
  const runs = (role: RoleName): boolean => config.roles.includes(role);
  const health: Health = {
    reasons: () =>
      [...states].filter(([, state]) => state !== StateCode.Healthy).map(([role]) => `${role} is starting`),
  };
  const checkServerId = (context: { readonly metadata: Readonly<Record<string, string>> }): void => {
    const meant = context.metadata[SERVER_ID_HEADER];
    if (meant !== undefined && meant !== String(serverId)) {
      throw new ElanusError(
        'node_mismatch',
        `node not match[expectedNodeID=${meant}][actualNodeID=${serverId}]; resolve the role's address again`,
      );
    }
  };
  function serve<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): void {
    directory.register(definition, handlers);
    for (const [path, handler] of wireMethods(definition, handlers, { before: checkServerId }))
      internal.set(path, handler);
  }
  /** In reverse of the order in which they were opened. */
  const closeSteps = (limits: CloseLimits): StopStep[] =>
    closers
      .splice(0)
      .reverse()
      .map(({ name, run, waitsFor }) => ({
        name,
        withinMs: limits.partMs,
        run: () => run(limits),
        waitsFor,
      }));
  try {
    for (const role of config.roles) states.set(role, StateCode.Initializing);
    serve(ProcessDefinition, {
      handshake: async ({ role }) => {
        const state = states.get(role as RoleName);
        if (state !== StateCode.Healthy)
          throw new ElanusError(
            'service_not_ready',
            `${role} is not ready in this process (state ${state ?? 'absent'}); try again`,
          );
        return { serverId, role, stateCode: state, version: VERSION };
      },
    });
    atClose('the directory of roles', async () => directory.close());
    const peers = {
      rootCoord: directory.client(RootCoordDefinition),
      definitions: directory.client(DefinitionsDefinition),
      dataCoord: directory.client(DataCoordDefinition),
      channelRegistry: directory.client(ChannelRegistryDefinition),
      streamingNode: directory.client(StreamingNodeDefinition),
      queryCoord: directory.client(QueryCoordDefinition),
      queryNode: directory.client(QueryNodeDefinition),
      dataNode: directory.client(DataNodeDefinition),
      nodes: directory,
    };
    // Built in the order of need; each is healthy once its own start is over. What a role needs from another it waits for, with a deadline.
    let internalListener: Listener | undefined;
    const starts: (() => Promise<void>)[] = [];
    // Last: it finishes interrupted drops, which waits for other roles; theirs must not wait for it.
    let finish: (() => Promise<void>) | undefined;
    let streamingNode: StreamingNode | undefined;
    let stopBuilding = (): void => {};
    if (runs('root-coord')) {
      const settings = { ...config, serverId };
      const rootCoord = await RootCoord.open(platform, settings, peers);
      rootCoord.setDataCoord(peers.dataCoord);
      serve(RootCoordDefinition, rootCoord.rootCoordHandlers);
      serve(DefinitionsDefinition, rootCoord.definitionHandlers);
      states.set('root-coord', StateCode.Healthy);
      finish = () => rootCoord.start();
      stopBuilding = () => rootCoord.stopBuilding();
      atClose(
        'root-coord',
        () => rootCoord.close(),
        () => rootCoord.underWay,
      );
    }
    if (runs('data-coord')) {
      const dataCoord = await DataCoord.open(platform, { serverId }, peers);
      serve(DataCoordDefinition, dataCoord.dataCoordHandlers);
      serve(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers);
      states.set('data-coord', StateCode.Healthy);
      starts.push(async () => dataCoord.start());
      atClose('data-coord', () => dataCoord.close());
    }
    if (runs('query-node')) {
      const queryNode = new QueryNode(platform, memory, config);
      serve(QueryNodeDefinition, queryNode.handlers);
      states.set('query-node', StateCode.Healthy);
      atClose('query-node', () => queryNode.close());
    }
    if (runs('data-node')) {
      serve(DataNodeDefinition, new DataNode(platform, peers).handlers);
      states.set('data-node', StateCode.Healthy);
    }
    if (runs('streaming-node')) {
      const node = new StreamingNode(platform, { ...config, serverId }, peers, memory);
      streamingNode = node;
      serve(StreamingNodeDefinition, node.handlers);
      atClose('streaming-node', () => node.close());
      starts.unshift(async () => {
        await node.start();
        states.set('streaming-node', StateCode.Healthy);
      });
    }
    if (runs('query-coord')) {
      const queryCoord = new QueryCoord(platform, config, peers);
      serve(QueryCoordDefinition, queryCoord.handlers);
      states.set('query-coord', StateCode.Healthy);
      starts.push(() => queryCoord.start());
      atClose('query-coord', () => queryCoord.close());
    }
    if (config.internalPort !== undefined) {
      internalListener = await platform.transport.listen({
        host: config.internalHost,
        port: config.internalPort,
        methods: internal,
        receiveBytesMax: 256 * 1024 * 1024,
        sendBytesMax: 512 * 1024 * 1024,
      });
      const opened = internalListener;
      // Its callers are other processes; what they wait for ends with the parts.
      atClose('the internal listener', ({ partMs }) => opened.close(partMs / 2));
    }
    for (const start of starts) await start();
    await finish?.();
    let listener: Listener | undefined;
    if (runs('proxy')) {
      const proxy = new ProxyNode(
        platform,
        { ...config, serverId, version: VERSION, milvusVersion: MILVUS_VERSION, health },
        peers,
      );
      states.set('proxy', StateCode.Healthy);
      listener = await platform.transport.listen({
        host: config.host,
        port: config.port,
        methods: proxy.methods(),
        http: httpHandler(platform, health, () => memory.publish()),
        receiveBytesMax: config.receiveBytesMax,
        sendBytesMax: config.sendBytesMax,
        heldBytesMax: config.heldBytesMax ?? Math.min(HELD_BYTES_MAX, Math.floor(platform.memoryBytes / 4)),
        threads: config.grpcThreads,
      });
    }
    return {
      serverId,
      listener,
      internalListener,
      directory,
      async close({ flush = false, limits = defaultCloseLimits } = {}) {
        const { graceMs, flushMs } = limits;
        // First of all, so that builds have the time of what follows to end, and those of segments that are flushed now never begin.
        stopBuilding();
        const steps: StopStep[] = [];
        if (listener !== undefined) {
          steps.push({
            name: 'the end of running calls',
            withinMs: graceMs + CUT_MS,
            run: () => listener.close(graceMs),
          });
        }
        if (flush && streamingNode !== undefined) {
          const node = streamingNode;
          steps.push({
            name: 'writing rows to files',
            withinMs: flushMs,
            run: (signal) => node.flushAll(signal),
          });
        }
        throwFailures(await runStopSteps(platform.timers, [...steps, ...closeSteps(limits)]));
      },
    };
  } catch (error) {
    await runStopSteps(platform.timers, closeSteps(defaultCloseLimits));
    throw error;
  }
}
