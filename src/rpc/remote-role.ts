// The way to a role in another process: an address, a handshake that proves who answers there and that it is healthy, and calls that
// carry the server id they mean. Readiness is the peer's answer, not an object that exists; every wait has a deadline.
import { ElanusError, messageOf } from '#base/errors.js';
import { nextFloat } from '#base/random.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext, Connection } from '#platform/transport.js';
import { ProcessDefinition } from '#proto/elanus/roles.js';
import { remoteClient } from './service.js';

export const SERVER_ID_HEADER = 'elanus-server-id';
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 3000;
const HANDSHAKE_MS_MAX = 2000;
/** For calls that bring no deadline of their own, in ms. */
const DEADLINE_MS_DEFAULT = 60_000;

export class RemoteRole {
  readonly #platform: Platform;
  readonly #role: string;
  readonly #connection: Connection;
  readonly #address: string;
  #serverId: bigint | undefined;
  #handshake: Promise<void> | undefined;
  #backoffMs = BACKOFF_MS_MIN;

  constructor(platform: Platform, role: string, address: string) {
    this.#platform = platform;
    this.#role = role;
    this.#address = address;
    this.#connection = platform.transport.connect(address);
  }
  close(): void {
    this.#connection.close();
  }
  /** `ready` after a handshake, until a call fails. */
  get state(): 'ready' | 'connecting' {
    return this.#serverId === undefined ? 'connecting' : 'ready';
  }
  readonly call = async (path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> => {
    const deadlineMs = context.deadlineMs ?? this.#platform.clock.now() + DEADLINE_MS_DEFAULT;
    const serverId = await this.#ready({ ...context, deadlineMs });
    try {
      return await this.#connection.call(path, request, {
        ...context,
        deadlineMs,
        metadata: { ...context.metadata, [SERVER_ID_HEADER]: String(serverId) },
      });
    } catch (error) {
      // The peer is gone, or somebody else answers at its address: shake hands again before the next call.
      if (error instanceof ElanusError && (error.key === 'service_unavailable' || error.key === 'node_mismatch'))
        this.#serverId = undefined;
      throw error;
    }
  };
  async #ready(context: CallContext & { readonly deadlineMs: number }): Promise<bigint> {
    let lastReason = 'no handshake yet';
    while (this.#serverId === undefined) {
      if (context.signal.aborted)
        throw new ElanusError('cancelled', `call to ${this.#role} at ${this.#address} was cancelled while it waited for the peer`);
      const leftMs = context.deadlineMs - this.#platform.clock.now();
      if (leftMs <= 0)
        throw new ElanusError(
          'service_unavailable',
          `${this.#role} at ${this.#address} was not ready before the deadline (${lastReason}); is it running?`,
        );
      this.#handshake ??= this.#shakeHands(Math.min(leftMs, HANDSHAKE_MS_MAX)).finally(() => {
        this.#handshake = undefined;
      });
      try {
        await this.#handshake;
        this.#backoffMs = BACKOFF_MS_MIN;
      } catch (error) {
        lastReason = messageOf(error);
        const waitMs = Math.min(
          this.#backoffMs * (0.8 + 0.4 * nextFloat(this.#platform.random)),
          Math.max(1, context.deadlineMs - this.#platform.clock.now()),
        );
        await this.#platform.timers.sleep(waitMs, context.signal);
        this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
      }
    }
    return this.#serverId;
  }
  async #shakeHands(timeoutMs: number): Promise<void> {
    const abort = new AbortController();
    const timer = this.#platform.timers.after(timeoutMs, () => abort.abort());
    try {
      const client = remoteClient(ProcessDefinition, (path, request, context) => this.#connection.call(path, request, context));
      const answer = await client.handshake(
        { role: this.#role },
        { signal: abort.signal, deadlineMs: this.#platform.clock.now() + timeoutMs, metadata: {} },
      );
      if (answer.role !== this.#role)
        throw new ElanusError(
          'node_mismatch',
          `${this.#address} runs role "${answer.role}", expected "${this.#role}"; check the peer's address`,
        );
      if (answer.serverId === 0n) throw new ElanusError('node_mismatch', `${this.#address} answered without a server id`);
      this.#serverId = answer.serverId;
    } finally {
      timer.cancel();
    }
  }
}
