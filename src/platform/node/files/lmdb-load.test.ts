// lmdb on a platform for which it has no native part.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { loadLmdb } from './lmdb-load.js';

test('a missing native part is an error that names platform, package and remedy', async () => {
  const cause = new Error(
    'No native build was found for platform=sunos arch=mips\n    attempted loading from: /x',
  );
  const failing = { platform: 'sunos', arch: 'mips', load: () => Promise.reject(cause) };
  const error = await loadLmdb(failing).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ElanusError);
  if (!(error instanceof ElanusError)) return;
  expect(error.code).toBe('unsupported');
  expect(error.cause).toBe(cause);
  expect(error.message).toContain('no native part for sunos-mips here (No native build was found for');
  expect(error.message).toContain('expected the package @lmdb/lmdb-sunos-mips beside lmdb;');
  expect(error.message).toContain('npm rebuild lmdb --build-from-source');
  expect(error.message).not.toContain('\n');
});

test('where it is there, it opens', async () => {
  expect(typeof (await loadLmdb())).toBe('function');
});

test('a process that forbids functions of text is not said to miss a part', async () => {
  const load = () =>
    Promise.reject(new EvalError('Code generation from strings disallowed for this context'));
  await expect(loadLmdb({ platform: 'linux', arch: 'x64', load })).rejects.toMatchObject({
    key: 'unsupported',
    message: expect.stringMatching(
      /Code generation from strings disallowed.*expected Node.js without --disallow-code/,
    ),
  });
});
