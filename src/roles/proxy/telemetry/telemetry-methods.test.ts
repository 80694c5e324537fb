// Heartbeats, what is known of clients, and commands: given once, or until the client's config has them.
import { describe, expect, test } from 'vitest';
import type { ElanusError } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import {
  ClientHeartbeatRequest,
  GetClientTelemetryRequest,
  PushClientCommandRequest,
} from '#proto/milvus/milvus.js';
import { telemetryMethods } from './telemetry-methods.js';

const context = { signal: new AbortController().signal, metadata: {} };
function start() {
  const cluster = simulatedCluster(5);
  const methods = telemetryMethods(openMemoryPlatform({ cluster, host: 'proxy' }));
  const beat = async (id: string, more: object = {}, db = 'default') => {
    const clientInfo = { sdkType: 'nodejs', reserved: { client_id: id, db_name: db } };
    const request = ClientHeartbeatRequest.fromPartial({ clientInfo, ...more });
    const { commands = [] } = await methods.clientHeartbeat(request, context);
    return commands.map((command) => ({ ...command, createTime: command.createTime ?? 0n }));
  };
  const known = async (more: object = {}) =>
    methods.getClientTelemetry(GetClientTelemetryRequest.fromPartial(more), context);
  const push = async (more: object) =>
    (await methods.pushClientCommand(PushClientCommandRequest.fromPartial(more), context)).commandId ?? '';
  return { world: cluster.world, methods, beat, known, push };
}
const keyOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'fine',
    (error: ElanusError) => error.key,
  );

describe('telemetry of clients', () => {
  test('shows who was heard of, by id and database, and sums what they measured', async () => {
    const { beat, known, world } = start();
    const measured = (requestCount: bigint, avgLatencyMs: number) => ({
      metrics: [
        { operation: 'Search', global: { requestCount, avgLatencyMs, p99LatencyMs: avgLatencyMs * 2 } },
      ],
    });
    await beat('a', measured(3n, 10));
    await beat('b', measured(1n, 2), 'other');
    const all = await known({ includeMetrics: true });
    expect(all.clients?.map(({ clientInfo, status }) => [clientInfo?.reserved?.client_id, status])).toEqual([
      ['a', 'active'],
      ['b', 'active'],
    ]);
    expect(all.aggregated).toMatchObject({ requestCount: 4n, avgLatencyMs: 8, p99LatencyMs: 20 });
    expect((await known({ database: 'other' })).clients?.length).toBe(1);
    expect((await known({ clientId: 'a' })).clients?.[0]?.metrics).toEqual([]);
    await world.advance(120_000);
    expect((await known({ clientId: 'a' })).clients?.[0]?.status).toBe('inactive');
    await world.advance(600_000);
    expect((await known()).clients).toEqual([]);
  });

  test('gives a passing command once to those it is for, until its time is over', async () => {
    const { beat, push, world, methods } = start();
    await world.advance(5);
    await push({ commandType: 'show_errors', targetClientId: 'a', ttlSeconds: 60n });
    expect(await beat('b')).toEqual([]);
    const [command] = await beat('a');
    expect(command).toMatchObject({ commandType: 'show_errors', targetScope: 'client' });
    expect(await beat('a', { lastCommandTimestamp: command?.createTime ?? 0n })).toEqual([]);
    await world.advance(60_000);
    expect(await beat('a')).toEqual([]);
    expect(await keyOf(methods.deleteClientCommand({ commandId: 'nothing' }, context))).toBe(
      'invalid_parameter',
    );
  });

  test('gives a lasting command until the client has it, and again to those who come', async () => {
    const { beat, push, world, methods } = start();
    await world.advance(5);
    const payload = new TextEncoder().encode('{"enabled":true}');
    const commandId = await push({
      commandType: 'push_config',
      persistent: true,
      payload,
      targetDatabase: 'default',
    });
    expect(await beat('x', {}, 'other')).toEqual([]);
    const given = await beat('a');
    expect(given.map((command) => command.commandId)).toEqual([commandId]);
    const configHash = 'ab12';
    const newest = given[0]?.createTime ?? 0n;
    expect(await beat('a', { configHash, lastCommandTimestamp: newest })).toEqual([]);
    // One that lost its config, and one that comes later.
    expect((await beat('a', { configHash: '', lastCommandTimestamp: newest })).length).toBe(1);
    expect((await beat('late')).length).toBe(1);
    await methods.deleteClientCommand({ commandId }, context);
    expect(await beat('late')).toEqual([]);
  });

  test('refuses commands that no client knows, and more than it keeps', async () => {
    const { push } = start();
    expect(await keyOf(push({ commandType: 'format_disk' }))).toBe('invalid_parameter');
    expect(await keyOf(push({ commandType: 'show_errors', ttlSeconds: -1n }))).toBe('invalid_parameter');
    const payload = new Uint8Array(70_000);
    expect(await keyOf(push({ commandType: 'push_config', payload }))).toBe('invalid_parameter');
    for (let i = 0; i < 1000; i++) await push({ commandType: 'get_config' });
    expect(await keyOf(push({ commandType: 'get_config' }))).toBe('queue_full');
  });
});
