// Heartbeats of clients, what they say of themselves, and commands for them.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { ClientInfo, type OperationMetrics } from '#proto/milvus/common.js';
import type { ClientTelemetryServiceDefinition } from '#proto/milvus/milvus.js';
import type { Handlers } from '#rpc/service.js';
import { ClientRegistry, type KnownClient } from './client-registry.js';

type TelemetryHandlers = Handlers<typeof ClientTelemetryServiceDefinition>;

export function telemetryMethods({ clock, random }: Pick<Platform, 'clock' | 'random'>): TelemetryHandlers {
  const registry = new ClientRegistry();
  return {
    clientHeartbeat: async ({ clientInfo, metrics, configHash, lastCommandTimestamp }) => {
      const now = clock.now();
      const client = registry.heard(clientInfo ?? ClientInfo.fromPartial({}), metrics, now);
      const heard = { newest: lastCommandTimestamp, configHash };
      return { serverTimestamp: BigInt(now), commands: registry.commandsFor(client, heard, now) };
    },
    getClientTelemetry: async ({ database, clientId, includeMetrics }) => {
      const now = clock.now();
      const clients = registry
        .clients(now)
        .filter(
          (client) =>
            (clientId === '' || client.id === clientId) && (database === '' || client.database === database),
        );
      return {
        clients: clients.map((client) => ({
          clientInfo: client.info,
          lastHeartbeatTime: BigInt(client.lastHeartbeatMs),
          status: ClientRegistry.isActive(client, now) ? 'active' : 'inactive',
          databases: client.database === '' ? [] : [client.database],
          metrics: includeMetrics ? [...client.metrics] : [],
        })),
        aggregated: sumOf(clients),
      };
    },
    pushClientCommand: async (request) => {
      const commandId = `${clock.now().toString(36)}-${random.nextUint32().toString(36)}`;
      const { commandType: type, payload, persistent } = request;
      const target = { clientId: request.targetClientId, database: request.targetDatabase };
      const ttlSeconds = Number(request.ttlSeconds);
      registry.push(commandId, { type, payload, persistent, ttlSeconds, ...target }, clock.now());
      return { commandId };
    },
    deleteClientCommand: async ({ commandId }) => {
      if (!registry.remove(commandId))
        throw new ElanusError(
          'invalid_parameter',
          `command ${commandId.slice(0, 64)} not found, it may have ended by itself: invalid parameter`,
        );
      return {};
    },
  };
}

/** Averages are weighed by requests; of percentiles only the worst can be said. */
function sumOf(clients: readonly KnownClient[]) {
  const all = clients.flatMap(({ metrics }) => metrics.flatMap((one: OperationMetrics) => one.global ?? []));
  const total = (of: (one: (typeof all)[number]) => bigint): bigint =>
    all.reduce((sum, one) => sum + of(one), 0n);
  const worst = (of: (one: (typeof all)[number]) => number): number =>
    all.reduce((most, one) => Math.max(most, of(one)), 0);
  const requestCount = total((one) => one.requestCount);
  const time = all.reduce((sum, one) => sum + one.avgLatencyMs * Number(one.requestCount), 0);
  return {
    requestCount,
    successCount: total((one) => one.successCount),
    errorCount: total((one) => one.errorCount),
    avgLatencyMs: requestCount === 0n ? 0 : time / Number(requestCount),
    p99LatencyMs: worst((one) => one.p99LatencyMs),
    maxLatencyMs: worst((one) => one.maxLatencyMs),
  };
}
