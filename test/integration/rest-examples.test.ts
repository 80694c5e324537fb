// The examples of docs/rest.md, as their readers run them: with curl, one after the other, and the answers that stand below them.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';

const run = promisify(execFile);
const text = readFileSync(new URL('../../docs/rest.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```sh\n([\s\S]*?)```(?:\n```json\n([\s\S]*?)```)?/g)].map(
  ([, script = '', answers = '']) => ({ script, answers }),
);

let database: Elanus;
beforeAll(async () => {
  database = await open(undefined, { logLevel: 'error' });
});
afterAll(() => database.close());

it('has examples', () => expect(examples.length).toBeGreaterThan(5));

it.each(examples)('$script', async ({ script, answers }) => {
  const here = script.replaceAll('127.0.0.1:19530', database.address);
  // Answers have no line end of their own.
  const lines = here.replaceAll(/^curl(?:[^'\n]|'[^']*')*$/gm, (command) => `${command}; echo`);
  const { stdout } = await run('bash', ['-c', lines]);
  const said = stdout.split('\n').filter((line) => line !== '');
  expect(said).toEqual(answers.split('\n').filter((line) => line !== ''));
});
