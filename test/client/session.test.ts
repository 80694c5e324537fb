// The same recorded session gives the same answers through all transports.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grpcTransport } from '#client/connect.js';
import { PortTransport } from '#client/port-transport.js';
import type { ClientTransport } from '#client/transport.js';
import { open } from '#server/open.js';
import { recordSession } from './session.js';

interface Way {
  readonly transport: ClientTransport;
  close(): Promise<void>;
}

async function grpc(folder: string | undefined, grpcThreads: number): Promise<Way> {
  const elanus = await open(folder, { logLevel: 'silent', grpcThreads });
  const transport = grpcTransport(elanus.address);
  const close = async () => {
    await transport.close();
    await elanus.close();
  };
  return { transport, close };
}

async function inProcess(folder: string | undefined): Promise<Way> {
  const elanus = await open(folder, { logLevel: 'silent', listen: false });
  return { transport: elanus.transport(), close: () => elanus.close() };
}

async function overPort(): Promise<Way> {
  const elanus = await open(undefined, { logLevel: 'silent', listen: false });
  const transport = new PortTransport(elanus.callPort());
  const close = async () => {
    await transport.close();
    await elanus.close();
  };
  return { transport, close };
}

describe('a recorded session', () => {
  let expected: readonly unknown[];
  let folder: string;
  const run = async ({ transport, close }: Way): Promise<readonly unknown[]> => {
    try {
      return await recordSession(transport);
    } finally {
      await close();
    }
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elanus-session-'));
    expected = await run(await grpc(undefined, 0));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('has calls, answers and failures', () => {
    const text = JSON.stringify(expected);
    expect(expected.length).toBeGreaterThan(50);
    for (const name of ['NotFoundError', 'InvalidRequestError', 'CancelledError'])
      expect(text).toContain(name);
  });

  test.each([
    ['gRPC, on a folder', () => grpc(join(folder, 'one'), 0)],
    ['gRPC in threads of its own', () => grpc(undefined, 2)],
    ['calls in the process', () => inProcess(undefined)],
    ['calls in the process, on a folder', () => inProcess(join(folder, 'other'))],
    ['a port, as threads have it', overPort],
  ])('is the same over %s', async (_name, openWay) => {
    expect(await run(await openWay())).toEqual(expected);
  });
});
