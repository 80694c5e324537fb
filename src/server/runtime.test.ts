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
  ['Bun', { node: '24.3.0', bun: '1.4.5' }],
  ['Deno', { node: '24.0.0', deno: '2.9.6' }],
  ['a Deno that says to be an old Node.js', { node: '18.0.0', deno: '3.0.0' }],
])('%s is taken', (_name, versions) => {
  expect(() => checkRuntime(versions)).not.toThrow();
});

test.each([
  ['this is Bun 1.3.9: expected 1.4 or later', { node: '24.3.0', bun: '1.3.9' }],
  ['this is Deno 2.8.0: expected 2.9 or later', { node: '24.0.0', deno: '2.8.0' }],
])('%s', (text, versions) => {
  const error = refusal(versions);
  expect(error.code).toBe('unsupported');
  expect(error.message).toContain(text);
});
