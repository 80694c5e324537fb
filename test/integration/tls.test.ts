// TLS on the one port as clients meet it: with the authority's certificate, with one of their own, with a wrong one, with none; gRPC and REST;
// and certificates that are replaced while clients work.
import { rm, writeFile } from 'node:fs/promises';
import { connect as http2Connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Logger } from '#platform/logger.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { readTls, TlsWatch } from '#platform/node/grpc/tls-files.js';
import { type Elanus, type OpenOptions, open } from '#server/open.js';
import { type Issued, issue, writeIssued } from './certificates.js';
import { runElanus, startServer, stopServer } from './server-process.js';
import { DIM, tempFolder, vectorOf } from './support.js';

const authority = issue('authority');
const stranger = issue('stranger');
const server = issue('server', authority);
const client = issue('client', authority);
const impostor = issue('impostor', stranger);

let folder: string;
const closers: (() => unknown)[] = [];
const ends: (() => unknown)[] = [];
const caFile = (of: Issued): string => join(folder, `${of.name}.crt`);
const keyFile = (of: Issued): string => join(folder, `${of.name}.key`);

beforeAll(async () => {
  const made = await tempFolder();
  folder = made.path;
  ends.push(made.remove);
  for (const each of [authority, stranger, server, client, impostor]) await writeIssued(folder, each);
});
afterAll(async () => {
  for (const end of ends) await end();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: OpenOptions = {}): Promise<Elanus> {
  const database = await open(undefined, {
    logLevel: 'error',
    tls: { certFile: caFile(server), keyFile: keyFile(server) },
    ...options,
  });
  closers.push(() => database.close());
  return database;
}

const mutual = (): OpenOptions => ({
  tls: { certFile: caFile(server), keyFile: keyFile(server), clientCaFile: caFile(authority) },
});

function milvus(address: string, tls: object | undefined): MilvusClient {
  const made = new MilvusClient({
    address,
    ...(tls === undefined ? {} : { tls }),
    timeout: 3000,
    maxRetries: 0,
    logLevel: 'error',
    channelOptions: { 'grpc.use_local_subchannel_pool': 1 },
  });
  made.connectPromise.catch(() => {}); // Calls say so too.
  closers.push(() => made.closeConnection());
  return made;
}

/** What a client does on a day, in short. */
async function day(made: MilvusClient): Promise<void> {
  await made.connectPromise;
  const collection_name = 'day';
  await made.createCollection({ collection_name, dimension: DIM, auto_id: false });
  const data = Array.from({ length: 20 }, (_, id) => ({ id, vector: vectorOf(id) }));
  expect((await made.insert({ collection_name, data })).status.code).toBe(0);
  const found = await made.search({
    collection_name,
    data: [vectorOf(7)],
    limit: 1,
    consistency_level: 'Strong' as never,
  });
  expect(found.results.map(({ id }) => String(id))).toEqual(['7']);
  await made.dropCollection({ collection_name });
}

interface Page {
  readonly status: number;
  readonly text: string;
}

function post(port: number, tls: object, path = '/v2/vectordb/collections/list'): Promise<Page> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const headers = { 'content-type': 'application/json' };
    const asked = request(
      { host: '127.0.0.1', port, path, method: 'POST', headers, agent, ...tls },
      (answer) => {
        let text = '';
        answer.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    asked.once('error', reject);
    asked.end('{}');
  });
}

/** The subject of the certificate that the port shows now. */
function shown(port: number, more: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...more }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      resolve(String(name));
    });
    socket.once('error', reject);
  });
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await isSo()); await new Promise((go) => setTimeout(go, 50)))
    if (Date.now() > end) throw new Error(`${what}: not within 15 s`);
}

const oneWay = (): object => ({ rootCertPath: caFile(authority) });
const twoWay = (of: Issued): object => ({
  rootCertPath: caFile(authority),
  privateKeyPath: keyFile(of),
  certChainPath: caFile(of),
});
const trust = { ca: authority.cert };

