// One process of Elanus: builds the roles its config names, joins them through the directory, opens the listeners, and closes all in
// reverse. The same function starts the embedded database, the server, one role of a cluster, and a simulated process.
import { ElanusError } from '#base/errors.js';
import { neverAborted, onAbort } from '#base/on-abort.js';
import type { Platform } from '#platform/platform.js';
import { runStopSteps, type StopStep, throwFailures } from '#platform/stop-steps.js';
import type { Listener } from '#platform/transport.js';
import { MetaDefinition, ProcessDefinition } from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import { type ProxyDoors, ProxyNode } from '#roles/proxy/proxy.js';
import type { ProxySettings } from '#roles/proxy/proxy-parts.js';
import { MetaService } from '#rpc/meta/meta-service.js';
import { META_ROLE } from '#rpc/meta/remote-meta-store.js';
import { PROTOCOL_VERSION } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import { LocalCalls, type LocalCallsParts } from '#server/in-process/local-calls.js';
import { restHandler, restPaths } from '#server/rest/rest-handler.js';
import type { Config } from './config.js';
import { healthMethods } from './grpc-health.js';
import { httpHandler } from './http-endpoints.js';
import { NodeParts } from './node-parts.js';
import { type CloseLimits, type CloseOptions, defaultCloseLimits } from './node-stop.js';
import { type BuiltRoles, buildRoles, startRoles } from './role-builders.js';
import type { RoleDirectory } from './role-directory.js';
import { secureRoot } from './root-password.js';
import { MILVUS_VERSION, VERSION } from './version.js';

