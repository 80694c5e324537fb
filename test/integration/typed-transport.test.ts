// The transport of the typed client against a server: calls, statuses, who calls, TLS, an end that is asked for.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, grpcTransport } from '#client/connect.js';
import type { ClientTransport } from '#client/transport.js';
import { type Elanus, open } from '#server/open.js';
import { issue, writeIssued } from './certificates.js';

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

describe('TLS of the typed client', () => {
  const authority = issue('authority');
  const server = issue('server', authority);
  const own = issue('client', authority);
  const stranger = issue('stranger');
  let folder: string;
  let elanus: Elanus;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elanus-tls-'));
    for (const each of [authority, server]) await writeIssued(folder, each);
    const file = (name: string): string => join(folder, name);
    elanus = await open(undefined, {
      logLevel: 'silent',
      tls: {
        certFile: file('server.crt'),
        keyFile: file('server.key'),
        clientCaFile: file('authority.crt'),
      },
    });
  });
  afterAll(async () => {
    await elanus.close();
    await rm(folder, { recursive: true, force: true });
  });

  const versionWith = async (tls: Parameters<typeof connect>[1]): Promise<string> => {
    await using client = connect(elanus.address, { retry: { attempts: 1 }, timeoutMs: 5000, ...tls });
    return await client.serverVersion();
  };
  const mine = { cert: own.cert, key: own.key };

  test('with the authority and a certificate of its own', async () => {
    expect(await versionWith({ tls: { ca: authority.cert, ...mine } })).toMatch(/^v/);
    expect(await versionWith({ tls: { skipVerify: true, ...mine } })).toMatch(/^v/);
  });

  test('not without a certificate, nor with a strange authority, nor in the clear', async () => {
    for (const tls of [{ ca: authority.cert }, { ca: stranger.cert, ...mine }, true, false])
      await expect(versionWith({ tls })).rejects.toThrow(/serverVersion|getVersion/);
  });
});
