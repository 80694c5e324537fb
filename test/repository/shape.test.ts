// The sources keep their shape, without exceptions, and each rule is shown to find its breach.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sources } from './layering.js';
import { crowdedFolders, longFunctions, roomCircles, softPrivates } from './shape.js';

const root = join(import.meta.dirname, '../..');
const sources: Sources = new Map(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => [path, readFileSync(join(root, 'src', path), 'utf8')]),
);
const files = (entries: Readonly<Record<string, string>>): Sources => new Map(Object.entries(entries));
const handwritten = [...sources].filter(([path]) => !/^proto\/|\/gen\/|\.test\.ts$/.test(path));

const findings = (rule: (path: string, text: string) => string[]): string[] =>
  handwritten.flatMap(([path, text]) => rule(path, text));

describe('the sources', () => {
  it('have no crowded folder', () => expect(crowdedFolders(sources)).toEqual([]));

  it('have no function longer than a screen', () => expect(findings(longFunctions)).toEqual([]));

  it('have an order of rooms inside each folder', () => expect(roomCircles(sources)).toEqual([]));

  it('hide by #name', () => expect(findings(softPrivates)).toEqual([]));
});

describe('the rules find', () => {
  it('a crowded folder, tests not counted', () => {
    const named = (count: number, end: string) =>
      Array.from({ length: count }, (_, i) => [`a/b/${i}${end}`, '']);
    expect(crowdedFolders(files(Object.fromEntries([...named(21, '.ts')])))).toHaveLength(1);
    expect(crowdedFolders(files(Object.fromEntries([...named(20, '.ts'), ...named(9, '.test.ts')])))).toEqual(
      [],
    );
  });

  it('a long function in every form', () => {
    const body = '    a();\n'.repeat(70);
    for (const head of [
      '  function f(): void {',
      '  async #f(a: number): Promise<void> {',
      '  const f = (a: number): void => {',
      '  ): void {',
      '  get f() {',
    ]) {
      expect(longFunctions('a.ts', `${head}\n${body}  }\n`), head).toHaveLength(1);
      expect(longFunctions('a.ts', `${head}\n${body.slice(0, body.length / 2)}  }\n`), head).toEqual([]);
    }
    for (const head of ['  class A {', '  if (f(a)) {', '  interface B {'])
      expect(longFunctions('a.ts', `${head}\n${body}  }\n`), head).toEqual([]);
  });

  it('rooms in a circle, also through a third', () => {
    const circle = {
      'm/a/x.ts': "import { y } from '#m/b/y.js';",
      'm/b/y.ts': "import { z } from '#m/c/z.js';",
      'm/c/z.ts': "import type { w } from '#m/a/w.js';",
    };
    expect(roomCircles(files(circle))).toEqual(['m/a ↔ m/b', 'm/a ↔ m/c', 'm/b ↔ m/c']);
    expect(roomCircles(files({ ...circle, 'm/c/z.ts': '' }))).toEqual([]);
  });

  it('private members', () =>
    expect(softPrivates('a.ts', 'class A {\n  private b = 1;\n}\n')).toHaveLength(1));
});
