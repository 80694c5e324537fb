#!/usr/bin/env node
// The command line: `elanus serve`. One line on standard output when it is ready; logs go to standard error.
import { readFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { ElanusError, messageOf } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { operationKinds } from '#model/states/explained.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { providerEnvironment } from '#platform/providers/provider-settings.js';
import { RemoteMetaStore } from '#rpc/meta/remote-meta-store.js';
import { type RoleName, roleNames } from '#rpc/role-names.js';
import {
  addressOf,
  checkHasEffect,
  checkOpenness,
  checkSharing,
  checkWays,
  functionsOf,
  parseBytes,
  parseFolder,
  parseOrigin,
  parsePeer,
  parsePort,
  parseRoles,
  parseSessionTtl,
  parseThreads,
  tlsOf,
} from './command-line.js';
import { type Config, defaultConfig } from './config.js';
import { type ExplainOptions, explainText } from './explain-command.js';
import { startNode } from './node.js';
import type { CloseLimits } from './node-stop.js';
import { givenRootPassword, ROOT_PASSWORD_VARIABLE } from './root-password.js';
import { checkRuntime } from './runtime.js';
import { VERSION } from './version.js';

/** Commander names the option and the value; the text says what was expected. */
const option =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
const folder = option(parseFolder);
const origin = option(parseOrigin);
const port = option(parsePort);
const roles = option(parseRoles);
const bytes = option(parseBytes);
const threads = option(parseThreads);
const sessionTtl = option(parseSessionTtl);
const peer = (
  text: string,
  before: Readonly<Partial<Record<RoleName, readonly string[]>>>,
): Partial<Record<RoleName, readonly string[]>> => {
  const { role, address } = option(parsePeer)(text);
  return { ...before, [role]: [...(before[role] ?? []), address] };
};

/** Roles of which one process at a time is active; others that run them stand by. */
const exclusiveRoles: readonly RoleName[] = ['root-coord', 'data-coord', 'query-coord', 'streaming-node'];
/** Exit code of a process whose place others may have taken, as of Milvus's. */
const LOST_CODE = 80;

interface ServeOptions {
  readonly data?: string;
  readonly port: number;
  readonly host: string;
  readonly internalPort?: number;
  readonly role?: RoleName[];
  readonly cluster: string;
  readonly shared: boolean;
  readonly meta?: string;
  readonly sessionTtl: number;
  readonly peer: Partial<Record<RoleName, readonly string[]>>;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly auth: boolean;
  readonly rootPasswordFile?: string;
  readonly auditLog?: string;
  readonly insecure: boolean;
  readonly memoryLimit?: number;
  readonly grpcThreads: number;
  readonly rest: boolean;
  readonly restV1: boolean;
  readonly autoCompaction: boolean;
  readonly corsOrigin: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly functions?: string;
}

async function serve(options: ServeOptions): Promise<void> {
  const stop = new AbortController();
  const starting = start(options, stop.signal);
  // From the beginning: a start may take long, and who stands by waits for its turn for ever.
  stopAtSignals(async () => {
    stop.abort();
    const started = await starting.catch((error: unknown) => {
      process.stderr.write(`elanus: ended before it was ready: ${oneLine(error)}\n`);
      return undefined;
    });
    await started?.close();
  });
  const { line } = await starting.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
    return { line: undefined };
  });
  if (line !== undefined && !stop.signal.aborted) process.stdout.write(line);
}

interface Started {
  /** What it says when it is ready. */
  readonly line: string;
  close(): Promise<void>;
}

async function start(options: ServeOptions, stop: AbortSignal): Promise<Started> {
  const config = configOf(options);
  const local = await openNodePlatform({
    ...(options.data === undefined ? {} : { dataFolder: options.data }),
    isShared: options.meta !== undefined,
    logLevel: options.logLevel,
    ...(options.auditLog === undefined ? {} : { auditFile: options.auditLog }),
  });
  const remote =
    options.meta === undefined ? undefined : new RemoteMetaStore(local, options.meta, options.cluster);
  const platform = remote === undefined ? local : withRemoteCatalog(local, remote);
  // Nothing has begun that the end of a catalog which does not answer could cut off.
  const forget = onAbort(stop, () => {
    if (remote?.isAnswering === false) remote.close();
  });
  const onLost = (reason: string): void => {
    process.stderr.write(`elanus: ${reason}; stopped at once, start it again\n`);
    process.exit(LOST_CODE);
  };
  const onStandBy = (role: RoleName): void =>
    say(`stands by for ${role}, which another process has; takes over when that one has ended`);
  const node = await startNode(platform, config, { onLost, onStandBy, stop })
    .catch(async (error: unknown) => {
      await platform.close().catch(() => {}); // Why it did not start is the better reason.
      throw error;
    })
    .finally(forget);
  const parts = [
    node.listener && `on ${addressOf(node.listener)}`,
    node.internalListener && `internal 127.0.0.1:${node.internalListener.port}`,
    options.data === undefined ? 'in memory' : `data ${options.data}`,
  ];
  return {
    line: `elanus ${VERSION} ready ${parts.filter((part) => part !== undefined).join(', ')}\n`,
    close: () =>
      node.close({ flush: options.data !== undefined, limits: stopLimits }).finally(() => platform.close()),
  };
}

