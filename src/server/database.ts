// The database that `open` of the package gives: a platform and a node that runs every role. Never part of a bundle (open.ts).
import { ElanusError } from '#base/errors.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { checkOpenness, GRPC_THREADS_MAX, isThreadCount, PORT_MAX } from './command-line.js';
import { type Config, defaultConfig } from './config.js';
import { type RunningNode, startNode } from './node.js';
import { checkRootPassword } from './root-password.js';

export interface OpenOptions extends Partial<Omit<Config, 'roles' | 'peers'>> {
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** With `auth`: a file that gets a JSON line for each change, denied call and failed login; the log has them, from level info on, without. */
  readonly auditFile?: string;
}

export interface Elanus {
  /** `127.0.0.1:PORT`, for any Milvus client. */
  readonly address: string;
  readonly port: number;
  /**
   * Ends running calls, writes rows out and closes; the folder can be opened again. Ends within two minutes whatever hangs.
   * @throws ElanusError with the reasons when not all could be done, on a full disk for example; the database is closed all the same, and
   * rows that were acknowledged are read from the log at the next open.
   */
  close(): Promise<void>;
}

/** @throws ElanusError as the package's `open` says, or whatever broke */
export async function openDatabase(folder: string | undefined, options: OpenOptions): Promise<Elanus> {
  const { logLevel, auditFile, ...settings } = options;
  checkOptions(folder, settings);
  const { host = defaultConfig.host, auth = false, insecure = false } = settings;
  checkOpenness({ host, auth, insecure }, { host: 'host', auth: 'set auth', insecure: 'set insecure' });
  const platform = await openNodePlatform({
    ...(folder === undefined ? {} : { dataFolder: folder }),
    logLevel: logLevel ?? 'warn',
    ...(auditFile === undefined ? {} : { auditFile }),
  });
  try {
    const node = await startNode(platform, Object.freeze({ ...defaultConfig, port: 0, ...settings }));
    const port = node.listener?.port ?? 0;
    let closing: Promise<void> | undefined;
    return {
      address: `${node.listener?.host}:${port}`,
      port,
      close() {
        closing ??= closeBoth(node, platform, folder !== undefined);
        return closing;
      },
    };
  } catch (error) {
    await platform.close().catch(() => {}); // Why it did not start is the better reason.
    throw error;
  }
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
  const { grpcThreads, port, tls } = settings;
  checkRootPassword(settings.rootPassword);
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

const isPath = (path: unknown): boolean => typeof path === 'string' && path !== '' && !path.includes('\0');
