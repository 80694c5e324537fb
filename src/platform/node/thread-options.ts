// How threads of ours are started: with none of the host's flags, and with the folder in which it keeps what was made of its code.
import * as nodeModule from 'node:module';
import type { WorkerOptions } from 'node:worker_threads';

export function threadOptions(name: string): WorkerOptions {
  const { getCompileCacheDir }: Partial<typeof nodeModule> = nodeModule;
  const kept = getCompileCacheDir?.();
  // A thread looks for it in its environment alone.
  const env = kept === undefined ? undefined : { ...process.env, NODE_COMPILE_CACHE: kept };
  return { name, execArgv: [], ...(env && { env }) };
}
