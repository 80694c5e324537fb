// What importing `elanus/client` loads: its own files and small pure ones. The protocol's messages, the gRPC library and everything of a
// server come with the first call, or never.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { importsOf } from './layering.js';

const source = join(import.meta.dirname, '../../src');

/** Files that a file brings when it is imported, itself among them; packages by their name. */
function loaded(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(join(source, path), 'utf8').replaceAll(/\bimport\([^)]*\)/g, 'undefined');
  for (const { target, specifier, typeOnly } of importsOf(path, text)) {
    if (typeOnly) continue;
    if (target === undefined) found.add(specifier);
    else loaded(target, found);
  }
  return found;
}

it('the typed client is light', () => {
  const files = [...loaded('client/connect.ts')];
  expect(files.length).toBeGreaterThan(20);
  const folder = (path: string) => path.split('/').slice(0, 2).join('/');
  expect([...new Set(files.filter((path) => !path.startsWith('client/')).map(folder))].sort()).toEqual([
    'base/bytes.ts',
    'base/error-kind.ts',
    'base/errors.ts',
    'base/on-abort.ts',
    'base/whole.ts',
    'model/columns',
    'model/json',
    'model/text-list.ts',
    'platform/node',
  ]);
});
