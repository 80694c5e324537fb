// Files of models: of a folder, and of a package that is installed beside the program.
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { nodeModelFiles } from './node-model-files.js';

it('reads files of packages and of folders, into shared memory', async () => {
  const inPackage = await nodeModelFiles.read('typescript', 'package.json');
  expect(inPackage?.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(Buffer.from(inPackage ?? []).toString()).toContain('"name": "typescript"');
  expect(await nodeModelFiles.read('typescript/bin', 'tsc')).toBeDefined();
  expect(await nodeModelFiles.read('./src/platform', 'platform.ts')).toBeDefined();
});

it('finds nothing where there is nothing', async () => {
  expect(await nodeModelFiles.read('no-such-package-anywhere', 'tokenizer.json')).toBeUndefined();
  expect(await nodeModelFiles.read(tmpdir(), 'tokenizer.json')).toBeUndefined();
});
