// Roles in processes of their own, started by the program as users start it, on one folder and one catalog.
import { type Process, runElanus } from './server-process.js';
import { tempFolder } from './support.js';

export const TTL_MS = 1500;

/** A process of a cluster. `ready`: its line, once it serves; who stands by has none until it takes over. */
export type Member = Process & { readonly ready: Promise<string> };

export interface Cluster {
  readonly folder: string;
  /** The process that has the folder and serves the catalog. */
  readonly store: Member;
  start(roles: string, ...more: readonly string[]): Member;
  close(): Promise<void>;
}

/** The internal address in the line of a process that is ready. */
export const internalOf = (line: string): string => /internal (127\.0\.0\.1:\d+)/.exec(line)?.[1] ?? '';
/** The address for clients in the line of a proxy that is ready. */
export const publicOf = (line: string): string => /on (127\.0\.0\.1:\d+)/.exec(line)?.[1] ?? '';

/** @param storeRoles roles of the process that serves the catalog */
export async function openCluster(storeRoles: string, ...options: readonly string[]): Promise<Cluster> {
  const folder = await tempFolder();
  const processes = new Set<Process>();
  const run = (...args: readonly string[]): Member => {
    const member = runElanus(
      ...['serve', '--data', folder.path, '--port', '0', '--internal-port', '0', '--log-level', 'info'],
      ...['--session-ttl', String(TTL_MS), ...options, ...args],
    );
    processes.add(member);
    return member;
  };
  const store = run('--shared', '--role', storeRoles);
  const meta = internalOf(await store.ready);
  return {
    folder: folder.path,
    store,
    start: (roles, ...more) => run('--meta', meta, '--role', roles, ...more),
    async close() {
      for (const member of processes) {
        member.kill('SIGCONT');
        member.kill('SIGKILL');
      }
      await Promise.all([...processes].map(({ ended }) => ended));
      await folder.remove();
    },
  };
}
