// One process per data folder. On Linux the kernel holds the lock: an abstract socket named by the folder, gone with its process,
// so there is no stale state and no race. The file LOCK says who holds it, and guards other systems and other network namespaces
// (two containers on one volume) by the liveness of the holder.
import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import * as path from 'node:path';
import { ElanusError, messageOf } from '#base/errors.js';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Start of the process in clock ticks after boot; distinguishes a reused pid from the holder. Empty where unknown. */
  readonly started: string;
}

export interface FolderLock {
  release(): Promise<void>;
}

const heldHere = new Set<string>();

/** @throws folder_in_use when another opener, in this process or another, holds the folder; creates the folder when missing */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const real = await makeFolder(folder);
  if (heldHere.has(real)) throw refused(real, `this process (pid ${process.pid})`);
  heldHere.add(real);
  let socket: Server | undefined;
  try {
    socket = process.platform === 'linux' ? await bind(real) : undefined;
    await takeFile(real);
  } catch (error) {
    socket?.close();
    heldHere.delete(real);
    if (error instanceof ElanusError) throw error;
    throw new ElanusError(
      'io_failed',
      `lock of ${real}: ${messageOf(error)}: check the disk, its space and permissions`,
      { cause: error },
    );
  }
  let released = false;
  return {
    async release() {
      if (released) return;
      released = true;
      await fs.rm(path.join(real, 'LOCK'), { force: true });
      await new Promise<void>((done) => (socket === undefined ? done() : socket.close(() => done())));
      heldHere.delete(real);
    },
  };
}

async function makeFolder(folder: string): Promise<string> {
  try {
    await makeWithParents(path.resolve(folder));
    return await fs.realpath(folder);
  } catch (error) {
    const why = `data folder ${JSON.stringify(folder)} cannot be made: ${messageOf(error)}: choose a path that this user may write to`;
    throw new ElanusError('folder_unusable', why, { cause: error });
  }
}

/** Node's own `recursive` never ends where a parent cannot hold folders and says ENOENT, as below /proc. */
async function makeWithParents(folder: string): Promise<void> {
  const isFolder = await fs.stat(folder).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  if (isFolder) return;
  const parent = path.dirname(folder);
  if (parent !== folder) await makeWithParents(parent);
  await fs.mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
    // Another opener may have made it meanwhile.
    if (error.code !== 'EEXIST' || !(await fs.stat(folder)).isDirectory()) throw error;
  });
}

async function bind(real: string): Promise<Server> {
  const { dev, ino } = await fs.stat(real, { bigint: true });
  const server = createServer((peer) => peer.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') {
        reject(
          new ElanusError(
            'io_failed',
            `lock of ${real}: ${error.message}: check the limits of this process`,
            { cause: error },
          ),
        );
        return;
      }
      readHolder(path.join(real, 'LOCK')).then(
        (holder) => reject(refused(real, holder === undefined ? 'another process' : `pid ${holder.pid}`)),
        reject,
      );
    });
    server.listen(`\0elanus-${dev}-${ino}`, () => resolve(server.unref()));
  });
}

async function takeFile(real: string): Promise<void> {
  const file = path.join(real, 'LOCK');
  const staged = path.join(real, `.tmp-LOCK-${process.pid}`);
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? '' };
  try {
    await fs.writeFile(staged, `${JSON.stringify(mine)}\n`);
    for (let attempt = 0; ; attempt++) {
      try {
        await fs.link(staged, file); // Unlike rename, link fails when the name is taken.
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
          throw new ElanusError(
            'io_failed',
            `lock of ${real}: ${messageOf(error)}: check the disk and permissions`,
            { cause: error },
          );
        }
      }
      const holder = await readHolder(file);
      if (holder !== undefined && (attempt >= 5 || isAlive(holder))) {
        const remedy =
          holder.host === hostname()
            ? ''
            : ` on host ${JSON.stringify(holder.host)}; if that host is gone, remove the file LOCK`;
        throw refused(real, `pid ${holder.pid}${remedy}`);
      }
      // Moved aside first, then looked at again: another taker may have put its own file there since we read it, and gets it back.
      // (On Linux the socket keeps takers of one network namespace apart already.)
      const aside = path.join(real, `.tmp-LOCK-stale-${process.pid}-${attempt}`);
      await fs.rename(file, aside).catch(() => {});
      const moved = await readHolder(aside);
      if (moved !== undefined && JSON.stringify(moved) !== JSON.stringify(holder))
        await fs.link(aside, file).catch(() => {});
      await fs.rm(aside, { force: true });
    }
  } finally {
    await fs.rm(staged, { force: true });
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await fs.readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host, started } = value as Partial<Holder>;
    return typeof pid === 'number' && typeof host === 'string' && typeof started === 'string'
      ? { pid, host, started }
      : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true; // Not to be seen from here.
  const started = startOf(holder.pid);
  if (started !== undefined) return started === holder.started;
  try {
    process.kill(holder.pid, 0);
    // Our own pid in a file that this process does not hold is a reused one.
    return holder.pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold blanks; the start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

const refused = (folder: string, by: string): ElanusError =>
  new ElanusError(
    'folder_in_use',
    `data folder ${JSON.stringify(folder)} is in use by ${by}, expected one process per folder: stop it or choose another folder`,
  );
