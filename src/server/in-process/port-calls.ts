// The database's end of a port: calls of a client in a worker thread of the host. They are the calls of `local-calls.ts`; bytes that moved
// here with their message belong to it already.
import { ElanusError, toElanusError } from '#base/errors.js';
import { type FromDatabase, movable, type Port, type ToDatabase } from '#client/port-messages.js';
import type { LocalCalls } from './local-calls.js';
import type { Caller } from './running-call.js';

/** Serves a port until its other end, or the thread that has it, is gone. @returns what closes it from here */
export function servePort(port: Port, calls: LocalCalls, caller: Caller): () => void {
  const running = new Map<number, AbortController>();
  const run = async (message: ToDatabase & { readonly kind: 'call' }): Promise<void> => {
    const { id, method, request, deadlineMs } = message;
    const abort = new AbortController();
    running.set(id, abort);
    try {
      const options = { signal: abort.signal, deadlineMs };
      const answer = await calls.call({ caller, method, request, isMoved: true, options });
      post(port, { kind: 'answer', id, answer }, movable(answer));
    } catch (error) {
      const { key, message } = toElanusError(error, method);
      post(port, { kind: 'failure', id, key, message });
    } finally {
      running.delete(id);
    }
  };
  port.on('message', (sent) => {
    // Whoever has the port can post anything, and what is thrown here ends the process of the host.
    const message = sent as Partial<ToDatabase> | null | undefined;
    if (message?.kind === 'call') void run(message as ToDatabase & { readonly kind: 'call' });
    else if (message?.kind === 'give up') running.get(message.id ?? -1)?.abort();
  });
  port.on('close', () => calls.endCallsOf(caller));
  port.unref(); // The thread at the other end keeps the process alive, and calls that run do.
  return () => port.close();
}

/** To a port that has closed nothing is said: nobody waits there. */
function post(port: Port, message: FromDatabase, moved: ArrayBuffer[] = []): void {
  try {
    port.postMessage(message, moved);
  } catch (error) {
    if (message.kind === 'failure') throw error; // Texts can always be sent.
    const { key, message: text } = new ElanusError('internal', `the answer cannot be sent: ${String(error)}`);
    post(port, { kind: 'failure', id: message.id, key, message: text });
  }
}
