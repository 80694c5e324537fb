// A program that waits for a pause of a client goes on to its end: nothing else may keep its process alive, in process as between two calls.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));

/** A server that is busy once: the client pauses before it asks again. */
const program = `
import { clientOver } from './dist/client/connect.js';
let calls = 0;
const busy = { code: 8, errorCode: 1, reason: 'busy', detail: '', retriable: true, extraInfo: {} };
const fine = { ...busy, code: 0, errorCode: 0 };
const transport = { call: async () => ({ status: calls++ === 0 ? busy : fine, version: 'v' }), close: async () => {} };
console.log(await clientOver(transport).serverVersion());
`;

test('a pause keeps the process alive', async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: checkout });
  expect(stdout).toBe('v\n');
});
