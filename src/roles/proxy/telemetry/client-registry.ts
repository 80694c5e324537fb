// What clients say of themselves in their heartbeats, and the commands that wait for them. In memory and bounded: it is for looking at a
// running server, and clients send it anew after a restart.
import { ElanusError } from '#base/errors.js';
import type { ClientCommand, ClientInfo, OperationMetrics } from '#proto/milvus/common.js';

export interface KnownClient {
  readonly id: string;
  readonly info: ClientInfo;
  readonly database: string;
  readonly lastHeartbeatMs: number;
  readonly metrics: readonly OperationMetrics[];
  /** The lasting commands that it was given last, and the hash that it answered with since; undefined: it has not answered yet. */
  readonly config: { readonly commandIds: string; readonly hash: string | undefined };
}

interface WaitingCommand {
  readonly command: ClientCommand;
  /** Empty: all clients. */
  readonly clientId: string;
  /** Empty: of every database. */
  readonly database: string;
  /** Infinity: until it is deleted. */
  readonly endMs: number;
}

export interface CommandWish {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly clientId: string;
  readonly database: string;
  /** 0: one hour. */
  readonly ttlSeconds: number;
  readonly persistent: boolean;
}

/** What SDKs know how to do. */
const COMMAND_TYPES = [
  'push_config',
  'collection_metrics',
  'show_errors',
  'get_config',
  'show_latency_history',
];
const CLIENTS_MAX = 10_000;
const COMMANDS_MAX = 1000;
const PAYLOAD_BYTES_MAX = 64 * 1024;
const OPERATIONS_MAX = 64;
/** What is kept of a text, and of a table. */
const TEXT_LENGTH_MAX = 256;
const ENTRIES_MAX = 32;
/** A client that has been silent for so long is gone, in ms; they send every 10 s unless they were asked for less. */
const SILENCE_MS_MAX = 600_000;
const ACTIVE_MS = 60_000;
const TTL_SECONDS = 3600;
const NO_CONFIG: KnownClient['config'] = { commandIds: '', hash: '' };

export class ClientRegistry {
  /** In the order of the last heartbeat, the oldest first. */
  readonly #clients = new Map<string, KnownClient>();
  readonly #commands = new Map<string, WaitingCommand>();

  /** The client's newest words take the place of its earlier ones. Without an id it is known by what it says of itself. */
  heard(info: ClientInfo, metrics: readonly OperationMetrics[], nowMs: number): KnownClient {
    const { client_id: named, db_name: database = '' } = info.reserved;
    const id = (named || `${info.sdkType}/${info.user}@${info.host}`).slice(0, 256);
    const client = {
      ...{ id, info: clippedInfo(info), database: clipped(database), lastHeartbeatMs: nowMs },
      metrics: metrics.slice(0, OPERATIONS_MAX).map(clippedMetrics),
      config: this.#clients.get(id)?.config ?? NO_CONFIG,
    };
    this.#clients.delete(id);
    this.#clients.set(id, client);
    for (const [other, { lastHeartbeatMs }] of this.#clients) {
      if (this.#clients.size <= CLIENTS_MAX && nowMs - lastHeartbeatMs <= SILENCE_MS_MAX) break;
      this.#clients.delete(other);
    }
    return client;
  }

  clients(nowMs: number): readonly KnownClient[] {
    return [...this.#clients.values()].filter((client) => nowMs - client.lastHeartbeatMs <= SILENCE_MS_MAX);
  }

  static isActive = ({ lastHeartbeatMs }: KnownClient, nowMs: number): boolean =>
    nowMs - lastHeartbeatMs <= ACTIVE_MS;

  /** @throws invalid_parameter, queue_full */
  push(id: string, wish: CommandWish, nowMs: number): void {
    const refuse = (text: string): never => {
      throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
    };
    if (!COMMAND_TYPES.includes(wish.type))
      refuse(`unknown command type ${wish.type.slice(0, 64)}, expected one of ${COMMAND_TYPES.join(', ')}`);
    if (wish.payload.length > PAYLOAD_BYTES_MAX)
      refuse(`the payload has ${wish.payload.length} bytes, at most ${PAYLOAD_BYTES_MAX} are taken`);
    if (wish.ttlSeconds < 0) refuse(`ttl_seconds should not be negative, got ${wish.ttlSeconds}`);
    this.#forgetOld(nowMs);
    if (this.#commands.size >= COMMANDS_MAX)
      throw new ElanusError(
        'queue_full',
        `${COMMANDS_MAX} commands wait for clients already; delete one first`,
      );
    const scope = wish.clientId !== '' ? 'client' : wish.database !== '' ? 'database' : 'global';
    this.#commands.set(id, {
      command: {
        ...{ commandId: id, commandType: wish.type, payload: wish.payload, createTime: BigInt(nowMs) },
        ...{ persistent: wish.persistent, targetScope: scope },
      },
      ...{ clientId: wish.clientId, database: wish.database },
      endMs: wish.persistent ? Number.POSITIVE_INFINITY : nowMs + (wish.ttlSeconds || TTL_SECONDS) * 1000,
    });
  }

  remove(id: string): boolean {
    return this.#commands.delete(id);
  }

  /**
   * What the client has not heard yet: passing commands that are newer than its newest, and all lasting ones until its config has them. A
   * client hashes the lasting commands it has: one without a hash, or with another one than after it was given them, needs them again.
   */
  commandsFor(
    client: KnownClient,
    heard: { readonly newest: bigint; readonly configHash: string },
    nowMs: number,
  ): ClientCommand[] {
    this.#forgetOld(nowMs);
    const meant = [...this.#commands.values()]
      .filter(
        ({ clientId, database }) =>
          (clientId === '' || clientId === client.id) && (database === '' || database === client.database),
      )
      .map(({ command }) => command);
    const passing = meant.filter(({ persistent, createTime }) => !persistent && createTime > heard.newest);
    const lasting = meant.filter(({ persistent }) => persistent);
    const commandIds = lasting.map(({ commandId }) => commandId).join();
    const { config } = client;
    const hasAll =
      config.commandIds === commandIds &&
      (commandIds === '' ||
        (heard.configHash !== '' && (config.hash === undefined || config.hash === heard.configHash)));
    this.#clients.set(client.id, {
      ...client,
      config: { commandIds, hash: hasAll ? heard.configHash : undefined },
    });
    return hasAll ? passing : [...lasting, ...passing];
  }

  #forgetOld(nowMs: number): void {
    for (const [id, { endMs }] of this.#commands) if (endMs <= nowMs) this.#commands.delete(id);
  }
}

const clipped = (text: string): string => text.slice(0, TEXT_LENGTH_MAX);
const firstOf = <T>(entries: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(entries)
    .slice(0, ENTRIES_MAX)
    .map(([key, value]) => [clipped(key), value]);

const clippedInfo = (info: ClientInfo): ClientInfo => ({
  ...{ sdkType: clipped(info.sdkType), sdkVersion: clipped(info.sdkVersion) },
  ...{ localTime: clipped(info.localTime), user: clipped(info.user), host: clipped(info.host) },
  reserved: Object.fromEntries(firstOf(info.reserved).map(([key, value]) => [key, clipped(value)])),
});

const clippedMetrics = ({ operation, global, collectionMetrics }: OperationMetrics): OperationMetrics => ({
  ...{ operation: clipped(operation), global },
  collectionMetrics: Object.fromEntries(firstOf(collectionMetrics)),
});
