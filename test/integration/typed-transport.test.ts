// The transport of the typed client against a server: calls, statuses, who calls, TLS, an end that is asked for.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grpcTransport } from '#client/connect.js';
import type { ClientTransport } from '#client/transport.js';
import { type Elanus, open } from '#server/open.js';

describe('gRPC transport of the typed client', () => {
  let elanus: Elanus;
  let transport: ClientTransport;
  beforeAll(async () => {
    elanus = await open(undefined, { logLevel: 'silent', auth: true });
    transport = grpcTransport(elanus.address, { user: 'root', password: 'Milvus' });
  });
  afterAll(async () => {
    await transport.close();
    await elanus.close();
  });

  test('answers whole messages, failures in their status', async () => {
    const { version, status } = await transport.call('getVersion', {}, {});
    expect([version, status?.code]).toEqual([expect.stringMatching(/^v\d/), 0]);
    const missing = await transport.call('describeCollection', { collectionName: 'none' }, {});
    expect(missing.status).toMatchObject({ code: 100, retriable: false });
  });

  test('a call without an answer is an error with a key', async () => {
    const stranger = grpcTransport(elanus.address, { user: 'root', password: 'wrong' });
    await expect(stranger.call('showCollections', {}, {})).rejects.toMatchObject({ key: 'unauthenticated' });
    await stranger.close();
    await expect(stranger.call('showCollections', {}, {})).rejects.toMatchObject({
      key: 'service_unavailable',
    });
    await expect(
      transport.call('showCollections', {}, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ key: 'cancelled' });
    await expect(transport.call('showCollections', {}, { deadlineMs: 1 })).rejects.toMatchObject({
      key: 'deadline_exceeded',
    });
  });
});
