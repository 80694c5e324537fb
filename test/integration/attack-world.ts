// A server as users run it, for tests that attack it: peers of every kind, a client that behaves, and the server's memory at its highest.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Peer, type PeerTls, peer, preface } from './attack-frames.js';
import { issue, writeIssued } from './certificates.js';
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

/** How the server meets its peers: as it does by default, with threads that speak gRPC, over TLS. */
export type Meeting = 'plain' | 'two threads' | 'TLS';
export const meetings: readonly Meeting[] = ['plain', 'two threads', 'TLS'];

export interface AttackedServer {
  /** Where HTTP and HTTP/2 go, with the scheme. */
  readonly origin: string;
  readonly port: number;
  /** Over TLS: whom to trust. */
  readonly ca: string | undefined;
  /** @param protocol over TLS: what it says to speak */
  attacker(protocol?: PeerTls['protocol']): Promise<Peer>;
  /** The highest memory of the server so far, in bytes; operating systems other than Linux do not say it. */
  peakBytes(): number;
  isServed(): Promise<void>;
  survived(attack: (by: Peer) => Promise<void>, waitMs?: number): Promise<'cut' | 'open'>;
}

/** Starts a server for the tests of this file, and looks at its end that nothing was left behind. */
export function attackedServer(meeting: Meeting = 'plain'): AttackedServer {
  let server: ServerProcess;
  let good: MilvusClient;
  let folder: string | undefined;
  let ca: string | undefined;
  const peers = new Set<Peer>();

  beforeAll(async () => {
    if (meeting !== 'TLS') {
      server = await startServer(undefined, ...(meeting === 'plain' ? [] : ['--grpc-threads', '2']));
      good = await connect(server.address);
      return;
    }
    folder = await mkdtemp(join(tmpdir(), 'elanus-attacked-'));
    const authority = issue('authority');
    const { certFile, keyFile } = await writeIssued(folder, issue('server', authority));
    ca = authority.cert;
    await writeFile(join(folder, 'ca.crt'), ca);
    server = await startServer(undefined, '--tls-cert', certFile, '--tls-key', keyFile);
    const tls = { rootCertPath: join(folder, 'ca.crt'), serverName: 'localhost' };
    good = new MilvusClient({ address: server.address, ssl: true, tls, timeout: 30_000, logLevel: 'error' });
    await good.connectPromise;
  });
  afterAll(async () => {
    for (const { socket } of peers) socket.destroy();
    await good.closeConnection();
    expect(await stopServer(server)).toBe(0);
    expect(server.stderr()).not.toMatch(/unhandled/);
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  const attacker = async (protocol: PeerTls['protocol'] = 'h2'): Promise<Peer> => {
    const made = await peer(server.port, ca === undefined ? undefined : { ca, protocol });
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
    expect(await healthStatus(server.port, ca)).toBe(200);
    // An idle machine takes a second at most.
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
    get origin() {
      return `${ca === undefined ? 'http' : 'https'}://${server.address}`;
    },
    get ca() {
      return ca;
    },
    get port() {
      return server.port;
    },
    attacker,
    peakBytes,
    isServed,
    survived,
  };
}

/** @param ca of a server over TLS */
const healthStatus = async (port: number, ca: string | undefined): Promise<number | undefined> => {
  if (ca === undefined) return (await fetch(`http://127.0.0.1:${port}/healthz`)).status;
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/healthz', ca, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
};
