// The library: a Milvus server inside this process. Any Milvus client connects to its address.
import { ElanusError } from '#base/errors.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { GRPC_THREADS_MAX, isThreadCount } from './command-line.js';
import { type Config, defaultConfig } from './config.js';
import { startNode } from './node.js';

export interface OpenOptions extends Partial<Omit<Config, 'roles' | 'peers'>> {
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}
export interface Elanus {
  /** `127.0.0.1:PORT`, for any Milvus client. */
  readonly address: string;
  readonly port: number;
  /** Ends running calls, writes rows out and closes; the folder can be opened again. */
  close(): Promise<void>;
}
/**
 * Opens a database in this process.
 * @param folder where the data lives, made when missing; none: in memory only, gone with `close`.
 * @throws ElanusError `refused` when another process, or an earlier `open`, has the folder; `invalid_parameter` for a wrong option.
 */
export async function open(folder?: string, options: OpenOptions = {}): Promise<Elanus> {
  const { logLevel, ...settings } = options;
  if (settings.grpcThreads !== undefined && !isThreadCount(settings.grpcThreads))
    throw new ElanusError('invalid_parameter', `grpcThreads is ${settings.grpcThreads}: expected a number from 0 to ${GRPC_THREADS_MAX}`);
  const platform = await openNodePlatform({ ...(folder === undefined ? {} : { dataFolder: folder }), logLevel: logLevel ?? 'warn' });
  try {
    const node = await startNode(platform, Object.freeze({ ...defaultConfig, port: 0, ...settings }));
    const port = node.listener?.port ?? 0;
    let closing: Promise<void> | undefined;
    return {
      address: `${node.listener?.host}:${port}`,
      port,
      close() {
        closing ??= node.close({ flush: folder !== undefined }).finally(() => platform.close());
        return closing;
      },
    };
  } catch (error) {
    await platform.close();
    throw error;
  }
}
