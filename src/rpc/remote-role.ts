// The way to a role in another process: an address, a handshake that proves who answers there and that it is healthy, and calls that
// carry the server id they mean. Readiness is the peer's answer, not an object that exists; every wait has a deadline.
import { ElanusError, messageOf } from '#base/errors.js';
import { joinSignals } from '#base/on-abort.js';
import { nextFloat } from '#base/random.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext, Connection } from '#platform/transport.js';
import { type HandshakeResponse, ProcessDefinition } from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import { type Client, remoteClient, type ServiceDefinition } from './service.js';

export const SERVER_ID_HEADER = 'elanus-server-id';
/** Names a call in the logs of everyone whom it comes to. */
export const REQUEST_ID_HEADER = 'elanus-request-id';
/** Rises when processes of the release before would misunderstand the calls between roles. */
export const PROTOCOL_VERSION = 2;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 3000;
const HANDSHAKE_MS_MAX = 2000;
/** Deadline of calls that bring none of their own, in ms. */
const DEADLINE_MS_DEFAULT = 60_000;

/**
 *   idle ──first call──▶ connecting ──handshake──▶ ready
 *                            ▲                       │
 *                            └──── a call breaks ────┘
 */
export type PeerState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'ready'; readonly serverId: bigint }
  | {
      readonly kind: 'connecting';
      /** How long nobody has answered, in ms. */
      readonly forMs: number;
      /** Handshakes that failed since. */
      readonly attempts: number;
      /** The pause before the next, in ms; 0 while one is under way. */
      readonly pauseMs: number;
      readonly reason: string;
    };

/** The call was given up before any handler saw it, with the way to the peer or because another process is there: it may go elsewhere. */
export class NotSentError extends ElanusError {}

/** What of the platform a way to a peer takes. */
export type RolePlatform = Pick<Platform, 'clock' | 'timers' | 'random' | 'transport'>;

export class RemoteRole {
  readonly #platform: RolePlatform;
  readonly #role: string;
  readonly #clusterId: string;
  readonly #connection: Connection;
  readonly address: string;
  #serverId: bigint | undefined;
  #lastServerId: bigint | undefined;
  #epoch = 0;
  #attempting: Promise<void> | undefined;
  #lastReason = 'no handshake yet';
  /** When the first call of those that nobody answered came, by the clock that never steps. */
  #lostAt: number | undefined;
  #attempts = 0;
  #pauseMs = 0;
  readonly #closed = new AbortController();
  #backoffMs = BACKOFF_MS_MIN;

  /** @param clusterId processes of another cluster are not called; empty: of any */
  constructor(platform: RolePlatform, role: string, address: string, clusterId = '') {
    this.#platform = platform;
    this.#role = role;
    this.#clusterId = clusterId;
    this.address = address;
    this.#connection = platform.transport.connect(address);
  }

  close(): void {
    this.#closed.abort();
    this.#connection.close();
  }

