// Appends that change from calls of the file system to a thread while they are under way.
import { readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { AppendTasks } from './append-tasks.js';
import { AppendsByNeed } from './appends-by-need.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elanus-test-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** In place of a thread: comes up when it is asked to, and counts. */
class LateThread {
  readonly up = deferred<void>();
  readonly #tasks = new AppendTasks();
  begun = 0;
  sent = 0;
  onSend = (): void => {};

  check(): void {}

  begin(): Promise<void> {
    this.begun++;
    return this.up.promise;
  }

  send(...append: Parameters<AppendTasks['send']>): Promise<void> {
    this.onSend();
    this.sent++;
    return this.#tasks.send(...append);
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }
}

const numbered = (i: number): Uint8Array => Uint8Array.of(i & 255, i >> 8);

it('keeps the order of the bytes whenever the thread takes over', async () => {
  for (const at of [3, 40, 150]) {
    const file = join(folder, `log-${at}`);
    const handle = await open(file, 'a');
    const thread = new LateThread();
    const appends = new AppendsByNeed({ thread, appendsMax: 2 });
    const target = { file: at, fd: handle.fd, name: 'log' };
    const durable: number[] = [];
    let last: Promise<void> = Promise.resolve();
    let durableBefore = 0;
    thread.onSend = () => {
      if (thread.sent === 0) durableBefore = durable.length;
    };
    for (let i = 0; i < 300; i++) {
      if (i === at) thread.up.resolve();
      last = appends.send(target, [numbered(i)]).then(() => void durable.push(i));
      // Now in one turn with others, now while others are under way, now behind some that have ended.
      if (i % 2 === 0) await Promise.resolve();
      if (i % 31 === 0) await last;
    }
    await last;
    const bytes = readFileSync(file);
    expect(Array.from({ length: 300 }, (_, i) => bytes.readUInt16LE(2 * i))).toEqual([...durable.keys()]);
    expect(durable).toEqual([...durable.keys()]);
    // What the thread was not given was durable before it was given anything.
    expect([thread.begun, thread.sent > 0, durableBefore]).toEqual([1, true, 300 - thread.sent]);
    await appends.close();
    await handle.close();
  }
});

it('starts no thread for a few short appends, and one for a long one', async () => {
  const handle = await open(join(folder, 'log'), 'a');
  const thread = new LateThread();
  const appends = new AppendsByNeed({ thread });
  const target = { file: 1, fd: handle.fd, name: 'log' };
  for (let i = 0; i < 32; i++) await appends.send(target, [numbered(i)]);
  expect(thread.begun).toBe(0);
  await appends.send(target, [new Uint8Array(100_000)]);
  expect(thread.begun).toBe(1);
  await appends.close();
  await handle.close();
});

it('refuses a file for good that failed before the thread took over', async () => {
  const handle = await open(join(folder, 'log'), 'a');
  const readOnly = await open(join(folder, 'log'), 'r');
  const thread = new LateThread();
  const appends = new AppendsByNeed({ thread, appendsMax: 0 });
  const broken = { file: 1, fd: readOnly.fd, name: 'broken' };
  await expect(appends.send(broken, [numbered(1)])).rejects.toMatchObject({ key: 'wal_unavailable' });
  thread.up.resolve();
  const good = { file: 2, fd: handle.fd, name: 'log' };
  while (thread.sent === 0) await appends.send(good, [numbered(2)]);
  const sent = thread.sent;
  await expect(appends.send(broken, [numbered(3)])).rejects.toMatchObject({ key: 'wal_unavailable' });
  expect(thread.sent).toBe(sent);
  await appends.close();
  await Promise.all([handle.close(), readOnly.close()]);
});

it('goes on without a thread where none comes up', async () => {
  const handle = await open(join(folder, 'log'), 'a');
  const thread = new LateThread();
  const appends = new AppendsByNeed({ thread, appendsMax: 0 });
  thread.up.reject(new Error('its script is missing'));
  for (let i = 0; i < 5; i++) await appends.send({ file: 1, fd: handle.fd, name: 'log' }, [numbered(i)]);
  expect([thread.begun, thread.sent, readFileSync(join(folder, 'log')).length]).toEqual([1, 0, 10]);
  await appends.close();
  await handle.close();
});

it('loses no append of the turn in which the thread takes over', async () => {
  const handle = await open(join(folder, 'log'), 'a');
  const thread = new LateThread();
  const appends = new AppendsByNeed({ thread, appendsMax: 2 });
  const target = { file: 1, fd: handle.fd, name: 'log' };
  thread.up.resolve();
  let ended = 0;
  // Each sends its next append another number of microtasks after its last one was durable.
  const writer = async (pause: number): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      await appends.send(target, [numbered(i)]);
      for (let turn = 0; turn < pause; turn++) await Promise.resolve();
    }
    ended++;
  };
  const writers = Array.from({ length: 24 }, (_, pause) => writer(pause));
  // More batches, one behind the other, than 24 writers need for 6 appends; an append that is lost never ends.
  for (let batch = 0; batch < 200 && ended < writers.length; batch++)
    await new AppendTasks().send(target, [numbered(0)]);
  expect(ended).toBe(writers.length);
  await appends.close();
  await handle.close();
});
