// Documents say what the tree says: ARCHITECTURE's folders, rooms and formats, the files of each role, index types and metrics of
// compat.md, decisions, links.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexTypeNames } from '#model/params/index-types.js';
import { metricNames } from '#model/schema/metric-type.js';
import { codesIn, linkedPaths, rowsOf, section, unnamedFiles } from './documents.js';
import { folders } from './layering.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const list = (path: string): string[] =>
  readdirSync(join(root, path), { recursive: true, encoding: 'utf8' }).map((name) =>
    name.replaceAll('\\', '/'),
  );
const isSource = (name: string): boolean => name.endsWith('.ts') && !/\.(test|d)\.ts$/.test(name);
const architecture = read('ARCHITECTURE.md');

describe('ARCHITECTURE.md', () => {
  const rows = rowsOf(section(architecture, '## Folders'));

  it('has every folder of src in order, each with a file to begin at', () => {
    const named = rows.flatMap(([first = '', , begin = '']) =>
      codesIn(first).map((path) => ({ path, begin })),
    );
    const top = named.filter(({ path }) => /^src\/[a-z]+\/$/.test(path));
    expect(top.map(({ path }) => path.split('/')[1])).toEqual([...folders]);
    for (const { path, begin } of top) {
      const [file = ''] = codesIn(begin);
      const isThere = file.startsWith('*')
        ? list(path).some((name) => name.endsWith(file.slice(1)))
        : existsSync(join(root, path, file)) || path === 'src/proto/';
      expect({ path, file, isThere }).toEqual({ path, file, isThere: true });
    }
  });

  it('has every room', () => {
    const rooms = list('src')
      .filter(isSource)
      .map((name) => name.split('/').slice(0, -1).slice(0, 2).join('/'))
      .filter((name) => name.includes('/') && !/^(proto|roles)\/|\/gen$/.test(name));
    const text = section(architecture, '### Rooms');
    const named = new Set(rowsOf(text).flatMap(([first = '']) => codesIn(first)));
    expect([...new Set(rooms)].filter((room) => !named.has(`${room}/`)).sort()).toEqual([]);
    expect([...named].filter((room) => !existsSync(join(root, 'src', room)))).toEqual([]);
  });

  it('has every role and every format', () => {
    for (const role of readdirSync(join(root, 'src/roles')))
      expect(architecture).toContain(`src/roles/${role}/README.md`);
    const text = section(architecture, '## Files of a data folder');
    const missing = readdirSync(join(root, 'docs/formats')).filter((name) => !text.includes(name));
    expect(missing).toEqual([]);
    const named = [...text.matchAll(/[a-z-]+\.md/g)].map(([name]) => name);
    expect(named.filter((name) => !existsSync(join(root, 'docs/formats', name)))).toEqual([]);
  });

  it('says where what comes will begin', () => {
    const next = rowsOf(section(architecture, '### Rooms for what comes')).slice(1);
    expect(next.length).toBeGreaterThanOrEqual(5);
    for (const [what = '', room = '', begin = ''] of next) {
      expect([what, codesIn(room).length > 0, codesIn(begin).length > 0]).toEqual([what, true, true]);
      for (const name of codesIn(begin)) {
        const [type = '', file = ''] = name.split(' in ');
        const path = join('src', file);
        expect({ name, isThere: existsSync(join(root, path)) }).toEqual({ name, isThere: true });
        expect(read(path)).toMatch(new RegExp(`export .*\\b${type}\\b`));
      }
    }
  });
});

describe('a role', () => {
  it.each(readdirSync(join(root, 'src/roles')))('%s names each of its files once in its README', (role) => {
    const files = list(`src/roles/${role}`).filter(isSource);
    expect(unnamedFiles(read(`src/roles/${role}/README.md`), files)).toEqual([]);
  });
});

describe('docs/compat.md', () => {
  const compat = read('docs/compat.md');

  it('has every type of vector index and no other', () => {
    const types = rowsOf(section(compat, '## Indexes'))
      .slice(1)
      .flatMap(([first = '']) => first.split(', '));
    expect(types.filter((type) => type !== 'GPU_*').sort()).toEqual([...indexTypeNames].sort());
  });

  it('has every metric', () => {
    const row =
      rowsOf(compat)
        .find(([first]) => first === 'metrics')
        ?.join(' ') ?? '';
    expect(metricNames.filter((metric) => !row.includes(metric))).toEqual([]);
  });
});

describe('docs/bundlers.md', () => {
  it('names for a standalone Next.js every package that is read where it lies', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const bundled = ['bcryptjs', 'jsts'];
    const list = section(read('docs/bundlers.md'), '## Next.js').split('const packages')[1] ?? '';
    const missing = Object.keys(dependencies).filter(
      (name) => !bundled.includes(name) && !list.includes(`'${name.split('/')[0]}'`),
    );
    expect(missing).toEqual([]);
  });
});

describe('documents', () => {
  const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n');

  it.each(documents)('%s links only to what is there', (path) => {
    expect(linkedPaths(path, read(path)).filter((target) => !existsSync(join(root, target)))).toEqual([]);
  });

  it('number each decision once, and title it by its number', () => {
    const decisions = readdirSync(join(root, 'docs/adr')).filter((name) => /^\d{4}-/.test(name));
    const numbers = decisions.map((name) => name.slice(0, 4));
    expect(numbers).toEqual([...new Set(numbers)]);
    for (const name of decisions)
      expect(read(`docs/adr/${name}`)).toMatch(new RegExp(`^# ${name.slice(0, 4)}: `));
    const mentioned = documents.flatMap((path) =>
      [...read(path).matchAll(/ADR (\d{4})/g)].map(([, number]) => number),
    );
    expect(mentioned.filter((number) => number !== undefined && !numbers.includes(number))).toEqual([]);
  });
});

describe('the rules find', () => {
  const readme = '| file | |\n|---|---|\n| `a.ts`, `room/` | a `c.ts` |\n| `gone.ts` | |\n';

  it('files that a README leaves out, names twice, or makes up', () => {
    expect(unnamedFiles(readme, ['a.ts', 'room/b.ts', 'c.ts'])).toEqual([
      'c.ts is named 0 times',
      'gone.ts is not there',
    ]);
    expect(unnamedFiles(`${readme}| \`a.ts\` | |\n`, ['a.ts', 'room/b.ts'])).toContain(
      'a.ts is named 2 times',
    );
  });

  it('dead links, wherever the document is', () => {
    expect(linkedPaths('docs/adr/x.md', '[a](../b.md#c) [d](https://e.f) `[g](h)` [i](#j)')).toEqual([
      'docs/b.md',
    ]);
  });
});
