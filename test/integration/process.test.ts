// The program as it is run: help, wrong options, one line when ready, signals, one process per folder, HTTP, and bytes no client sends.
import { once } from 'node:events';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InsertRequest, MutationResult } from '#proto/milvus/milvus.js';
import { connectRaw } from './raw-client.js';
import { runElanus, type ServerProcess, startServer, stopServer } from './server-process.js';
import {
  connect,
  createLoaded,
  insertRange,
  mustSucceed,
  randomOf,
  tempFolder,
  vectorOf,
} from './support.js';

const READY = /^elanus \d+\.\d+\.\d+ ready on 127\.0\.0\.1:\d+, (data .+|in memory)\n$/;

describe('help and options', () => {
  const ended = async (...args: readonly string[]) => {
    const run = runElanus(...args);
    const { code } = await run.ended;
    return { code, stdout: run.stdout(), stderr: run.stderr() };
  };
  test('help says what it is, how to start and what the options are', async () => {
    const general = await ended('--help');
    expect(general).toMatchObject({ code: 0, stderr: '' });
    expect(general.stdout).toContain('Milvus');
    expect(general.stdout).toMatch(/serve .*Start a server/);
    const serve = await ended('serve', '--help');
    expect(serve).toMatchObject({ code: 0, stderr: '' });
    for (const option of ['--data', '--port', '--host', '--log-level', '--auth', '--insecure'])
      expect(serve.stdout).toContain(option);
    expect(serve.stdout).toContain('19530');
    expect(serve.stdout).toContain('elanus serve --data ./data');
    expect((await ended('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    // Asked for nothing, it shows the help, as an error.
    expect((await ended()).code).not.toBe(0);
  });
  test.concurrent.each([
    ['unknown option', ['serve', '--prot', '1'], '--prot'],
    ['unknown command', ['server'], 'server'],
    ['port that is none', ['serve', '--port', 'x'], 'expected a port from 0 (any free one) to 65535'],
    ['port too large', ['serve', '--port', '70000'], 'expected a port from 0 (any free one) to 65535'],
    ['option without its value', ['serve', '--data'], '--data'],
    ['data folder without a name', ['serve', '--data', '', '--port', '0'], 'expected a path'],
    ['log level there is not', ['serve', '--log-level', 'loud'], 'debug, info, warn, error'],
    ['origin that is none', ['serve', '--cors-origin', 'app.example'], 'expected an origin such as'],
    ['role that nobody calls', ['serve', '--role', 'query-node'], 'neither a proxy nor a port'],
    ['role that finds no other', ['serve', '--role', 'proxy', '--port', '0'], 'nothing says where they run'],
    ['role there is not', ['serve', '--role', 'chef'], '"chef" is not a role; roles are'],
    ['peer that is none', ['serve', '--peer', 'data-coord'], 'expected ROLE=HOST:PORT'],
    ['argument too many', ['serve', './data'], 'argument'],
    ['open to the network', ['serve', '--host', '0.0.0.0', '--port', '0'], '--insecure'],
    [
      'open to the network, said how',
      ['serve', '--host', '::', '--port', '0'],
      'add --auth (docs/security.md)',
    ],
    [
      'audit log that cannot be',
      ['serve', '--port', '0', '--auth', '--audit-log', '/nowhere/there/audit'],
      'the audit log',
    ],
    [
      'data that is a file',
      ['serve', '--data', join(import.meta.dirname, 'process.test.ts'), '--port', '0'],
      'process.test.ts',
    ],
  ] as const)('%s', async (_what, args, text) => {
    const { code, stdout, stderr } = await ended(...args);
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe('');
    expect(stderr).toContain(text);
    expect(stderr).not.toContain('    at '); // A sentence, not a stack.
  });
});

describe('life of a server', () => {
  test('many searches at once over many shards, and a flush of them: nothing is written to stderr', async () => {
    const server = await startServer(undefined);
    const client = await connect(server.address);
    await createLoaded(client, 'wide', { shards: 16 });
    await insertRange(client, 'wide', 0, 4000);
    const search = () =>
      client.search({ collection_name: 'wide', data: vectorOf(7), limit: 1, output_fields: ['id'] });
    const found = await Promise.all(Array.from({ length: 50 }, search));
    expect(found.map(({ results }) => Number(results[0]?.id))).toEqual(Array.from({ length: 50 }, () => 7));
    await mustSucceed(client.flushSync({ collection_names: ['wide'] }));
    await Promise.all(Array.from({ length: 50 }, search));
    await client.closeConnection();
    expect(await stopServer(server)).toBe(0);
    expect(server.stderr()).toBe('');
  });
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: rows become files, exit code 0, everything there again',
    async (signal) => {
      const folder = await tempFolder();
      const first = await startServer(folder.path);
      expect(first.stdout()).toMatch(READY);
      const client = await connect(first.address);
      await createLoaded(client, 'kept', { shards: 2 });
      await insertRange(client, 'kept', 0, 50);
      await mustSucceed(client.delete({ collection_name: 'kept', ids: [7] }));
      await client.closeConnection();
      expect(await stopServer(first, signal)).toBe(0);
      expect(first.stdout()).toMatch(READY); // Still one line.
      expect(first.stderr()).toBe('');
      expect(await readdir(folder.path)).not.toContain('LOCK');

      const again = await startServer(folder.path, '--log-level', 'info');
      // Written to files at the stop: nothing is read back from the log.
      const replays = [...again.stderr().matchAll(/\{[^\n]*"event":"wal_replayed"[^\n]*\}/g)].map(([line]) =>
        JSON.parse(line),
      );
      expect(replays.length).toBeGreaterThan(0);
      expect(replays.map(({ records }) => records)).toEqual(replays.map(() => 0));
      const other = await connect(again.address);
      expect((await other.count({ collection_name: 'kept' })).data).toBe(49);
      const found = await other.search({
        collection_name: 'kept',
        data: vectorOf(8),
        limit: 1,
        output_fields: ['id', 'vector'],
      });
      expect(found.results[0]).toMatchObject({ id: '8', vector: vectorOf(8) });
      await other.closeConnection();
      expect(await stopServer(again)).toBe(0);
      await folder.remove();
    },
  );
  test('a signal while clients are connected and calls run: still a clean end', async () => {
    const folder = await tempFolder();
    const server = await startServer(folder.path);
    const client = await connect(server.address);
    await createLoaded(client, 'busy');
    const acknowledged: number[] = [];
    const writes = Array.from({ length: 20 }, async (_, at) => {
      await insertRange(client, 'busy', at * 100, at * 100 + 100);
      acknowledged.push(at);
    });
    server.kill('SIGTERM');
    await Promise.allSettled(writes);
    expect((await server.ended).code).toBe(0);
    await client.closeConnection();
    const again = await startServer(folder.path);
    const other = await connect(again.address);
    const read = await other.query({
      collection_name: 'busy',
      filter: 'id not in [-1]',
      output_fields: ['id'],
      limit: 10_000,
    });
    const ids = new Set(read.data.map(({ id }) => Number(id)));
    for (const at of acknowledged)
      for (let id = at * 100; id < at * 100 + 100; id++) expect(ids.has(id)).toBe(true);
    await other.closeConnection();
    await stopServer(again);
    await folder.remove();
  });
  test('a second server on the folder, or on the port, says why it cannot start', async () => {
    const folder = await tempFolder();
    const server = await startServer(folder.path);
    const second = runElanus('serve', '--data', folder.path, '--port', '0');
    expect((await second.ended).code).toBe(1);
    expect(second.stdout()).toBe('');
    expect(second.stderr()).toContain(`pid ${server.pid}`);
    expect(second.stderr()).toContain(folder.path);
    const third = runElanus('serve', '--port', String(server.port));
    expect((await third.ended).code).toBe(1);
    expect(third.stderr()).toContain(`cannot listen on 127.0.0.1:${server.port}`);
    const client = await connect(server.address);
    expect((await client.checkHealth()).isHealthy).toBe(true);
    await client.closeConnection();
    await stopServer(server);
    // A LOCK left behind by a process that is gone holds no one up.
    await writeFile(
      join(folder.path, 'LOCK'),
      `${JSON.stringify({ pid: server.pid, host: 'somewhere', started: '1' })}\n`,
    );
    await stat(join(folder.path, 'LOCK'));
    const fourth = runElanus('serve', '--data', folder.path, '--port', '0');
    expect((await fourth.ended).code).toBe(1);
    expect(fourth.stderr()).toContain('if that host is gone, remove the file LOCK');
    await folder.remove();
  });
});

describe('the port', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer(undefined);
    const client = await connect(server.address);
    await createLoaded(client, 'good');
    await insertRange(client, 'good', 0, 3);
    await client.closeConnection();
  });
  afterAll(() => stopServer(server));
  const http = (method: string, path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
      const sent = request({ port: server.port, host: '127.0.0.1', method, path, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
        );
      });
      sent.on('error', reject).end();
    });
  async function expectAlive(): Promise<void> {
    expect(server.hasEnded).toBe(false);
    const client = await connect(server.address);
    expect((await client.count({ collection_name: 'good' })).data).toBe(3);
    await client.closeConnection();
  }
  test('/healthz, /metrics, and what is not there', async () => {
    expect(await http('GET', '/healthz')).toMatchObject({ status: 200, body: 'OK' });
    expect((await http('HEAD', '/healthz')).status).toBe(200);
    expect(await http('GET', '/livez')).toMatchObject({ status: 200, body: 'OK' });
    const metrics = await http('GET', '/metrics');
    expect(metrics.status).toBe(200);
    expect(metrics.type).toContain('text/plain; version=0.0.4');
    expect(metrics.body).toContain('# TYPE milvus_proxy_req_latency_ms histogram');
    expect(metrics.body).toMatch(/^milvus_proxy_req_count\{function_name="Insert"\} 1$/m);
    for (const line of metrics.body.trim().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? [0-9.e+-]+|)$/);
    }
    expect(await http('GET', '/nothing')).toMatchObject({ status: 404, type: 'application/json' });
    expect((await http('GET', '/nothing')).body).toContain('/nothing is not served');
    expect(await http('POST', '/v2/vectordb/collections/list')).toMatchObject({
      status: 200,
      body: expect.stringContaining('"code":1801'),
    });
    expect((await http('POST', '/v3/vectordb/collections/list')).status).toBe(404);
  });
  const bytes = (count: number, seed: number): Buffer => {
    const next = randomOf(seed);
    return Buffer.from(Array.from({ length: count }, () => (next() + 1) * 128));
  };
  const hello = Buffer.from('16030100f8010000f40303', 'hex');
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const garbage: readonly (readonly [string, Buffer])[] = [
    ['nothing at all', Buffer.alloc(0)],
    ['random bytes', bytes(5000, 1)],
    ['zeros', Buffer.alloc(70_000)],
    ['half a TLS hello', Buffer.concat([hello, bytes(60, 2)])],
    ['half a preface', preface.subarray(0, 9)],
    ['a preface, then random bytes', Buffer.concat([preface, bytes(5000, 3)])],
    [
      'a preface, then a frame that claims 16 MiB',
      Buffer.concat([preface, Buffer.from('ffffff000000000001', 'hex')]),
    ],
    [
      'a preface and settings, then headers that are none',
      Buffer.concat([preface, Buffer.from('000000040000000000000010010400000001ffffffffffff', 'hex')]),
    ],
    ['HTTP that is none', Buffer.from('GET\r\n\r\nnot : http\0\r\n')],
    ['HTTP with a wrong version', Buffer.from('GET / HTTP/9.9\r\n\r\n')],
    ['a huge header', Buffer.from(`GET /healthz HTTP/1.1\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`)],
    ['a body length that is none', Buffer.from('POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n')],
    [
      'chunks that are none',
      Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n'),
    ],
    [
      'an upgrade',
      Buffer.from(
        'GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n\r\n',
      ),
    ],
    ['CONNECT', Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n')],
  ];
  test.each(garbage)('%s does not end the process', async (_what, sent) => {
    for (const isReset of [false, true]) {
      const socket = connectTcp({ port: server.port, host: '127.0.0.1' });
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {}); // The server may cut it while we write.
      await once(socket, 'connect');
      socket.write(sent);
      if (isReset) socket.resetAndDestroy();
      else {
        socket.resume();
        socket.end();
      }
      await closed;
    }
    await expectAlive();
  });
  test('a message over 64 MiB is refused at once, one just below is looked at', async () => {
    const raw = connectRaw(server.address);
    const MiB = 1024 * 1024;
    // RESOURCE_EXHAUSTED: clients do not send it again.
    await expect(raw.call('Insert', new Uint8Array(64 * MiB + 1))).rejects.toMatchObject({ code: 8 });
    await expectAlive();
    const big = InsertRequest.encode(
      InsertRequest.fromPartial({ collectionName: 'x'.repeat(63 * MiB) }),
    ).finish();
    const { status } = MutationResult.decode(await raw.call('Insert', big));
    expect(status?.code).toBeGreaterThan(0);
    expect(status?.reason.length).toBeLessThan(10_000);
    raw.close();
    await expectAlive();
  });
});
