// The database that `open` of the package gives: a platform and a node that runs every role. Never part of a bundle (open.ts).
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { Client, type ClientOptions } from '#client/client.js';
import type { ClientTransport } from '#client/transport.js';
import { KeepAlive } from '#platform/node/keep-alive.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { systemRandom } from '#platform/node/node-random.js';
import { clientTimers, nodeClock } from '#platform/node/node-time.js';
import type { Platform } from '#platform/platform.js';
import { providerEnvironment, providerSettings } from '#platform/providers/provider-settings.js';
import { type CallerOptions, callerMetadata, LocalTransport } from '#server/in-process/local-transport.js';
import { servePort } from '#server/in-process/port-calls.js';
import {
  addressOf,
  checkHasEffect,
  checkOpenness,
  GRPC_THREADS_MAX,
  isThreadCount,
  PORT_MAX,
} from './command-line.js';
import { type Config, defaultConfig } from './config.js';
import { type RunningNode, startNode } from './node.js';
import { checkRootPassword } from './root-password.js';

export interface OpenOptions extends Partial<Omit<Config, 'roles' | 'peers' | 'functionKeys'>> {
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** With `auth`: a file that gets a JSON line for each change, denied call and failed login; the log has them, from level info on, without. */
  readonly auditFile?: string;
  /**
   * A folder, made when missing, where Node keeps what it makes of the program's code, so that the next start reads ours in half the time. For the
   * whole program, as Node has one such folder (`module.enableCompileCache`): where it has one already, that stays. Nobody else may write to it.
   * Node before 22.8, Bun and Deno keep nothing.
   */
  readonly codeFolder?: string;
}

export interface Elanus {
  /** `127.0.0.1:PORT`, for any Milvus client; empty when the database does not listen. */
  readonly address: string;
  /** 0 when the database does not listen. */
  readonly port: number;
  /** The typed client, `elanus/client`, of this database: over `transport`. */
  client(options?: CallerOptions & ClientOptions): Client;
  /**
   * Calls from this thread, without a socket and without bytes: a request is copied when the call is made, and an answer belongs to the
   * caller. Checks, limits, rights and deadlines are those of every other caller.
   */
  transport(caller?: CallerOptions): ClientTransport;
  /**
   * The same for a worker thread of yours: hand the port over (`worker.postMessage(port, [port])`) and make a client of it there. Arrays move
   * or, in shared memory, stay where they are until they are copied. The port closes with the database, and its calls end with the thread.
   */
  callPort(caller?: CallerOptions): MessagePort;
  /**
   * Ends running calls, writes rows out and closes; the folder can be opened again. Ends within two minutes whatever hangs.
   * @throws ElanusError with the reasons when not all could be done, on a full disk for example; the database is closed all the same, and
   * rows that were acknowledged are read from the log at the next open.
   */
  close(): Promise<void>;
}

/** @throws ElanusError as the package's `open` says, or whatever broke */
export async function openDatabase(folder: string | undefined, options: OpenOptions): Promise<Elanus> {
  const { logLevel, auditFile, codeFolder: _, ...settings } = options;
  checkOptions(folder, settings);
  const { host = defaultConfig.host, auth = false, insecure = false } = settings;
  checkHasEffect(
    { ...defaultConfig, ...settings, auditFile },
    {
      auth: 'auth',
      auditFile: 'auditFile',
      rest: 'rest: false',
      restV1: 'restV1',
      corsOrigins: 'corsOrigins',
    },
  );
  checkOpenness({ host, auth, insecure }, { host: 'host', auth: 'set auth', insecure: 'set insecure' });
  const platform = await openNodePlatform({
    ...(folder === undefined ? {} : { dataFolder: folder }),
    logLevel: logLevel ?? 'warn',
    ...(auditFile === undefined ? {} : { auditFile }),
  });
  const alive = new KeepAlive();
  try {
    const functionKeys = providerEnvironment(process.env);
    const config = Object.freeze({ ...defaultConfig, port: 0, functionKeys, ...settings });
    const node = await alive.during(startNode(platform, config, { onBusy: (isBusy) => alive.hold(isBusy) }));
    return databaseOf(node, () =>
      alive.during(closeBoth(node, platform, folder !== undefined)).finally(() => alive.end()),
    );
  } catch (error) {
    alive.end();
    await platform.close().catch(() => {}); // Why it did not start is the better reason.
    throw error;
  }
}

