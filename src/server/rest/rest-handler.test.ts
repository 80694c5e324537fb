import { expect, test } from 'vitest';
import { restHandler } from './rest-handler.js';
import type { RestServiceParts } from './rest-service.js';

test('what cannot be loaded is an answer of REST and a line of the log, and is looked for again', async () => {
  const logged: unknown[] = [];
  const logger = { error: (event: string, fields?: object) => void logged.push({ event, ...fields }) };
  let isThere = false;
  const handler = restHandler({ logger } as unknown as RestServiceParts, async () => {
    if (!isThere) throw new Error("Cannot find module 'rest-service.js'");
    return { answer: async () => ({ status: 200, contentType: 'text/plain', body: 'there' }) };
  });
  const request = {
    method: 'POST',
    path: '/v2/vectordb/collections/list',
    headers: {},
    body: new Uint8Array(0),
    signal: new AbortController().signal,
  };
  const { status, contentType, body } = await handler(request);
  expect({ status, contentType }).toEqual({ status: 500, contentType: 'application/json; charset=utf-8' });
  expect(JSON.parse(String(body))).toEqual({
    code: 5,
    message: expect.stringMatching(
      /^REST could not be loaded: Cannot find module .*; .*start the server again$/,
    ),
  });
  expect(logged).toEqual([{ event: 'rest_not_loaded', reason: "Cannot find module 'rest-service.js'" }]);
  isThere = true;
  expect(await handler(request)).toMatchObject({ status: 200, body: 'there' });
});