/** @throws ElanusError for options that do not go together, and for files that cannot be read */
function configOf(options: ServeOptions): Config {
  checkRuntime(process.versions);
  checkOpenness(options, {
    host: '--host',
    auth: 'add --auth',
    insecure: 'add --insecure',
  });
  const tls = tlsOf(options);
  const functions = functionsOf(options.functions, (file) => readFileSync(file, 'utf8'));
  const rootPassword = takeRootPassword(options);
  checkSharing(options);
  checkWays(options);
  checkHasEffect(
    { ...options, auditFile: options.auditLog, corsOrigins: options.corsOrigin },
    {
      auth: '--auth',
      auditFile: '--audit-log',
      rest: '--no-rest',
      restV1: '--rest-v1',
      corsOrigins: '--cors-origin',
    },
  );
  const isShared = options.shared || options.meta !== undefined;
  return Object.freeze({
    ...defaultConfig,
    port: options.port,
    host: options.host,
    auth: options.auth,
    insecure: options.insecure,
    rootPassword,
    tls,
    functions,
    functionKeys: providerEnvironment(process.env),
    internalPort: options.internalPort ?? (isShared ? 0 : undefined),
    servesCatalog: options.shared,
    sessions: isShared ? { ttlMs: options.sessionTtl, exclusiveRoles } : undefined,
    roles: options.role ?? roleNames,
    clusterId: options.cluster,
    peers: options.peer,
    memoryLimitBytes: options.memoryLimit,
    grpcThreads: options.grpcThreads,
    rest: options.rest,
    restV1: options.restV1,
    autoCompaction: options.autoCompaction,
    corsOrigins: options.corsOrigin,
  });
}

/** The same platform on the catalog of another process. */
function withRemoteCatalog(platform: Platform, metaStore: RemoteMetaStore): Platform {
  const close = (): Promise<void> => {
    metaStore.close();
    return platform.close();
  };
  return { ...platform, metaStore, close };
}

/** Threads and what the process starts get no copy of it. */
function takeRootPassword({ rootPasswordFile }: ServeOptions): string | undefined {
  const variable = process.env[ROOT_PASSWORD_VARIABLE];
  delete process.env[ROOT_PASSWORD_VARIABLE];
  return givenRootPassword(rootPasswordFile, variable, (file) => readFileSync(file, 'utf8'));
}

/**
 * Supervisors kill after 10 s; what is not in files by then is read from the log at the next start. One part may be late, as where others have the
 * processor; with two that hang the end comes from outside.
 */
const stopLimits: CloseLimits = { graceMs: 1500, flushMs: 3500, partMs: 1200 };
const STOP_MS_MAX = 7500;

