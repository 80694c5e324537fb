// Binding a TCP server to a port, alone or beside others. Several threads may share a port (`reusePort`), but no two servers ever do: a port
// is shared only after it was had alone, and between the two no other Elanus takes it.
import { type AddressInfo, createServer, type Server } from 'node:net';
import { ElanusError, messageOf } from '#base/errors.js';

export interface Place {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Ports this process has listened on at the operating system's choice. */
const portsGiven = new Set<number>();
const portTriesMax = 20;
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 10;

/**
 * Listens. A port of the operating system's choice is one this process has not had before: clients in the process (tests that open one
 * database after another) share connections by address, and back off from an address that refused them a moment ago.
 * @throws ElanusError refused
 */
export async function bind(tcp: Server, place: Place): Promise<void> {
  await bindOnce(tcp, place);
  if (place.port !== 0) return;
  for (let tries = 1; portsGiven.has(portOf(tcp)) && tries < portTriesMax; tries++) {
    await closed(tcp);
    await bindOnce(tcp, place);
  }
  portsGiven.add(portOf(tcp));
}

/** Listens beside other threads that do the same. @throws ElanusError refused */
export const bindShared = (tcp: Server, place: Place): Promise<void> => bindOnce(tcp, place, true);

export const portOf = (tcp: Server): number => (tcp.address() as AddressInfo).port;

/** Whether two servers of this process may listen on one port: Node 22.12 and newer, on Linux and some BSDs. Found out by trying. */
export async function canSharePorts(host: string): Promise<boolean> {
  const [first, second] = [createServer(), createServer()];
  try {
    await bindOnce(first, { host, port: 0 }, true);
    await bindOnce(second, { host, port: portOf(first) }, true);
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([closed(first), closed(second)]);
  }
}

/**
 * Gives a port to `share`, which binds it with `bindShared` before it returns. A port that anybody listens on is refused as if it were to be
 * had alone.
 * @returns the port
 */
export async function sharePort(place: Place, share: (port: number) => Promise<void>): Promise<number> {
  for (let tries = 1; ; tries++) {
    const unlockFixed = place.port === 0 ? undefined : await lockPort(place.port);
    const alone = createServer((socket) => socket.destroy());
    let unlock: (() => void) | undefined;
    try {
      await bind(alone, place);
      const port = portOf(alone);
      unlock = unlockFixed ?? (await lockPort(port));
      await closed(alone);
      await share(port);
      return port;
    } catch (error) {
      // The operating system may give its port to somebody else before the threads have it; then it has another.
      if (
        place.port !== 0 ||
        tries >= portTriesMax ||
        !(error instanceof ElanusError) ||
        error.key !== 'refused'
      )
        throw error;
    } finally {
      await closed(alone);
      (unlock ?? unlockFixed)?.();
    }
  }
}

/**
 * Keeps other processes that use this function off the port until it is given back. It needs no cleaning up: names like this one (Linux
 * only) belong to a network namespace, as ports do, and end with their process.
 */
async function lockPort(port: number): Promise<() => void> {
  if (process.platform !== 'linux') return () => {};
  const end = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = createServer((socket) => socket.destroy());
    const isMine = await new Promise<boolean>((resolve) => {
      lock.once('error', () => resolve(false));
      lock.listen(`\0elanus-port-${port}`, () => resolve(true));
    });
    if (isMine) return () => void lock.close();
    if (performance.now() > end)
      throw new ElanusError(
        'refused',
        `cannot listen on port ${port}: another process is about to take it: choose another`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
}

function bindOnce(tcp: Server, { host, port }: Place, reusePort = false): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(
        new ElanusError(
          'refused',
          `cannot listen on ${host}:${port}: ${messageOf(error)}: stop what uses the port or choose another`,
          {
            cause: error,
          },
        ),
      );
    };
    const listening = (): void => {
      tcp.off('error', fail);
      tcp.on('error', () => {}); // Accept failures (out of descriptors) must not end the process.
      resolve();
    };
    tcp.once('error', fail);
    if (reusePort) tcp.listen({ host, port, reusePort }, listening);
    else tcp.listen(port, host, listening);
  });
}

const closed = (tcp: Server): Promise<void> =>
  new Promise((resolve) => (tcp.listening ? tcp.close(() => resolve()) : resolve()));
