// The program of docs/client.md prints what the page says, and the examples of the README run: as their users run them, from the built
// package, by Node itself.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));
const blocksOf = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, block = '']) => block);

describe('examples', () => {
  let folder: string;
  let elanus: Elanus;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elanus-examples-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(checkout, join(folder, 'node_modules/elanus'), 'junction');
    await symlink(join(checkout, 'node_modules/@zilliz'), join(folder, 'node_modules/@zilliz'), 'junction');
    elanus = await open(undefined, { logLevel: 'silent' });
  });
  afterAll(async () => {
    await elanus.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a TypeScript program of the page prints, its address in place of the one that is written there. */
  async function printed(name: string, source: string): Promise<string> {
    const { code } = await transform(source.replaceAll('localhost:19530', elanus.address), { loader: 'ts' });
    const file = join(folder, `${name}.mjs`);
    await writeFile(file, code);
    return (await run(process.execPath, [file], { cwd: folder })).stdout;
  }

  test('docs/client.md prints what it says', async () => {
    const source = blocksOf(await readFile(join(checkout, 'docs/client.md'), 'utf8'), 'ts').join('');
    const said = [...source.matchAll(/\/\/ → (.*)/g)].map(([, text = '']) => text);
    expect(said.length).toBeGreaterThan(10);
    expect((await printed('client', source)).trim().split(/\s+/)).toEqual(said.join(' ').split(/\s+/));
  });

  test('README.md: the example of each client runs', async () => {
    const page = await readFile(join(checkout, 'README.md'), 'utf8');
    const typed = blocksOf(page, 'ts');
    expect(typed).toHaveLength(1);
    expect(await printed('typed', typed.join(''))).toMatch(/king/);
    const sdk = blocksOf(page, 'js').filter((block) => block.includes("from '@zilliz/milvus2-sdk-node'"));
    expect(sdk).toHaveLength(1);
    await printed('sdk', sdk.join(''));
  });
});
