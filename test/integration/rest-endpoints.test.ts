// Every REST endpoint on a server: asked with nothing, with the least that its schema takes, and in ways that it is not served. Whatever comes,
// the answer is JSON with a code, in the shape that the OpenAPI document gives.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { endpoints } from '#server/rest/endpoints.js';
import { type JsonSchema, leastOf } from '../support/rest-bodies.js';

/** Bodies that need one of two members, as a schema of optional ones cannot say. */
const oneOfTwo: ReadonlySet<string> = new Set([
  '/v2/vectordb/collections/create',
  '/v2/vectordb/entities/delete',
]);

let database: Elanus;
let bodies: Readonly<Record<string, JsonSchema>>;
beforeAll(async () => {
  database = await open(undefined, { logLevel: 'error' });
  const document = (await (await fetch(`http://${database.address}/v2/openapi.json`)).json()) as {
    paths: Record<
      string,
      { post: { requestBody: { content: { 'application/json': { schema: JsonSchema } } } } }
    >;
  };
  bodies = Object.fromEntries(
    Object.entries(document.paths).map(([path, { post }]) => [
      path,
      post.requestBody.content['application/json'].schema,
    ]),
  );
});
afterAll(() => database.close());

async function ask(
  path: string,
  init: RequestInit,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://${database.address}${path}`, init);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const post = (path: string, body: string) => ask(path, { method: 'POST', body });

describe.each(endpoints.map(({ path }) => `/v2/vectordb/${path}`))('%s', (path) => {
  it('answers the least that it takes', async () => {
    const { status, body } = await post(path, JSON.stringify(leastOf(bodies[path])));
    expect(status).toBe(200);
    expect(body.code).toBeTypeOf('number');
    // What was sent fits: what is wrong is of the database, or not built.
    if (!oneOfTwo.has(path)) expect([1801, 1802, 5]).not.toContain(body.code);
    if (body.code === 0) expect(body).toHaveProperty('data');
    else expect(body.message).toMatch(/\S/);
  });

  it('refuses what it does not know, and what is no body', async () => {
    const least = leastOf(bodies[path]) as object;
    expect((await post(path, JSON.stringify({ ...least, unheard_of: 1 }))).body).toMatchObject({
      code: 1801,
      message: expect.stringContaining('unheard_of'),
    });
    expect((await post(path, '[]')).body.code).toBe(1801);
    expect((await post(path, '')).body.code).toBe(1801);
    const { status, body } = await ask(path, { method: 'PUT', body: '{}' });
    expect([status, body.code]).toEqual([405, 405]);
  });
});

it('gives the page to try it, and all that the page needs', async () => {
  const base = `http://${database.address}`;
  const page = await fetch(`${base}/v2/docs`);
  const html = await page.text();
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  const needed = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  expect(needed).toEqual(['/v2/docs.css', '/v2/docs.js', '/v2/openapi.json']);
  for (const path of needed) {
    const response = await fetch(`${base}${path}`);
    expect(response.status).toBe(200);
    expect(await response.text()).not.toMatch(/https?:\/\//);
  }
});

it('can be left out', async () => {
  const without = await open(undefined, { logLevel: 'error', rest: false });
  const response = await fetch(`http://${without.address}/v2/vectordb/collections/list`, {
    method: 'POST',
    body: '{}',
  });
  expect(response.status).toBe(404);
  expect((await fetch(`http://${without.address}/healthz`)).status).toBe(200);
  await without.close();
});
