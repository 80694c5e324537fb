// The order of folders holds in every source file, and each rule is shown to find its breach.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERSION } from '#server/version.js';
import {
  badSpecifiers,
  cycles,
  foreignImports,
  importsOf,
  LINES_MAX,
  noOpening,
  privateImports,
  roomCircles,
  type Sources,
  tooLong,
  unnamedFolders,
  worldlyCalls,
  wrongOrder,
} from './layering.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources: Sources = new Map(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => [path, read(`src/${path}`)]),
);
const files = (entries: Readonly<Record<string, string>>): Sources => new Map(Object.entries(entries));

/** Everything else that is written by hand, by path from the root. */
const others: Sources = new Map(
  ['kernels', 'test', 'sim', 'fuzz', 'torture', 'bench', 'scripts', 'demo'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => /\.(?:ts|mjs)$/.test(path) && !/\/(?:node_modules|\.[^/]*)\//.test(path))
      .map((path): [string, string] => [path, read(path)]),
  ),
);

describe('the repository', () => {
  it('is read at all', () => {
    expect(sources.size).toBeGreaterThan(100);
    expect(
      importsOf('server/node-parts.ts', sources.get('server/node-parts.ts') ?? '').length,
    ).toBeGreaterThan(15);
  });
  it('imports in the order of folders', () => expect(wrongOrder(sources)).toEqual([]));
  it('keeps roles and platforms apart', () => expect(privateImports(sources)).toEqual([]));
  it('touches the outside world in one place', () => expect(foreignImports(sources)).toEqual([]));
  it('imports relatively inside a folder, by name across folders', () =>
    expect(badSpecifiers(sources)).toEqual([]));
  it('has no circles at run time', () => expect(cycles(sources, { types: false })).toEqual([]));
  it('has no circles of types', () => expect(cycles(sources, { types: true })).toEqual([]));
  it.each(['index', 'segment'])('has an order of rooms in %s', (folder) =>
    expect(roomCircles(sources, folder)).toEqual([]),
  );
  it('takes time and chance from the platform', () => expect(worldlyCalls(sources)).toEqual([]));
  it('has no file that is too long', () => {
    expect(others.size).toBeGreaterThan(200);
    expect(tooLong(new Map([...sources, ...others]))).toEqual([]);
  });
  it('says at the top of each file what it is for', () => expect(noOpening(sources)).toEqual([]));
  it('is on the map', () => expect(unnamedFolders(sources, read('ARCHITECTURE.md'))).toEqual([]));
  it('has one version', () =>
    expect(VERSION).toBe((JSON.parse(read('package.json')) as { readonly version: string }).version));
});