  get state(): PeerState {
    if (this.#serverId !== undefined) return { kind: 'ready', serverId: this.#serverId };
    if (this.#lostAt === undefined) return { kind: 'idle' };
    return {
      kind: 'connecting',
      forMs: this.#platform.clock.monotonic() - this.#lostAt,
      attempts: this.#attempts,
      pauseMs: this.#pauseMs,
      reason: this.#lastReason,
    };
  }

  /** Tries a peer that was lost, without a call that needs it: whoever shows the state wants it to be true. */
  look(): void {
    if (this.#serverId === undefined && this.#lostAt !== undefined && !this.#closed.signal.aborted)
      void this.#attempt();
  }

  /** Asks anew who is there, though the last one did not fail: another process may be, and no call has shown it. */
  ask(): void {
    if (!this.#closed.signal.aborted) void this.#attempt();
  }

  /** Who answered the last handshake, also when a call has failed since. */
  get lastServerId(): bigint | undefined {
    return this.#lastServerId;
  }

  /** How many processes answered at the address so far. */
  get epoch(): number {
    return this.#epoch;
  }

  /** @returns who is at the address, after a handshake that begins with the call. @throws service_unavailable, cancelled */
  async serverId(context: CallContext): Promise<bigint> {
    const deadlineMs = context.deadlineMs ?? this.#platform.clock.now() + DEADLINE_MS_DEFAULT;
    // Calls of others go on to the one that is known.
    if (this.#serverId !== undefined) await this.#within(this.#attempt(), { ...context, deadlineMs });
    return this.#ready({ ...context, deadlineMs });
  }

  /** A client of one of the role's services. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return remoteClient(definition, this.#call, { refusedUnseen: this.#refusedUnseen });
  }

  readonly #call = async (path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> => {
    const deadlineMs = context.deadlineMs ?? this.#platform.clock.now() + DEADLINE_MS_DEFAULT;
    let serverId = await this.#ready({ ...context, deadlineMs });
    const meant = context.metadata[SERVER_ID_HEADER];
    const isOther = (): boolean => meant !== undefined && meant !== String(serverId);
    // It may have come since the last handshake, and no call has shown it.
    if (isOther()) serverId = await this.serverId({ ...context, deadlineMs });
    // Whoever names a process does not mean the one that came after it.
    if (isOther())
      throw new NotSentError(
        'node_mismatch',
        `node not match[expectedNodeID=${meant}][actualNodeID=${serverId}] at ${this.address}; look its owner up again`,
      );
    try {
      return await this.#connection.call(path, request, {
        ...context,
        deadlineMs,
        metadata: { ...context.metadata, [SERVER_ID_HEADER]: String(serverId) },
      });
    } catch (error) {
      // The peer is gone: shake hands again before the next call.
      if (error instanceof ElanusError && error.key === 'service_unavailable') this.#lose(error.message);
      throw error;
    }
  };

  /**
   * Another process answers at the address and refused the call before any handler saw it: the next handshake learns who, and the call goes again.
   * Its own key says so: the same refusal of a call within a call that was carried out in part is a `node_mismatch` when it comes here.
   */
  readonly #refusedUnseen = (error: ElanusError): ElanusError | undefined => {
    if (error.key !== 'other_process_meant') return undefined;
    this.#lose(error.message);
    return new NotSentError('node_mismatch', error.message, { cause: error });
  };

  #lose(reason: string): void {
    this.#serverId = undefined;
    this.#lastReason = reason;
    this.#lostAt ??= this.#platform.clock.monotonic();
  }

  /** Waits for a handshake, no longer than the caller's deadline. @returns the id of the process that answered it */
  async #ready(context: CallContext & { readonly deadlineMs: number }): Promise<bigint> {
    while (this.#serverId === undefined) {
      this.#lostAt ??= this.#platform.clock.monotonic();
      const where = `call to ${this.#role} at ${this.address}`;
      if (context.signal.aborted)
        throw new ElanusError('cancelled', `${where} was cancelled while it waited for the peer`);
      const leftMs = context.deadlineMs - this.#platform.clock.now();
      if (leftMs <= 0 || this.#closed.signal.aborted) {
        const fact = leftMs <= 0 ? 'the peer was not ready before the deadline' : 'the connection was closed';
        const text = `${where}: ${fact} (${this.#lastReason}); is it running?`;
        throw leftMs <= 0
          ? new ElanusError('service_unavailable', text)
          : new NotSentError('service_unavailable', text);
      }
      await this.#within(this.#attempt(), context);
    }
    return this.#serverId;
  }

  /** Waits for it, not beyond the caller's deadline. */
  async #within(
    attempt: Promise<void>,
    { signal, deadlineMs }: CallContext & { readonly deadlineMs: number },
  ): Promise<void> {
    const over = new AbortController();
    const stop = joinSignals([signal, over.signal]);
    const leftMs = Math.max(0, deadlineMs - this.#platform.clock.now());
    await Promise.race([attempt, this.#platform.timers.sleep(leftMs, stop.signal).catch(() => {})]);
    over.abort();
    stop.release();
  }

  /** One handshake, and after a failed one the pause before the next: shared by all who wait, so that their number does not matter. */
  #attempt(): Promise<void> {
    this.#attempting ??= this.#shakeHands(HANDSHAKE_MS_MAX)
      .then(() => {
        this.#backoffMs = BACKOFF_MS_MIN;
      })
      .catch(async (error: unknown) => {
        this.#lastReason = messageOf(error);
        this.#attempts++;
        this.#pauseMs = this.#backoffMs * (0.8 + 0.4 * nextFloat(this.#platform.random));
        this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
        await this.#platform.timers.sleep(this.#pauseMs, this.#closed.signal).catch(() => {});
        this.#pauseMs = 0;
      })
      .finally(() => {
        this.#attempting = undefined;
      });
    return this.#attempting;
  }

  async #shakeHands(timeoutMs: number): Promise<void> {
    const abort = new AbortController();
    const timer = this.#platform.timers.after(timeoutMs, () => abort.abort());
    try {
      const client = remoteClient(ProcessDefinition, (path, request, context) =>
        this.#connection.call(path, request, context),
      );
      const answer = await client.handshake(
        { role: this.#role, clusterId: this.#clusterId, protocolVersion: PROTOCOL_VERSION },
        { signal: abort.signal, deadlineMs: this.#platform.clock.now() + timeoutMs, metadata: {} },
      );
      if (answer.role !== this.#role)
        throw new ElanusError(
          'node_mismatch',
          `${this.address} runs role "${answer.role}", expected "${this.#role}"; check the peer's address`,
        );
      if (answer.serverId === 0n)
        throw new ElanusError('node_mismatch', `${this.address} answered without a server id`);
      checkPeer(answer, this.#clusterId, this.address);
      this.#serverId = answer.serverId;
      this.#lostAt = undefined;
      this.#attempts = 0;
      if (answer.serverId !== this.#lastServerId) this.#epoch++;
      this.#lastServerId = answer.serverId;
    } finally {
      timer.cancel();
    }
  }
}

type Introduction = Pick<HandshakeResponse, 'stateCode' | 'clusterId' | 'protocolVersion'>;

/** @throws service_not_ready, cluster_mismatch, unsupported: there is somebody, and nothing may be asked of them */
function checkPeer(
  { stateCode, clusterId, protocolVersion }: Introduction,
  own: string,
  address: string,
): void {
  if (stateCode !== StateCode.Healthy)
    throw new ElanusError(
      'service_not_ready',
      `${address} is in state ${stateCode}, expected ${StateCode.Healthy} (healthy); ask again when it has started`,
    );
  if (protocolVersion !== PROTOCOL_VERSION)
    throw new ElanusError(
      'unsupported',
      `${address} speaks version ${protocolVersion} of the calls between roles, expected ${PROTOCOL_VERSION}; run one release on all processes`,
    );
  if (own !== '' && clusterId !== own)
    throw new ElanusError(
      'cluster_mismatch',
      `${address} is of cluster "${clusterId}", expected "${own}"; check the peer's address and --cluster`,
    );
}
