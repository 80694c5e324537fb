// A server as users run it, for tests that attack it: peers of every kind, a client that behaves, and the server's memory at its highest.
import { readFileSync } from 'node:fs';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Peer, peer, preface } from './attack-frames.js';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import { connect } from './support.js';

export const MiB = 1024 * 1024;
export const SERVICE = '/milvus.proto.milvus.MilvusService';

export const within = (closed: Promise<void>, ms: number): Promise<'cut' | 'open'> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve('open'), ms);
    void closed.then(() => {
      clearTimeout(timer);
      resolve('cut');
    });
  });

/** Sends batches until it is cut or all are gone. */
export const flood =
  (count: number, batch: (at: number) => Uint8Array, greeting: Uint8Array = preface) =>
  async (by: Peer): Promise<void> => {
    await by.send(greeting);
    for (let at = 0; at < count && !by.socket.destroyed; at++) await by.send(batch(at));
  };
export const repeated = (count: number, one: (at: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => one(at)));
export const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
export interface AttackedServer {
  readonly address: string;
  attacker(): Promise<Peer>;
  /** The highest memory of the server so far, in bytes; operating systems other than Linux do not say it. */
  peakBytes(): number;
  isServed(): Promise<void>;
  survived(attack: (by: Peer) => Promise<void>, waitMs?: number): Promise<'cut' | 'open'>;
}

/** Starts a server for the tests of this file, and looks at its end that nothing was left behind. */
export function attackedServer(): AttackedServer {
  let server: ServerProcess;
  let good: MilvusClient;
  const peers = new Set<Peer>();

  beforeAll(async () => {
    server = await startServer(undefined);
    good = await connect(server.address);
  });
  afterAll(async () => {
    for (const { socket } of peers) socket.destroy();
    await good.closeConnection();
    expect(await stopServer(server)).toBe(0);
    expect(server.stderr()).not.toMatch(/unhandled/);
  });

  const attacker = async (): Promise<Peer> => {
    const made = await peer(server.port);
    peers.add(made);
    return made;
  };

  /** The highest memory of the server so far; the operating system of others does not say it. */
  function peakBytes(): number {
    if (process.platform !== 'linux') return 0;
    const [, kB = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'latin1')) ?? [];
    return Number(kB) * 1024;
  }

  async function isServed(): Promise<void> {
    const since = performance.now();
    expect((await good.getVersion()).version).toBeTypeOf('string');
    expect((await fetch(`http://${server.address}/healthz`)).status).toBe(200);
    expect(performance.now() - since).toBeLessThan(10_000);
  }

  /** Attacks, then looks at the server. @returns what has become of the attacker */
  async function survived(attack: (by: Peer) => Promise<void>, waitMs = 2000): Promise<'cut' | 'open'> {
    const before = peakBytes();
    const by = await attacker();
    await attack(by);
    await isServed();
    const end = await within(by.closed, waitMs);
    by.socket.destroy();
    expect(peakBytes() - before).toBeLessThan(200 * MiB);
    return end;
  }

  return {
    get address() {
      return server.address;
    },
    attacker,
    peakBytes,
    isServed,
    survived,
  };
}
