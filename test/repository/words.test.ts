// Comments, names and titles of tests keep to the field's words, and every comment names its subject.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commentsOf, retiredInText, retiredWords } from './words.js';

const root = join(import.meta.dirname, '../..');
const isGenerated = (path: string): boolean => path.startsWith('src/proto/') || path.includes('/gen/');
/** This test and its rules name the words themselves. */
const isOwn = (path: string): boolean => path.startsWith('test/repository/words.');
const files = ['src', 'sim', 'test', 'fuzz', 'torture', 'bench', 'scripts', 'demo', 'kernels']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name.replaceAll('\\', '/')}`,
    ),
  )
  .filter((path) => /\.m?ts$|\.mjs$/.test(path) && !path.includes('node_modules/'))
  .filter((path) => !isGenerated(path) && !isOwn(path));

it('the sources use none of the retired words', () => {
  expect(files.length).toBeGreaterThan(600);
  expect(files.flatMap((path) => retiredWords(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
});

it('documents and messages use none of them either', () => {
  const texts = execFileSync('git', ['ls-files', '*.md', 'proto/**/*.proto'], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(texts.length).toBeGreaterThan(60);
  expect(texts.flatMap((path) => retiredInText(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
});

describe('the rules find', () => {
  const wordsIn = (text: string): string[] =>
    retiredWords('a.ts', text).map((one) => one.split(';')[0] ?? '');

  it('a word in comments of both forms, and in names', () => {
    expect(wordsIn('/** It heeds\n * what it is told. */\nconst a = 1; // tells')).toEqual([
      ...['a.ts:1: "heed"', 'a.ts:1: "told"', 'a.ts:3: "tells"'],
    ]);
    expect(wordsIn('const isHeeded = toldWhenDone(this.#tell);')).toEqual([
      ...['a.ts name isHeeded: "Heed"', 'a.ts name toldWhenDone: "told"', 'a.ts name tell: "tell"'],
    ]);
    expect(retiredWords('search-told.ts', '')).toHaveLength(1);
  });

  it('titles of tests, with and without a table', () => {
    expect(wordsIn("it('is told', () => {});\ntest.each([1])('%i heeds', () => {});")).toHaveLength(2);
  });

  it('comments that begin with "Of"', () => {
    expect(wordsIn('/** Of a row. */\n// Of a column.\n// and more\n/** Offset of it. */')).toEqual([
      ...['a.ts:1: begins with "Of"', 'a.ts:2: begins with "Of"'],
    ]);
  });

  it('nothing in strings, in parts of other words, or in a second line', () => {
    expect(wordsIn("const url = 'http://told'; older(); // a part\n// Of a sentence")).toEqual([]);
    expect(commentsOf("f('// no comment'); g(`/* nor this */`);")).toEqual([]);
  });
});