function stopAtSignals(close: () => Promise<void>): void {
  const fromLog = 'rows that are not in files are read from the log at the next start';
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      say(`${signal} again: stopped at once; ${fromLog}`);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    isStopping = true;
    setTimeout(() => {
      say(`not closed within ${STOP_MS_MAX} ms: stopped all the same; ${fromLog}`);
      process.exit(0);
    }, STOP_MS_MAX);
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        // Out of time is no failure: what was acknowledged is in the log.
        if (
          !(error instanceof ElanusError) ||
          (error.key !== 'deadline_exceeded' && error.key !== 'cancelled')
        )
          fail(error);
        say(`${oneLine(error)}; ${fromLog}`);
        process.exit(0);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

const say = (text: string): void => void process.stderr.write(`elanus: ${text}\n`);
const oneLine = (error: unknown): string => messageOf(error).replaceAll(/\s*\n\s*/g, ' ');

function fail(error: unknown): never {
  process.stderr.write(`elanus: ${oneLine(error)}\n`);
  process.exit(1);
}

process.on('unhandledRejection', (error) =>
  process.stderr.write(
    `elanus: unhandled rejection: ${error instanceof Error ? error.stack : String(error)}\n`,
  ),
);

const program = new Command('elanus')
  .description('A vector database that speaks the Milvus API: point any Milvus client at it.')
  .version(VERSION);
program
  .command('serve')
  .description('Start a server and keep it running until SIGTERM or Ctrl-C.')
  .option(
    '--data <folder>',
    'folder for the data, made when missing (default: in memory, gone at exit)',
    folder,
  )
  .option('--port <port>', 'port for gRPC and HTTP together', port, defaultConfig.port)
  .option('--host <address>', 'address to listen on', defaultConfig.host)
  .option('--internal-port <port>', 'also open the gRPC services of the roles, on loopback only', port)
  .option('--role <roles>', `run only these roles, joined by commas: ${roleNames.join(', ')}`, roles)
  .option('--cluster <name>', 'name of the cluster, the same for all its processes', defaultConfig.clusterId)
  .option('--shared', 'share the data folder and its catalog with other processes of this machine', false)
  .option('--meta <host:port>', 'internal port of the process that runs with --shared; --data is its folder')
  .option(
    '--session-ttl <ms>',
    'with --shared or --meta: how long a process that is silent counts as alive',
    sessionTtl,
    5000,
  )
  .option(
    '--peer <role=host:port>',
    'where a role that runs elsewhere has its internal port (repeatable)',
    peer,
    {},
  )
  .addOption(
    new Option('--log-level <level>', 'what to log, as JSON lines on standard error')
      .choices(['debug', 'info', 'warn', 'error'])
      .default('warn'),
  )
  .option(
    '--memory-limit <size>',
    'memory for all collections, such as 512M or 4G (default: 80 % of the machine or container)',
    bytes,
  )
  .option(
    '--grpc-threads <count>',
    'threads that speak gRPC beside the main thread, 0 to 16',
    threads,
    defaultConfig.grpcThreads,
  )
  .option('--no-rest', 'serve gRPC only, without REST')
  .option('--rest-v1', 'serve REST v1 (/v1/vector/…) beside v2', defaultConfig.restV1)
  .option('--no-auto-compaction', 'compact only what clients ask for')
  .option(
    '--cors-origin <origin>',
    'web pages that may call REST, such as https://app.example, or * (repeatable)',
    (text: string, before: readonly string[]) => [...before, origin(text)],
    [],
  )
  .option('--auth', 'let in only users with their passwords, and let them do what they were granted', false)
  .option(
    '--root-password-file <file>',
    `what root gets while it has the password of a new database (or the variable ${ROOT_PASSWORD_VARIABLE})`,
  )
  .option(
    '--audit-log <file>',
    'with --auth: where to append who did what, as JSON lines (default: the log, level info)',
  )
  .option(
    '--insecure',
    'allow a --host that others can reach, without --auth or with the known password of root',
    false,
  )
  .option(
    '--tls-cert <file>',
    'PEM certificate of the server: the port then speaks TLS; looked at again while running',
  )
  .option('--tls-key <file>', 'PEM key of that certificate')
  .option(
    '--tls-client-ca <file>',
    'PEM certificates of authorities: clients must show a certificate that one signed',
  )
  .option(
    '--functions <file>',
    'JSON with keys, addresses and models of the services that functions ask (docs/functions.md)',
  )
  .addHelpText(
    'after',
    '\nExamples:\n  elanus serve --data ./data\n  elanus serve --port 0          any free port; the ready line shows it\n',
  )
  .action((options: ServeOptions) => serve(options).catch(fail));
program
  .command('explain')
  .description('Show what operations of a running server wait for, and since when.')
  .addArgument(new Argument('[kind]', 'of which kind (default: all)').choices(operationKinds))
  .option('--collection <name>', 'of this collection (default: all of the database)')
  .option('--database <name>', 'the database (default: default)')
  .option(
    '--address <host:port>',
    'public port of the server; https://host:port where it speaks TLS',
    `127.0.0.1:${defaultConfig.port}`,
  )
  .addOption(new Option('--token <user:password>', 'with --auth: who asks').env('ELANUS_TOKEN'))
  .action((kind: string | undefined, options: ExplainOptions) =>
    explainText(kind === undefined ? [] : [kind], options).then(
      (text) => void process.stdout.write(text),
      fail,
    ),
  );
program.parseAsync().catch(fail);