describe.each([0, 2])('with %i threads for gRPC', (grpcThreads) => {
  test('one-way: who trusts the authority works over gRPC and REST, and nobody else', async () => {
    const { address, port } = await start({ grpcThreads });
    await day(milvus(address, oneWay()));
    await day(milvus(`https://${address}`, { skipCertCheck: true }));
    expect(await post(port, trust)).toMatchObject({ status: 200, text: expect.stringContaining('"code":0') });

    await expect(milvus(address, { rootCertPath: caFile(stranger) }).getVersion()).rejects.toThrow();
    await expect(post(port, { ca: stranger.cert })).rejects.toThrow(/unable to verify|self-signed|issuer/);
    await expect(milvus(address, undefined).getVersion()).rejects.toThrow();
    await expect(fetch(`http://${address}/healthz`)).rejects.toThrow();
  });

  test('two-way: who shows a certificate of the authority works, and nobody else', async () => {
    const { address, port } = await start({ grpcThreads, ...mutual() });
    await day(milvus(address, twoWay(client)));
    expect(await post(port, { ...trust, cert: client.cert, key: client.key })).toMatchObject({ status: 200 });

    await expect(milvus(address, oneWay()).getVersion()).rejects.toThrow();
    await expect(milvus(address, twoWay(impostor)).getVersion()).rejects.toThrow();
    await expect(post(port, trust)).rejects.toThrow();
    await expect(post(port, { ...trust, cert: impostor.cert, key: impostor.key })).rejects.toThrow();
    await day(milvus(address, twoWay(client)));
  });

  test('new files are taken while clients work, and connections that there are go on', async () => {
    const files = await writeIssued(folder, server, `replaced-${grpcThreads}`);
    const clientCaFile = join(folder, `replaced-ca-${grpcThreads}.crt`);
    await writeFile(clientCaFile, authority.cert);
    const { address, port } = await start({ grpcThreads, tls: { ...files, clientCaFile } });
    const own = { cert: client.cert, key: client.key };
    const early = milvus(address, twoWay(client));
    await early.connectPromise;
    expect(await shown(port, own)).toBe('server');

    const next = issue('next', authority);
    await writeFile(files.certFile, next.cert);
    await writeFile(files.keyFile, next.key);
    await until('the new certificate on every thread', async () => {
      const names = await Promise.all(Array.from({ length: 8 }, () => shown(port, own)));
      return names.every((name) => name === 'next');
    });
    expect((await early.getVersion()).version).toBeTypeOf('string');
    await day(milvus(address, twoWay(client)));

    // Another authority for clients: those of the first are strangers now, but for connections that they have.
    await writeFile(clientCaFile, stranger.cert);
    const other = { ...trust, cert: impostor.cert, key: impostor.key };
    await until('the new authority on every thread', async () => {
      const answers = await Promise.allSettled(Array.from({ length: 8 }, () => post(port, other)));
      return answers.every(({ status }) => status === 'fulfilled');
    });
    await expect(post(port, { ...trust, ...own })).rejects.toThrow();
    expect((await early.getVersion()).version).toBeTypeOf('string');
  });
});

describe('a watch of files', () => {
  async function watched(name: string) {
    const files = await writeIssued(folder, server, name);
    const events: string[] = [];
    const used: string[] = [];
    const note = (event: string): void => void events.push(event);
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    const watch = new TlsWatch(files, await readTls(files), logger, ({ cert }) => void used.push(cert));
    closers.push(() => watch.close());
    return { files, events, used, watch };
  }

  test('says nothing of files that stay, and hands on a new pair once', async () => {
    const { files, events, used, watch } = await watched('stays');
    await watch.look();
    expect({ events, used }).toEqual({ events: [], used: [] });
    const next = issue('next', authority);
    await writeFile(files.certFile, next.cert);
    await writeFile(files.keyFile, next.key);
    await watch.look();
    await watch.look();
    expect({ events, used }).toEqual({ events: ['tls_certificate_replaced'], used: [next.cert] });
  });

  test('keeps the old pair beside one that is not sound, logs that once when it stays so, and takes the next', async () => {
    const { files, events, used, watch } = await watched('unsound');
    const next = issue('next', authority);
    await writeFile(files.certFile, next.cert);
    await watch.look();
    expect(events).toEqual([]); // Its key may be written this moment.
    for (let look = 0; look < 3; look++) await watch.look();
    expect(events).toEqual(['tls_certificate_not_replaced']);
    await rm(files.keyFile);
    for (let look = 0; look < 3; look++) await watch.look();
    expect(events).toEqual(['tls_certificate_not_replaced', 'tls_certificate_not_replaced']);
    expect(used).toEqual([]);
    await writeFile(files.keyFile, next.key);
    await watch.look();
    expect(events.at(-1)).toBe('tls_certificate_replaced');
    expect(used).toEqual([next.cert]);
  });

  test('that is closed hands on nothing', async () => {
    const { files, used, watch } = await watched('closed');
    const next = issue('next', authority);
    await writeFile(files.certFile, next.cert);
    await writeFile(files.keyFile, next.key);
    const looking = watch.look();
    watch.close();
    await looking;
    expect(used).toEqual([]);
  });
});

