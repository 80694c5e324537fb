import { expect, test } from 'vitest';
import { good } from './api.js';

test('an answer that the client throws is shown by its call, code and reason', async () => {
  const thrown = { status: { code: 100, reason: 'collection not found' } };
  await expect(good('insert', Promise.reject(thrown))).rejects.toThrow(
    'insert: code 100: collection not found',
  );
  await expect(good('insert', Promise.reject({ strange: 1 }))).rejects.toThrow(
    'insert: code -1: {"strange":1}',
  );
  await expect(good('insert', Promise.reject(new Error('UNAVAILABLE')))).rejects.toThrow('UNAVAILABLE');
  expect(await good('insert', Promise.resolve({ status: { code: 0 } }))).toEqual({ status: { code: 0 } });
});
