// The library: a Milvus server inside this process. Any Milvus client connects to its address.
import { ElanusError, toElanusError } from '#base/errors.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { GRPC_THREADS_MAX, isThreadCount, PORT_MAX } from './command-line.js';
import { type Config, defaultConfig } from './config.js';
import { type RunningNode, startNode } from './node.js';

export { ElanusError, type ErrorKey } from '#base/errors.js';

export interface OpenOptions extends Partial<Omit<Config, 'roles' | 'peers'>> {
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
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

/**
 * Opens a database in this process.
 * @param folder where the data lives, made when missing; none: in memory only, gone with `close`.
 * @throws ElanusError, always: `code` is `folder_in_use` when another process, or an earlier `open`, has the folder; `folder_unusable` when
 * it is a file, holds what is not Elanus's, is of a newer version, or cannot be made, read and written (it is left as it is);
 * `invalid_parameter` for a wrong option; `refused` when the port is taken; `io_failed` and `data_corrupt` for disks and what is on them.
 */
export async function open(folder?: string, options: OpenOptions = {}): Promise<Elanus> {
  try {
    return await openChecked(folder, options);
  } catch (error) {
    throw toElanusError(error, 'open');
  }
}

async function openChecked(folder: string | undefined, options: OpenOptions): Promise<Elanus> {
  const { logLevel, ...settings } = options;
  checkOptions(folder, settings);
  const platform = await openNodePlatform({
    ...(folder === undefined ? {} : { dataFolder: folder }),
    logLevel: logLevel ?? 'warn',
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
  const { grpcThreads, port } = settings;
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
