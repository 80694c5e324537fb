// What V8 made of a script, kept from one start to the next: each start is a process of its own, which imports the source as it is.
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'elanus-test-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Its function is compiled when it is called. */
const write = (answer: string): void =>
  writeFileSync(
    join(folder, 'script.cjs'),
    `"use strict";module.exports=(function(url,shared){const answer=()=>"${answer} "+shared.name;return answer()});`,
  );

/** What the script says in a program that ends at once. */
function start(env: Readonly<Record<string, string>> = {}, then = ''): string {
  const source = new URL('./kept-code.ts', import.meta.url).href;
  const script = pathToFileURL(join(folder, 'script.cjs')).href;
  const program = `const { runScript } = await import('${source}'); console.log(runScript('${script}', { name: 'Ada' }));${then}`;
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return execFileSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', program],
    options,
  ).trim();
}

const keptFiles = (): string[] =>
  readdirSync(folder)
    .filter((name) => name !== 'script.cjs')
    .map((name) => join(folder, name));
function keptFile(): string {
  const [file = '', ...others] = keptFiles();
  expect(others).toEqual([]);
  return file;
}

it('keeps what was made of a script, and takes it at the next start', () => {
  write('one');
  expect(start()).toBe('one Ada');
  const file = keptFile();
  expect(statSync(file).mode & 0o022).toBe(0);
  for (let i = 0; i < 2; i++) expect(start()).toBe('one Ada');
  const { mtimeMs } = statSync(file);
  expect(start()).toBe('one Ada');
  expect(statSync(file).mtimeMs).toBe(mtimeMs);
  // With the sum of another text of the same length V8 runs what it is given: so it is taken, and the sum is what guards it.
  const made = readFileSync(file);
  write('two');
  expect(start()).toBe('two Ada');
  const sum = readFileSync(file).subarray(4, 8);
  sum.copy(made, 4);
  writeFileSync(file, made);
  expect(start()).toBe('one Ada');
});

/** As in a program that reads much, V8 collects by itself until it forgets what nobody calls. */
const COLLECTING = `
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  for (let seen = 0; seen < 8; seen++) {
    registry.register({});
    while (collected <= seen) {
      new ArrayBuffer(2 ** 25);
      await new Promise(setImmediate);
    }
  }`;

it('keeps what V8 would have forgotten by the end of a program', () => {
  write('one');
  start();
  const { size } = statSync(keptFile());
  rmSync(keptFile());
  start({}, COLLECTING);
  expect(statSync(keptFile()).size).toBeGreaterThan(size * 0.9);
});

it('adds what the second start calls', () => {
  const body = Array.from({ length: 50 }, (_, i) => `shared.name + ${i}`).join(',');
  writeFileSync(
    join(folder, 'script.cjs'),
    `"use strict";module.exports=(function(url,shared){const later=()=>[${body}];if(process.env.CALLS)later();return shared.name});`,
  );
  start();
  const { size } = statSync(keptFile());
  start({ CALLS: '1' });
  expect(statSync(keptFile()).size).toBeGreaterThan(size);
});

it('compiles a script that was changed, and keeps what was made of that', () => {
  write('one');
  start();
  const before = readFileSync(keptFile());
  write('two');
  expect([start(), start()]).toEqual(['two Ada', 'two Ada']);
  expect(readFileSync(keptFile()).equals(before)).toBe(false);
});

it.each([
  ['a byte is another', (file: string) => writeFileSync(file, readFileSync(file).fill(7, 200, 201))],
  ['it ends early', (file: string) => truncateSync(file, statSync(file).size >> 1)],
  ['it is empty', (file: string) => truncateSync(file, 0)],
])('compiles where %s in what was kept, and keeps it anew', (_, damage) => {
  write('one');
  start();
  const whole = readFileSync(keptFile());
  damage(keptFile());
  expect(start()).toBe('one Ada');
  expect(readFileSync(keptFile()).length).toBe(whole.length);
  expect(start()).toBe('one Ada');
});

it('keeps it in the folder that the program has for such files, and nothing where the program wants none', () => {
  write('one');
  const elsewhere = mkdtempSync(join(tmpdir(), 'elanus-test-'));
  try {
    expect(start({ NODE_COMPILE_CACHE: elsewhere })).toBe('one Ada');
    expect(readdirSync(elsewhere, { recursive: true }).join()).toMatch(/script-v[^,]*\.code/);
    expect(start({ NODE_DISABLE_COMPILE_CACHE: '1' })).toBe('one Ada');
    expect(keptFiles()).toEqual([]);
  } finally {
    rmSync(elsewhere, { recursive: true, force: true });
  }
});

it('leaves six files of one script, those that were made last', () => {
  write('one');
  const others = Array.from({ length: 8 }, (_, i) => join(folder, `script-v1-${i}.code`));
  for (const file of [...others, join(folder, 'other-v1.code')]) writeFileSync(file, 'x');
  start();
  expect(keptFiles().filter((file) => file.includes('script-v'))).toHaveLength(6);
  expect(keptFiles().filter((file) => !file.includes('script-v1'))).toHaveLength(2);
});

it('removes what other builds of the script left, and writes that did not end, a day later', () => {
  write('one');
  const names = [
    'script-0a1b2c3d-v24-x64-1.code', // Another build.
    'script-0a1b2c3d-v24-x64-1.code.77-0', // It ended while it wrote.
    'script-v24-x64-1.code.78-0',
    'script-more-v24-x64-1.code', // Another script.
    'script-0a1b2c3d-v24-x64-1.txt',
  ];
  const day = 86_400;
  for (const name of names)
    for (const [place, ageS] of [
      ['new', day / 2],
      ['old', 2 * day],
    ] as const) {
      const file = join(folder, name.replace('x64', place));
      writeFileSync(file, 'x');
      const at = statSync(file).mtimeMs / 1000 - ageS;
      utimesSync(file, at, at);
    }
  start();
  const left = readdirSync(folder).filter((name) => /-(new|old)-/.test(name));
  expect(left.sort()).toEqual(
    [
      ...names.map((name) => name.replace('x64', 'new')),
      ...names.slice(3).map((name) => name.replace('x64', 'old')),
    ].sort(),
  );
});
