// A program's tests put timers and clocks of their own in the places of the real ones: a database in the same process goes on. Takes the build, as
// packages in the bundle have timers too, and runs in a process of its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempFolder } from './support.js';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));

const program = `
import { mock } from 'node:test';
import { collection, floatVector, int64 } from './dist/client/connect.js';
import { open } from './dist/server/open.js';
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 1000 });
// As Jest has it.
const never = () => {};
Object.assign(globalThis, { queueMicrotask: never });
const database = await open(process.argv[1], { listen: false });
const client = database.client();
const shelf = client.collection(collection('a', { id: int64().primaryKey(), v: floatVector(2) }));
await shelf.ensure();
await shelf.insert([{ id: 1n, v: [1, 2] }]);
await shelf.flush();
await shelf.release();
await shelf.load();
const found = await Promise.all(Array.from({ length: 20 }, () => shelf.search('v', [1, 2])));
await client.close();
await database.close();
console.log(Date.now(), await open(process.argv[1], { listen: false }).then((again) => again.close()), found[19].ids);
process.exit(0);
`;

test('fake timers of a program do not stop a database', async () => {
  const folder = await tempFolder();
  const args = ['--input-type=module', '-e', program, folder.path];
  const { stdout } = await run(process.execPath, args, { cwd: checkout });
  expect(stdout).toBe('1000 undefined BigInt64Array(1) [ 1n ]\n');
  await folder.remove();
});