export interface RunningNode {
  readonly serverId: bigint;
  /** Public listener; undefined when no proxy runs here, or when it does not listen. */
  readonly listener: Listener | undefined;
  /** The public calls for callers in this process; undefined when no proxy runs here. */
  readonly calls: LocalCalls | undefined;
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

export interface StartOptions extends Pick<LocalCallsParts, 'onBusy'> {
  readonly onLost?: (reason: string) => void;
  /** Another process has a role of which one at a time is active. */
  readonly onStandBy?: (role: RoleName) => void;
  /** Ends a start that waits for its turn or for other processes: it throws then. One that is at work goes on to its end. */
  readonly stop?: AbortSignal;
}

const HELD_BYTES_MAX = 1024 * 1024 * 1024;
/** What cutting connections may take beyond the grace. */
const CUT_MS = 500;

export async function startNode(
  platform: Platform,
  config: Config,
  { onBusy, onLost, onStandBy, stop = neverAborted }: StartOptions = {},
): Promise<RunningNode> {
  const parts = new NodeParts(platform, config, { onLost, onStandBy });
  // Who stands by or waits for others does so for as long as it is a member.
  const forget = onAbort(stop, () => void parts.membership?.close());
  try {
    serveHandshake(parts);
    parts.closers.add('the directory of roles', async () => parts.directory.close());
    if (config.servesCatalog) serveCatalog(parts);
    // Where processes find each other by their sessions, the address is known before the roles are there: these may have to stand by.
    const early = config.sessions === undefined ? undefined : await openInternalListener(parts);
    await joinOthers(parts, early);
    const roles = await buildRoles(parts);
    const internalListener = early ?? (await openInternalListener(parts));
    await startRoles(roles);
    const { listener, calls } = await openDoors(parts, onBusy);
    const { serverId, directory } = parts;
    return {
      serverId,
      listener,
      calls,
      internalListener,
      directory,
      close: async ({ flush = false, limits = defaultCloseLimits } = {}) => {
        // First of all, so that builds have the time of what follows to end, and those of segments that are flushed now never begin.
        for (const role of roles.values()) role.stopBuilding?.();
        const steps = [
          ...callSteps([listener, calls], limits),
          ...(flush ? flushSteps(roles, limits) : []),
          ...parts.closers.takeSteps(limits),
        ];
        throwFailures(await runStopSteps(platform.timers, steps));
      },
    };
  } catch (error) {
    await runStopSteps(platform.timers, parts.closers.takeSteps(defaultCloseLimits));
    throw error;
  } finally {
    forget();
  }
}

/** Says to other processes who this one is and whether a role is ready here. Who belongs elsewhere is turned away. */
function serveHandshake(parts: NodeParts): void {
  const { serverId, config } = parts;
  parts.serve(ProcessDefinition, {
    handshake: async ({ role, clusterId, protocolVersion }) => {
      if (clusterId !== '' && clusterId !== config.clusterId)
        throw new ElanusError(
          'cluster_mismatch',
          `this process is of cluster "${config.clusterId}", the caller of "${clusterId}"; check the address and --cluster`,
        );
      // Tools say no version, and only look.
      if (protocolVersion !== 0 && protocolVersion !== PROTOCOL_VERSION)
        throw new ElanusError(
          'unsupported',
          `this process speaks version ${PROTOCOL_VERSION} of the calls between roles, the caller ${protocolVersion}; run one release on all processes`,
        );
      const servesIt = role === META_ROLE && config.servesCatalog;
      const state = servesIt ? StateCode.Healthy : parts.stateOf(role as RoleName);
      if (state !== StateCode.Healthy)
        throw new ElanusError(
          'service_not_ready',
          `${role} is not ready in this process (state ${state ?? 'absent'}); try again`,
        );
      const version = { version: VERSION, protocolVersion: PROTOCOL_VERSION };
      return { serverId, role, stateCode: state, clusterId: config.clusterId, ...version };
    },
  });
}

/** The session is the last thing that goes: whoever takes over finds a process that has ended. */
async function joinOthers(
  { membership, config, closers }: NodeParts,
  listener: Listener | undefined,
): Promise<void> {
  if (membership === undefined) return;
  if (listener === undefined)
    throw new ElanusError(
      'invalid_parameter',
      'a process with sessions has no internal listener, expected a port for other processes; give one: invalid parameter',
    );
  closers.add('the session', () => membership.close());
  await membership.join(`${config.internalHost}:${listener.port}`);
}

function serveCatalog(parts: NodeParts): void {
  const { platform, closers, serverId } = parts;
  const service = new MetaService(platform.metaStore, platform.timers, BigInt.asUintN(64, serverId));
  closers.add('the catalog for others', async () => service.close());
  parts.serve(MetaDefinition, service.handlers);
}

/** For other processes; undefined when the config opens none. */
async function openInternalListener(parts: NodeParts): Promise<Listener | undefined> {
  const { platform, config, internalMethods, closers, health } = parts;
  if (config.internalPort === undefined) return undefined;
  // Processes without a proxy have no other port that says how they are.
  for (const [path, handler] of healthMethods(health)) internalMethods.set(path, handler);
  const listener = await platform.transport.listen({
    host: config.internalHost,
    port: config.internalPort,
    methods: internalMethods,
    http: httpHandler(platform, { health, rest: undefined, restPaths: [] }),
    receiveBytesMax: 256 * 1024 * 1024,
    sendBytesMax: 512 * 1024 * 1024,
  });
  // Its callers are other processes; what they wait for ends with the parts.
  closers.add('the internal listener', ({ partMs }) => listener.close(partMs / 2));
  return listener;
}

/** For clients, last of all: what is served is ready. None where no proxy runs. */
async function openDoors(
  parts: NodeParts,
  onBusy: LocalCallsParts['onBusy'],
): Promise<{ readonly listener?: Listener | undefined; readonly calls?: LocalCalls | undefined }> {
  const { platform, config, serverId, health, peers } = parts;
  if (!config.roles.includes('proxy')) return {};
  await secureRoot(parts);
  const settings = { ...config, serverId, version: VERSION, milvusVersion: MILVUS_VERSION, health };
  const doors = new ProxyNode(platform, settings, peers, parts.providers).doors();
  const { clock, timers } = platform;
  const limits = { ...config, heldBytesMax: heldBytesMaxOf(parts) };
  const calls = new LocalCalls({ calls: doors.calls, limits, clock, timers, onBusy });
  parts.setHealthy('proxy');
  const listener = config.listen ? await openPublicListener(parts, doors, settings) : undefined;
  return { listener, calls };
}

const heldBytesMaxOf = ({ platform, config }: NodeParts): number =>
  config.heldBytesMax ?? Math.min(HELD_BYTES_MAX, Math.floor(platform.memoryBytes / 4));

function openPublicListener(
  parts: NodeParts,
  { grpcMethods, calls, access, gate }: ProxyDoors,
  settings: ProxySettings,
): Promise<Listener> {
  const { platform, config, health } = parts;
  const { clock, logger } = platform;
  const rest = config.rest
    ? restHandler({ calls, access, gate, clock, logger, settings: { ...config, ...settings } })
    : undefined;
  const paths = rest === undefined ? [] : restPaths(config);
  return platform.transport.listen({
    host: config.host,
    port: config.port,
    methods: new Map([...grpcMethods(), ...healthMethods(health)]),
    http: httpHandler(platform, { health, rest, restPaths: paths }),
    httpBodyPaths: paths,
    receiveBytesMax: config.receiveBytesMax,
    sendBytesMax: config.sendBytesMax,
    heldBytesMax: heldBytesMaxOf(parts),
    connectionsMax: config.connectionsMax,
    threads: config.grpcThreads,
    tls: config.tls,
  });
}

function callSteps(
  doors: readonly ({ close(graceMs: number): Promise<void> } | undefined)[],
  { graceMs }: CloseLimits,
): StopStep[] {
  const open = doors.filter((door) => door !== undefined);
  if (open.length === 0) return [];
  const run = async (): Promise<void> => {
    await Promise.all(open.map((door) => door.close(graceMs)));
  };
  return [{ name: 'the end of running calls', withinMs: graceMs + CUT_MS, run }];
}

function flushSteps(roles: BuiltRoles, { flushMs }: CloseLimits): StopStep[] {
  return [...roles.values()].flatMap(({ flush }) =>
    flush === undefined ? [] : [{ name: 'writing rows to files', withinMs: flushMs, run: flush }],
  );
}
