// A process that ends in the middle of transactions of its catalog: it does end, and leaves whole transactions, with every one that was
// answered among them.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';

const built = pathToFileURL(path.join(import.meta.dirname, '../../dist/platform/node/files/')).href;
const KEYS = 6;

const prelude = `
  import { writeSync } from 'node:fs';
  const { loadLmdb } = await import('${built}lmdb-load.js');
  const { LmdbMetaStore } = await import('${built}lmdb-meta-store.js');
  const store = new LmdbMetaStore(process.argv[1], await loadLmdb());
  const value = new Uint8Array(200);
  const put = (key) => ({ kind: 'put', key, value });
`;
const folders: string[] = [];
const children: { kill(signal: NodeJS.Signals): void }[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'elanus-ends-'));
  folders.push(folder);
  return folder;
}

/** @param onOutput what it has written so far */
function run(
  script: string,
  args: readonly string[],
  onOutput: (text: string, kill: () => void) => void = () => {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    onOutput(output, () => child.kill('SIGKILL'));
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

/** Transactions of some keys each; a line for each that was answered. */
const writers = `
  let next = 0;
  const writer = async () => {
    for (;;) {
      const name = String(next++).padStart(6, '0');
      await store.transact([], Array.from({ length: ${KEYS} }, (_, key) => put('t/' + name + '/' + key)));
      writeSync(1, name + '\\n');
    }
  };
  for (let i = 0; i < 5; i++) void writer();
`;

async function checkWhole(folder: string, output: string): Promise<void> {
  const store = new LmdbMetaStore(folder, await loadLmdb());
  try {
    const found = new Map<string, Set<bigint>>();
    const counts = new Map<string, number>();
    for (const { key, modRevision } of await store.range('t/')) {
      const name = key.slice(2, 8);
      found.set(name, (found.get(name) ?? new Set()).add(modRevision));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBe(KEYS);
    for (const revisions of found.values()) expect(revisions.size).toBe(1);
    // The last line may be cut off.
    const answered = output.split('\n').slice(0, -1);
    expect(answered.filter((name) => !found.has(name))).toEqual([]);
    // Revisions go on above all that are there.
    const newest = [...found.values()].flatMap((revisions) => [...revisions]).sort((a, b) => Number(b - a));
    expect(await store.transact([], [])).toBeGreaterThan(newest[0] ?? 0n);
  } finally {
    await store.close();
  }
}

// While lmdb's thread was waiting for the main thread, at 1 or 2 turns as a rule, Node waited for lmdb's thread for ever.
test.each([0, 1, 2, 3])(
  'process.exit() %i turns after a transaction began ends the process',
  async (turns) => {
    const script = `
    await store.transact([], [put('a')]);
    void store.transact([], [put('b')]);
    let left = ${turns};
    const step = () => {
      if (left-- > 0) return setImmediate(step);
      // Time for lmdb's thread to come to where it would wait.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      process.exit(7);
    };
    step();
  `;
    expect((await run(script, [await newFolder()])).code).toBe(7);
  },
);

test('killed in the middle: whole transactions, and all that were answered', async () => {
  const folder = await newFolder();
  const { output } = await run(writers, [folder], (text, kill) => {
    if (text.length >= 60 * 7) kill();
  });
  await checkWhole(folder, output);
});

test('ended by process.exit() in the middle: the same', async () => {
  const folder = await newFolder();
  const script = `${writers}
    const step = () => (next < 60 ? setImmediate(step) : process.exit(7));
    step();
  `;
  const { code, output } = await run(script, [folder]);
  expect(code).toBe(7);
  await checkWhole(folder, output);
});
