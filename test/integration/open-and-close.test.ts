// Opening and closing end, with a reason, whatever the folder is and whatever broke meanwhile.
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect as http2Connect } from 'node:http2';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ElanusError, open } from '#server/open.js';
import { runElanus, startServer } from './server-process.js';
import { connect, createLoaded, insertRange, tempFolder, until } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeEach(async () => {
  folder = await tempFolder();
});

afterEach(() => folder.remove());
const CURRENT = 'elanus data folder, version 3\n';
const quiet = { logLevel: 'silent' } as const;
const failureOfOpen = (path: string): Promise<unknown> =>
  open(path, quiet).then(
    (database) => database.close().then(() => 'opened'),
    (error: unknown) => error,
  );
/** Names and contents, to see that nothing was touched. */
async function contentsOf(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const at = join(entry.parentPath, entry.name);
    found[at] = entry.isFile() ? await readFile(at, 'utf8') : 'folder';
  }
  return found;
}

describe('open() of what is no data folder', () => {
  const isRoot = process.getuid?.() === 0;
  const cases: readonly (readonly [
    what: string,
    make: (at: string) => Promise<unknown>,
    path: string,
    said: string,
  ])[] = [
    ['a file', (at) => writeFile(join(at, 'x'), 'mine'), 'x', 'is a file'],
    ['a path below a file', (at) => writeFile(join(at, 'x'), 'mine'), 'x/y/z', 'is a file'],
    ['a path that nobody can make', async () => {}, '../../../../../proc/elanus/data', 'cannot be made'],
    ['a foreign folder', (at) => writeFile(join(at, 'photo.jpg'), 'mine'), '', '"photo.jpg"'],
    [
      'a newer folder',
      async (at) => {
        await mkdir(join(at, 'meta'));
        await writeFile(join(at, 'FORMAT'), 'elanus data folder, version 4\n');
      },
      '',
      'is of version 4, this program knows up to 3',
    ],
    [
      'a folder with another FORMAT',
      (at) => writeFile(join(at, 'FORMAT'), 'FAT32'),
      '',
      'a file FORMAT that is not',
    ],
  ];
  test.each(cases)('%s is refused in one line and left as it is', async (_what, make, path, said) => {
    await make(folder.path);
    const before = await contentsOf(folder.path);
    const at = join(folder.path, path);
    const error = await failureOfOpen(at);
    expect(error).toBeInstanceOf(ElanusError);
    expect(error).toMatchObject({ code: 'folder_unusable', message: expect.stringContaining(said) });
    expect((error as Error).message).not.toContain('\n');
    expect(await contentsOf(folder.path)).toEqual(before);
  });
  test.skipIf(isRoot)('a folder that may not be written is refused', async () => {
    await chmod(folder.path, 0o500);
    expect(await failureOfOpen(folder.path)).toMatchObject({
      code: 'folder_unusable',
      message: expect.stringContaining('EACCES'),
    });
    await chmod(folder.path, 0o700);
  });
  test.each([['' as unknown], [7], ['a\0b']])('%j is no path', async (path) => {
    await expect(open(path as string, quiet)).rejects.toMatchObject({ code: 'invalid_parameter' });
  });
  test('the command line says one line and ends with 1', async () => {
    await writeFile(join(folder.path, 'photo.jpg'), 'mine');
    const run = runElanus('serve', '--data', folder.path, '--port', '0');
    expect((await run.ended).code).toBe(1);
    expect(run.stdout()).toBe('');
    expect(run.stderr()).toMatch(/^elanus: data folder .* holds what is not Elanus's \("photo\.jpg"\).*\n$/);
  });
  test('an own folder with a file of the user in it opens, also one without the mark, as version 0.1 made it', async () => {
    await (await open(folder.path, quiet)).close();
    await writeFile(join(folder.path, 'README'), 'what is in here');
    expect(await failureOfOpen(folder.path)).toBe('opened');
    await rm(join(folder.path, 'FORMAT'));
    expect(await failureOfOpen(folder.path)).toBe('opened');
    expect(await readFile(join(folder.path, 'FORMAT'), 'utf8')).toBe(CURRENT);
  });
  test('a folder of an older version is marked as of this one before anything else is written', async () => {
    await (await open(folder.path, quiet)).close();
    await writeFile(join(folder.path, 'FORMAT'), 'elanus data folder, version 2\n');
    // Not even one that cannot be opened further goes back to the older program, which would not know what is in it.
    await rm(join(folder.path, 'meta'), { recursive: true });
    await writeFile(join(folder.path, 'meta'), '');
    expect(await failureOfOpen(folder.path)).not.toBe('opened');
    expect(await readFile(join(folder.path, 'FORMAT'), 'utf8')).toBe(CURRENT);
    expect(await readdir(folder.path)).not.toContain('LOCK');
    await rm(join(folder.path, 'meta'));
  });
});

describe('close()', () => {
  test('ends with the reason when rows cannot be written to files; the folder opens again and has them', async () => {
    const database = await open(folder.path, quiet);
    const client = await connect(database.address);
    await createLoaded(client, 'kept');
    await insertRange(client, 'kept', 0, 50);
    await client.closeConnection();
    // A file where the folder of row files would be: every flush fails, as on a full disk.
    await mkdir(join(folder.path, 'objects'), { recursive: true });
    await writeFile(join(folder.path, 'objects/insert_log'), '');
    await expect(database.close()).rejects.toThrow(/not all was done: writing rows to files: .*insert_log/);
    await rm(join(folder.path, 'objects/insert_log'));
    const again = await open(folder.path, quiet);
    const other = await connect(again.address);
    expect((await other.count({ collection_name: 'kept' })).data).toBe(50);
    await other.closeConnection();
    await again.close();
  });
  test('ends after all threads of the database died, and what was acknowledged is there', async () => {
    const workers: Worker[] = [];
    const seen = (worker: Worker): void => void workers.push(worker);
    process.on('worker', seen);
    const database = await open(folder.path, quiet);
    const client = await connect(database.address);
    await createLoaded(client, 'kept');
    // So many appends that a thread takes over.
    for (let row = 0; row < 50; row++) await insertRange(client, 'kept', row, row + 1);
    process.off('worker', seen);
    expect(workers.map(({ threadName }) => threadName)).toContain('append');
    const ends = workers.map((worker) => once(worker, 'exit'));
    const waiting = insertRange(client, 'kept', 50, 60).then(
      () => 60,
      () => 50,
    );
    for (const worker of workers) void worker.terminate();
    await Promise.all(ends);
    const acknowledged = await waiting;
    await until('a write with new threads', async () => {
      await insertRange(client, 'kept', 60, 61);
      return true;
    });
    await client.closeConnection();
    await database.close();
    const again = await open(folder.path, quiet);
    const other = await connect(again.address);
    expect((await other.count({ collection_name: 'kept' })).data).toBeGreaterThanOrEqual(acknowledged + 1);
    await other.closeConnection();
    await again.close();
  });
});

describe('SIGTERM', () => {
  /** A stream whose message never ends. */
  function stall(port: number): () => void {
    const session = http2Connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const path = '/milvus.proto.milvus.MilvusService/Insert';
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.write(Buffer.from([0, 0, 1, 0, 0, 1]));
    return () => session.destroy();
  }
  test('with half-sent messages and writes under way it ends within 8 s, and loses nothing', async () => {
    const server = await startServer(folder.path);
    const client = await connect(server.address);
    await createLoaded(client, 'busy');
    const stalled = Array.from({ length: 4 }, () => stall(server.port));
    let acknowledged = 0;
    const writes = Array.from({ length: 40 }, (_, at) =>
      insertRange(client, 'busy', at * 200, at * 200 + 200).then(() => {
        acknowledged += 200;
      }),
    );
    await Promise.race(writes);
    const since = performance.now();
    server.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(performance.now() - since).toBeLessThan(8000);
    await Promise.allSettled(writes);
    for (const end of stalled) end();
    await client.closeConnection();
    const again = await open(folder.path, quiet);
    const other = await connect(again.address);
    expect((await other.count({ collection_name: 'busy' })).data).toBeGreaterThanOrEqual(acknowledged);
    await other.closeConnection();
    await again.close();
  });
  test('a second signal ends it at once', async () => {
    const server = await startServer(folder.path);
    // Both are there before the first can have closed anything; which one is handled first is the kernel's choice.
    server.kill('SIGTERM');
    server.kill('SIGINT');
    expect([130, 143]).toContain((await server.ended).code);
    expect(server.stderr()).toMatch(/^elanus: SIG(INT|TERM) again: stopped at once/m);
  });
});

describe('a folder whose catalog is lost', () => {
  test('is refused and left as it is; with its catalog back, everything is there', async () => {
    const write = async (): Promise<void> => {
      const database = await open(folder.path, quiet);
      const client = await connect(database.address);
      await createLoaded(client, 'a');
      await insertRange(client, 'a', 0, 50);
      await client.closeConnection();
      await database.close();
    };
    await write();
    const meta = join(folder.path, 'meta');
    await rename(meta, join(folder.path, '.tmp-meta'));
    await mkdir(meta);
    const before = Object.keys(await contentsOf(folder.path)).filter((path) => !path.startsWith(meta));
    expect(await failureOfOpen(folder.path)).toMatchObject({
      code: 'data_corrupt',
      message: expect.stringContaining('the catalog is empty'),
    });
    expect(Object.keys(await contentsOf(folder.path)).filter((path) => !path.startsWith(meta))).toEqual(
      before,
    );
    await rm(meta, { recursive: true });
    await rename(join(folder.path, '.tmp-meta'), meta);
    const database = await open(folder.path, quiet);
    const client = await connect(database.address);
    await until('the rows', async () =>
      (await client.count({ collection_name: 'a' })).data === 50 ? true : undefined,
    );
    await client.closeConnection();
    await database.close();
  });
  test('files of a user do not count as data', async () => {
    await mkdir(join(folder.path, 'objects/mine'), { recursive: true });
    await writeFile(join(folder.path, 'objects/mine/rows.json'), '[]');
    const database = await open(folder.path, quiet);
    await database.close();
  });
});
