// Which runtimes are refused, and what their users read.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { checkRuntime } from './runtime.js';

function refusal(versions: Record<string, string>): ElanusError {
  try {
    checkRuntime(versions);
  } catch (error) {
    if (error instanceof ElanusError) return error;
  }
  throw new Error('not refused');
}

test.each(['20.19.0', '20.20.2', '22.0.0', '24.21.0', '30.1.0'])('Node.js %s is taken', (node) => {
  expect(() => checkRuntime({ node })).not.toThrow();
});

test.each(['20.18.3', '18.20.0', '9.0.0', ''])('Node.js "%s" is refused', (node) => {
  const error = refusal({ node });
  expect(error.code).toBe('unsupported');
  expect(error.message).toContain('expected 20.19 or later; install a newer one');
});

test.each([
  ['Bun', { node: '24.3.0', bun: '1.4.5' }, /^this is Bun 1\.4\.5, whose HTTP\/2 server/],
  ['Deno', { node: '24.0.0', deno: '2.9.6' }, /^this is Deno 2\.9\.6, whose worker threads/],
])('%s is refused, whatever Node.js it says to be', (_name, versions, text) => {
  const error = refusal(versions);
  expect(error.code).toBe('unsupported');
  expect(error.message).toMatch(text);
  expect(error.message).toContain('expected Node.js 20.19 or later; run `elanus serve` with Node.js');
});
