import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { bind, portOf, sharePort } from './port-bind.js';

const host = '127.0.0.1';
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const taken = new ElanusError('refused', 'taken meanwhile');

describe('sharePort', () => {
  it('gives another port when the first is lost meanwhile, unless a certain one was asked for', async () => {
    const given: number[] = [];
    const lostOnce = async (port: number): Promise<void> => {
      if (given.push(port) === 1) throw taken;
    };
    const port = await sharePort({ host, port: 0 }, lostOnce);
    expect(given.length).toBe(2);
    expect(given).toContain(port);
    expect(new Set(given).size).toBe(2);
    given.length = 0;
    await expect(sharePort({ host, port }, lostOnce)).rejects.toBe(taken);
    expect(given).toEqual([port]);
  });
  it('passes other failures on', async () => {
    const broken = new Error('broken');
    await expect(sharePort({ host, port: 0 }, () => Promise.reject(broken))).rejects.toBe(broken);
  });
  it('lets one at a time to a port, and refuses one that is listened on', async () => {
    let inside = 0;
    let most = 0;
    const { port } = await listening();
    for (const cleanup of cleanups.splice(0)) cleanup();
    const enter = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
    };
    await Promise.all(Array.from({ length: 4 }, () => sharePort({ host, port }, enter)));
    if (process.platform === 'linux') expect(most).toBe(1);
    const stranger = await listening();
    await expect(sharePort({ host, port: stranger.port }, enter)).rejects.toMatchObject({
      key: 'refused',
      message: expect.stringContaining(`cannot listen on ${host}:${stranger.port}: listen EADDRINUSE`),
    });
  });
});

async function listening(): Promise<{ readonly port: number }> {
  const server = createServer();
  await bind(server, { host, port: 0 });
  cleanups.push(() => void server.close());
  return { port: portOf(server) };
}