describe('the rules find', () => {
  it('a circle of rooms, through files that make none', () => {
    const circle = files({
      'segment/a/one.ts': "import { b } from '#segment/b/two.js';",
      'segment/b/two.ts': '',
      'segment/b/three.ts': "import type { r } from '#segment/root.js';",
      'segment/root.ts': "import { a } from '#segment/a/four.js';",
      'segment/a/four.ts': '',
      'segment/b/five.test.ts': "import { a } from '#segment/a/one.js';",
    });
    expect(roomCircles(circle, 'segment')).toEqual(['segment/a → segment/b → segment → segment/a']);
    expect(roomCircles(circle, 'index')).toEqual([]);
  });
  it('an import of a later folder, in every form', () => {
    for (const line of [
      "import { a } from '#roles/x/a.js';",
      "import type { a } from '#roles/x/a.js';",
      "export { a } from '#roles/x/a.js';",
      "import '#roles/x/a.js';",
      "const a = await import('#roles/x/a.js');",
      "import {\n  a,\n  b,\n} from '#roles/x/a.js';",
      "import { a } from '../roles/x/a.js';",
    ]) {
      expect(wrongOrder(files({ 'model/a.ts': line, 'roles/x/a.ts': '' })), line).toHaveLength(1);
    }
    expect(
      wrongOrder(files({ 'roles/x/a.ts': "import { a } from '#model/a.js';", 'model/a.ts': '' })),
    ).toEqual([]);
    expect(
      wrongOrder(
        files({ 'model/a.ts': "// import { a } from '#roles/x/a.js';\n/* import '#roles/x/a.js'; */" }),
      ),
    ).toEqual([]);
  });
  it('a folder without a place', () => expect(wrongOrder(files({ 'utils/a.ts': '' }))).toHaveLength(1));
  it('a role inside another, and a platform inside a role', () => {
    const inside = {
      'roles/a/a.ts': "import { b } from '#roles/b/b.js';",
      'roles/b/b.ts': '',
      'platform/memory/m.ts': '',
      'server/node.ts': "import { a } from '#roles/a/a.js';",
    };
    expect(privateImports(files(inside))).toHaveLength(1);
    expect(
      privateImports(files({ ...inside, 'roles/a/a.ts': "import { m } from '#platform/memory/m.js';" })),
    ).toHaveLength(1);
    expect(
      privateImports(
        files({
          'roles/a/a.ts': "import { a } from './c.js';",
          'server/open.ts': "import { n } from '#platform/node/n.js';",
        }),
      ),
    ).toEqual([]);
  });
  it('a module of Node, or a package, in the wrong place', () => {
    expect(foreignImports(files({ 'wal/a.ts': "import { open } from 'node:fs';" }))).toHaveLength(1);
    expect(foreignImports(files({ 'wal/a.ts': "import lmdb from 'lmdb';" }))).toHaveLength(1);
    expect(foreignImports(files({ 'wal/a.ts': "import { x } from 'hyparquet';" }))).toHaveLength(1);
    expect(foreignImports(files({ 'server/node.ts': "import { x } from '@grpc/grpc-js';" }))).toHaveLength(1);
    const fine = {
      'platform/node/a.ts': "import 'node:fs';",
      'server/main.ts': "import { Command } from 'commander';",
      'segment/p.ts': "import { x } from 'hyparquet/src/y.js';",
      'wal/a.test.ts': "import fc from 'fast-check';",
    };
    expect(foreignImports(files(fine))).toEqual([]);
  });
  it('a path of the wrong kind', () => {
    const both = { 'base/b.ts': '', 'model/b.ts': '' };
    expect(badSpecifiers(files({ ...both, 'model/a.ts': "import { b } from '../base/b.js';" }))).toHaveLength(
      1,
    );
    expect(badSpecifiers(files({ ...both, 'model/a.ts': "import { b } from '#model/b.js';" }))).toHaveLength(
      1,
    );
    expect(badSpecifiers(files({ ...both, 'model/a.ts': "import { b } from './c.js';" }))).toHaveLength(1);
    expect(
      badSpecifiers(
        files({ ...both, 'model/a.ts': "import { b } from './b.js';\nimport { c } from '#base/b.js';" }),
      ),
    ).toEqual([]);
  });
  it('circles, with and without types', () => {
    const circle = {
      'a/x.ts': "import { y } from './y.js';",
      'a/y.ts': "import { z } from './z.js';",
      'a/z.ts': "import { x } from './x.js';",
    };
    expect(cycles(files(circle), { types: false })).toEqual(['a/x.ts → a/y.ts → a/z.ts → a/x.ts']);
    const ofTypes = { ...circle, 'a/z.ts': "import { type X, type Y } from './x.js';" };
    expect(cycles(files(ofTypes), { types: false })).toEqual([]);
    expect(cycles(files(ofTypes), { types: true })).toHaveLength(1);
    expect(cycles(files({ ...circle, 'a/z.ts': '' }), { types: true })).toEqual([]);
  });
  it('clocks, timers and chance', () => {
    for (const code of [
      'Date.now()',
      'new Date()',
      'setTimeout(f, 1)',
      'setInterval(f, 1)',
      'Math.random()',
      'performance.now()',
      'process.exit(1)',
      'globalThis.fetch(url)',
    ]) {
      expect(worldlyCalls(files({ 'roles/a/a.ts': `const x = ${code};` })), code).toHaveLength(1);
      expect(worldlyCalls(files({ 'platform/node/a.ts': `const x = ${code};` })), code).toEqual([]);
      expect(
        worldlyCalls(files({ 'roles/a/a.ts': `// never ${code}\nthrow new Error('${code}');` })),
        code,
      ).toEqual([]);
    }
  });
  it('a long file, a file without opening, a folder off the map', () => {
    expect(tooLong(files({ 'base/a.ts': 'x\n'.repeat(LINES_MAX) }))).toEqual([]);
    expect(tooLong(files({ 'base/a.ts': 'x\n'.repeat(LINES_MAX + 1) }))).toHaveLength(1);
    expect(
      noOpening(
        files({
          'base/a.ts': "import 'x';",
          'base/b.ts': '// What it is for.\n',
          'base/c.ts': '#!/usr/bin/env node\n// The command.\n',
        }),
      ),
    ).toHaveLength(1);
    const map = files({ 'base/a.ts': '', 'roles/data-node/a.ts': '', 'wal/a.ts': '' });
    expect(unnamedFolders(map, '`base/` and roles/data-node and wal.')).toEqual([]);
    expect(unnamedFolders(map, 'database, data-node-x, walrus')).toEqual(['base', 'roles/data-node', 'wal']);
  });
});