function databaseOf(node: RunningNode, close: () => Promise<void>): Elanus {
  const { listener } = node;
  const calls = must(node.calls, 'a proxy');
  const ports = new Set<() => void>();
  let closing: Promise<void> | undefined;
  return {
    address: listener === undefined ? '' : addressOf(listener),
    port: listener?.port ?? 0,
    client(options = {}) {
      const transport = new LocalTransport(calls, options);
      return new Client(
        { transport, clock: nodeClock, timers: clientTimers, random: systemRandom() },
        options,
      );
    },
    transport: (caller) => new LocalTransport(calls, caller),
    callPort(caller = {}) {
      const { port1, port2 } = new MessageChannel();
      const closePort = servePort(port1, calls, { metadata: callerMetadata(caller) });
      ports.add(closePort);
      port1.once('close', () => ports.delete(closePort));
      return port2;
    },
    close() {
      closing ??= close().finally(() => {
        for (const closePort of ports) closePort();
      });
      return closing;
    },
  };
}

async function closeBoth(node: RunningNode, platform: Platform, flush: boolean): Promise<void> {
  try {
    await node.close({ flush });
  } finally {
    await platform.close();
  }
}

/** @throws invalid_parameter */
function checkOptions(folder: unknown, settings: Partial<Config>): void {
  if (folder !== undefined && (typeof folder !== 'string' || folder === '' || folder.includes('\0')))
    throw new ElanusError(
      'invalid_parameter',
      'open: the folder is no path, expected a text; leave it out for a database in memory',
    );
  // Programs without types may misspell one.
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(defaultConfig, name));
  if (unknown !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `open: there is no option ${JSON.stringify(unknown)}, expected those of OpenOptions; leave it out`,
    );
  const { grpcThreads, port, tls } = settings;
  checkListen(settings);
  checkRootPassword(settings.rootPassword);
  providerSettings(settings.functions);
  if (tls !== undefined && ![tls.certFile, tls.keyFile, tls.clientCaFile ?? '-'].every(isPath))
    throw new ElanusError(
      'invalid_parameter',
      'tls does not name its files: expected the paths certFile and keyFile, and clientCaFile if clients show certificates',
    );
  if (grpcThreads !== undefined && !isThreadCount(grpcThreads))
    throw new ElanusError(
      'invalid_parameter',
      `grpcThreads is ${grpcThreads}: expected a number from 0 to ${GRPC_THREADS_MAX}`,
    );
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= PORT_MAX))
    throw new ElanusError(
      'invalid_parameter',
      `port is ${port}: expected a number from 0 (any free one) to ${PORT_MAX}`,
    );
}

/** What would say something of a port that is not there. */
const PORT_OPTIONS = [
  'host',
  'port',
  'tls',
  'grpcThreads',
  'rest',
  'restV1',
  'corsOrigins',
  'connectionsMax',
] as const;

/** @throws invalid_parameter */
function checkListen(settings: Partial<Config>): void {
  const { listen } = settings;
  if (listen !== undefined && typeof listen !== 'boolean')
    throw new ElanusError('invalid_parameter', `listen is ${String(listen)}: expected true or false`);
  const said = PORT_OPTIONS.find((name) => settings[name] !== undefined);
  if (listen === false && said !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `${said} is given and listen is false: expected nothing of a port where there is none; leave one of the two out`,
    );
}

const isPath = (path: unknown): boolean => typeof path === 'string' && path !== '' && !path.includes('\0');