test('TLS before 1.2 is refused, and a client that names no protocol speaks HTTP/1.1', async () => {
  const { port } = await start();
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(shown(port, old)).rejects.toThrow();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    expect(await shown(port, { minVersion: version, maxVersion: version })).toBe('server');
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, ...trust }, () =>
      socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
    );
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString();
    });
    socket.once('end', () => resolve(text)).once('error', reject);
  });
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test('a port of TLS closes at once, whatever hangs in a handshake or sends what is none', async () => {
  const database = await start();
  const silent = tcpConnect(database.port, '127.0.0.1');
  silent.on('error', () => {});
  await new Promise((resolve) => silent.once('connect', resolve));
  const noise = tcpConnect(database.port, '127.0.0.1', () => noise.write(Buffer.alloc(4096, 0xa5)));
  noise.on('error', () => {});
  await new Promise((resolve) => noise.once('close', resolve));
  await day(milvus(database.address, oneWay()));
  const since = performance.now();
  const isCut = new Promise((resolve) => silent.once('close', resolve));
  await database.close();
  await isCut;
  expect(performance.now() - since).toBeLessThan(5000);
});

test('a handshake that does not come, or stops on its way, is cut after 10 s', async () => {
  const { port } = await start();
  const begin = Buffer.from('16030102000100', 'hex'); // A hello of 512 bytes, it says.
  const since = performance.now();
  const ends = [Buffer.alloc(0), begin].map(
    (bytes) =>
      new Promise<number>((resolve) => {
        const socket = tcpConnect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {});
        socket.once('close', () => resolve(performance.now() - since));
      }),
  );
  for (const ms of await Promise.all(ends)) {
    expect(ms).toBeGreaterThan(9000);
    expect(ms).toBeLessThan(20_000);
  }
});

test('a call that runs when the port closes has its grace, also over TLS', async () => {
  let release = (): void => {};
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  let began = (): void => {};
  const hasBegun = new Promise<void>((resolve) => {
    began = resolve;
  });
  const listener = await new GrpcTransport().listen({
    host: '127.0.0.1',
    port: 0,
    methods: new Map([
      [
        '/p.S/Wait',
        async () => {
          began();
          await isReleased;
          return Buffer.from('answer');
        },
      ],
    ]),
    receiveBytesMax: 1024,
    sendBytesMax: 1024,
    tls: { certFile: caFile(server), keyFile: keyFile(server) },
  });
  const session = http2Connect(`https://127.0.0.1:${listener.port}`, { ca: authority.cert });
  closers.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/p.S/Wait',
    'content-type': 'application/grpc',
  });
  const answer = new Promise<string>((resolve, reject) => {
    let text = '';
    stream.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    stream.once('end', () => resolve(text)).once('error', reject);
  });
  stream.end(Buffer.alloc(5));
  await hasBegun;
  const closed = listener.close(10_000);
  setImmediate(release);
  expect(await answer).toContain('answer');
  session.close();
  await closed;
});

describe('files that are none', () => {
  const cases: Record<string, () => OpenOptions['tls']> = {
    'missing certificate': () => ({ certFile: join(folder, 'none.crt'), keyFile: keyFile(server) }),
    'key as certificate': () => ({ certFile: keyFile(server), keyFile: keyFile(server) }),
    'key of another': () => ({ certFile: caFile(server), keyFile: keyFile(client) }),
    'authority that is none': () => ({
      certFile: caFile(server),
      keyFile: keyFile(server),
      clientCaFile: keyFile(server),
    }),
  };
  test.each(Object.entries(cases))('%s', async (_name, tlsOf) => {
    const tls = tlsOf();
    await expect(open(undefined, { logLevel: 'error', tls })).rejects.toMatchObject({
      key: 'refused',
      message: expect.stringMatching(/^TLS: .* in ".*": .*: (give|expected) /),
    });
  });

  test('a setting without its files is refused', async () => {
    const tls = { certFile: '', keyFile: keyFile(server) };
    await expect(open(undefined, { logLevel: 'error', tls })).rejects.toMatchObject({
      key: 'invalid_parameter',
    });
  });
});

test('elanus serve --tls-cert --tls-key --tls-client-ca', async () => {
  const half = runElanus('serve', '--port', '0', '--tls-cert', caFile(server));
  expect((await half.ended).code).toBe(1);
  expect(half.stderr()).toContain('give both --tls-cert and --tls-key');
  const files = ['--tls-cert', caFile(server), '--tls-key', keyFile(server)];
  const running = await startServer(undefined, ...files, '--tls-client-ca', caFile(authority));
  await day(milvus(running.address, twoWay(client)));
  await expect(milvus(running.address, oneWay()).getVersion()).rejects.toThrow();
  expect(await stopServer(running)).toBe(0);
  expect(running.stderr()).toBe('');
});
