// Must hold: the password that every new database has opens no door to the network; another one can be given at the start, counts once, and
// is nowhere to be read. And: the audit log of a new data folder may lie in it.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { runElanus, runElanusWith, startServer, stopServer } from './server-process.js';
import { mustSucceed, tempFolder } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;

beforeEach(async () => {
  folder = await tempFolder();
});

afterEach(async () => {
  await folder.remove();
});

async function canLogIn(address: string, password: string): Promise<boolean> {
  const client = new MilvusClient({
    ...{ address, username: 'root', password, timeout: 20_000, logLevel: 'error' as const },
    channelOptions: { 'grpc.use_local_subchannel_pool': 1 },
  });
  try {
    await client.connectPromise;
    return (await client.listUsers()).status.code === 0;
  } catch (error) {
    expect(String(error)).toContain('UNAUTHENTICATED');
    return false;
  } finally {
    await client.closeConnection();
  }
}

const KNOWN = 'Milvus';
const openAs = (options: Parameters<typeof open>[1]): Promise<Elanus> =>
  open(folder.path, { auth: true, logLevel: 'error', ...options });

describe('an embedded database', () => {
  it('sets it once, and keeps what was changed since', async () => {
    const first = await openAs({ rootPassword: 'first-one' });
    expect([await canLogIn(first.address, 'first-one'), await canLogIn(first.address, KNOWN)]).toEqual([
      true,
      false,
    ]);
    await first.close();
    // The password has been changed: the start after it changes nothing.
    const second = await openAs({ rootPassword: 'second-one' });
    expect([
      await canLogIn(second.address, 'first-one'),
      await canLogIn(second.address, 'second-one'),
    ]).toEqual([true, false]);
    await second.close();
    // Without the option it is what it was, also where others can reach it.
    const third = await openAs({ host: '0.0.0.0' });
    expect(await canLogIn(`127.0.0.1:${third.port}`, 'first-one')).toBe(true);
    await third.close();
  });

  it.each([undefined, KNOWN])(
    'does not open to the network with the known one (given: %s)',
    async (rootPassword) => {
      const given = rootPassword === undefined ? {} : { rootPassword };
      await expect(openAs({ host: '0.0.0.0', ...given })).rejects.toThrow(
        /root still has the password.*--insecure/,
      );
      const insecure = await openAs({ host: '0.0.0.0', insecure: true, ...given });
      expect(await canLogIn(`127.0.0.1:${insecure.port}`, KNOWN)).toBe(true);
      await insecure.close();
    },
  );

  it('nor where somebody set that one again', async () => {
    const database = await openAs({ rootPassword: 'first-one' });
    const client = new MilvusClient({ address: database.address, username: 'root', password: 'first-one' });
    await mustSucceed(client.updateUser({ username: 'root', oldPassword: 'first-one', newPassword: KNOWN }));
    await client.closeConnection();
    await database.close();
    await expect(openAs({ host: '0.0.0.0' })).rejects.toThrow('root still has the password');
    const again = await openAs({ host: '0.0.0.0', rootPassword: 'second-one' });
    expect(await canLogIn(`127.0.0.1:${again.port}`, 'second-one')).toBe(true);
    await again.close();
  });

  it.each(['short', 'a\nb-in-two-lines', 'x'.repeat(73), 'nul\0inside'])(
    'refuses %j',
    async (rootPassword) => {
      const error = await openAs({ rootPassword }).then(
        () => '',
        (reason: unknown) => String(reason),
      );
      expect(error).toContain('rootPassword: ');
      expect(error).not.toContain(rootPassword);
    },
  );
});

describe('a server', () => {
  it('takes it from a file or the environment, and from nowhere twice', async () => {
    const file = `${folder.path}.password`;
    await writeFile(file, 'of-a-file\n');
    const server = await startServer(folder.path, '--auth', '--root-password-file', file);
    expect([await canLogIn(server.address, 'of-a-file'), await canLogIn(server.address, KNOWN)]).toEqual([
      true,
      false,
    ]);
    expect(await stopServer(server)).toBe(0);
    const both = runElanusWith(
      { ELANUS_ROOT_PASSWORD: 'of-a-variable' },
      'serve',
      '--port',
      '0',
      '--auth',
      '--root-password-file',
      file,
    );
    expect((await both.ended).code).toBe(1);
    expect(both.stderr()).toContain('given twice');
    const variable = runElanusWith(
      { ELANUS_ROOT_PASSWORD: 'of-a-variable' },
      'serve',
      '--port',
      '0',
      '--auth',
      '--host',
      '0.0.0.0',
    );
    const port = /:(\d+)/.exec(await variable.ready)?.[1];
    expect(await canLogIn(`127.0.0.1:${port}`, 'of-a-variable')).toBe(true);
    expect(await stopServer(variable)).toBe(0);
    const none = runElanus('serve', '--port', '0', '--auth', '--host', '0.0.0.0');
    expect((await none.ended).code).toBe(1);
    expect(none.stderr()).toMatch(/^elanus: root still has the password that every new database has/);
    const missing = runElanus('serve', '--port', '0', '--root-password-file', join(folder.path, 'nowhere'));
    expect((await missing.ended).code).toBe(1);
    expect(missing.stderr()).toContain('cannot be read');
  });
});

describe('the audit log', () => {
  it('may lie in a new data folder, and a call has one name whichever way it came', async () => {
    const auditFile = join(folder.path, 'audit.jsonl');
    for (const time of ['first', 'second']) {
      const database = await openAs({ auditFile });
      expect(await canLogIn(database.address, KNOWN), time).toBe(true);
      await database.close();
    }
    const database = await openAs({ auditFile });
    const root = new MilvusClient({ address: database.address, username: 'root', password: KNOWN });
    await mustSucceed(root.createUser({ username: 'poor', password: 'secret12' }));
    const fields = [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'v', data_type: DataType.FloatVector, dim: 2 },
    ];
    await mustSucceed(root.createCollection({ collection_name: 'c', fields }));
    await root.closeConnection();
    const poor = new MilvusClient({ address: database.address, username: 'poor', password: 'secret12' });
    const row = { id: 1, v: [1, 2] };
    await expect(poor.insert({ collection_name: 'c', data: [row] })).rejects.toThrow('PERMISSION_DENIED');
    await poor.closeConnection();
    const response = await fetch(`http://${database.address}/v2/vectordb/entities/insert`, {
      method: 'POST',
      headers: { authorization: 'Bearer poor:secret12', 'content-type': 'application/json' },
      body: JSON.stringify({ collectionName: 'c', data: [row] }),
    });
    expect(response.status).toBe(403);
    await response.arrayBuffer();
    await database.close();
    const lines = (await readFile(auditFile, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const denied = lines
      .filter(({ outcome }) => outcome === 'denied')
      .map(({ call, objects }) => [call, objects]);
    expect(denied).toEqual([
      ['Insert', 'default.c'],
      ['Insert', 'default.c'],
    ]);
    expect(await readdir(folder.path)).toContain('audit.jsonl');
  });

  it.each(['objects/audit', 'wal/audit', 'meta/audit', 'LOCK', 'FORMAT', 'RESERVE'])(
    'may not be %s of it',
    async (name) => {
      await expect(openAs({ auditFile: join(folder.path, name) })).rejects.toThrow('among the database');
      // What was refused holds no lock and broke nothing.
      await (await openAs({})).close();
    },
  );
});
