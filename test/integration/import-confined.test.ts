// What an import may read: plain files below the folder of objects, whatever links lie there.
import { execFileSync } from 'node:child_process';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '#platform/node/files/node-files.js';
import { tempFolder } from './support.js';

describe('Files.openRead', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let files: NodeFiles;
  const at = (...parts: string[]): string => join(folder.path, ...parts);
  beforeAll(async () => {
    folder = await tempFolder();
    await mkdir(at('root', 'objects', 'in'), { recursive: true });
    await mkdir(at('root', 'objects2'), { recursive: true });
    await mkdir(at('outside'), { recursive: true });
    for (const path of [
      at('outside', 'secret.json'),
      at('root', 'beside.json'),
      at('root', 'objects2', 'near.json'),
    ]) {
      await writeFile(path, '[]');
    }
    await writeFile(at('root', 'objects', 'in', 'good.json'), '[1]');
    await symlink(at('outside', 'secret.json'), at('root', 'objects', 'link.json'));
    await symlink('../beside.json', at('root', 'objects', 'beside.json'));
    await symlink('../objects2/near.json', at('root', 'objects', 'near.json'));
    await symlink(at('outside'), at('root', 'objects', 'folder'));
    await symlink('in/good.json', at('root', 'objects', 'inner.json'));
    await symlink('loop.json', at('root', 'objects', 'loop.json'));
    await symlink('nowhere.json', at('root', 'objects', 'dangling.json'));
    if (process.platform !== 'win32') execFileSync('mkfifo', [at('root', 'objects', 'pipe.json')]);
    files = new NodeFiles(at('root'));
  });
  afterAll(async () => {
    await files.close();
    await folder.remove();
  });
  const open = (key: string) => files.openRead(`objects/${key}`, { below: 'objects' });

  test.each(['in/good.json', 'inner.json'])('reads %s', async (key) => {
    const file = await open(key);
    expect([file?.size, ...((await file?.read(0, 99)) ?? [])]).toEqual([3, 0x5b, 0x31, 0x5d]);
    await file?.close();
  });
  test.each(['link.json', 'beside.json', 'near.json', 'folder/secret.json'])(
    'follows no link out: %s',
    async (key) => {
      await expect(open(key)).rejects.toMatchObject({
        key: 'invalid_parameter',
        message: expect.stringContaining(`file "${key}" is reached by a link that leads out of its folder`),
      });
    },
  );
  test.skipIf(process.platform === 'win32').each(['pipe.json', 'in'])('reads no %s', async (key) => {
    await expect(open(key)).rejects.toMatchObject({
      message: expect.stringContaining(`file "${key}" is no plain file`),
    });
  });
  test('has nothing where nothing is', async () => {
    for (const key of ['ghost.json', 'dangling.json', 'in/good.json/x'])
      expect(await open(key)).toBeUndefined();
    await expect(open('loop.json')).rejects.toMatchObject({ key: 'io_failed' });
  });
  test('reads the file that it opened, whatever the name means later', async () => {
    await writeFile(at('root', 'objects', 'swap.json'), '[2]');
    const file = await open('swap.json');
    await symlink(at('outside', 'secret.json'), at('root', 'objects', 'swap.tmp'));
    await rename(at('root', 'objects', 'swap.tmp'), at('root', 'objects', 'swap.json'));
    expect([...((await file?.read(0, 3)) ?? [])]).toEqual([0x5b, 0x32, 0x5d]);
    await file?.close();
    await expect(open('swap.json')).rejects.toMatchObject({ key: 'invalid_parameter' });
  });
  test('a name that changes all the time is never read from outside', async () => {
    const path = at('root', 'objects', 'race.json');
    await writeFile(at('outside', 'race.json'), 'outside');
    let isDone = false;
    const swap = (async () => {
      for (let turn = 0; !isDone; turn++) {
        if (turn % 2 === 0) await writeFile(`${path}.tmp`, 'within');
        else await symlink(at('outside', 'race.json'), `${path}.tmp`);
        await rename(`${path}.tmp`, path);
      }
    })();
    const seen = new Set<string>();
    for (let turn = 0; turn < 300; turn++) {
      try {
        const file = await open('race.json');
        if (file === undefined) continue;
        seen.add(new TextDecoder().decode(await file.read(0, 99)));
        await file.close();
      } catch {
        seen.add('refused');
      }
    }
    isDone = true;
    await swap;
    expect(seen).not.toContain('outside');
  });
});
