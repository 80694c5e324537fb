// The table of REST endpoints against the document that lists them, and against what Milvus has.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { endpoints } from '#server/rest/endpoints.js';
import { openApiDocument } from '#server/rest/openapi.js';
import { routesOf } from '#server/rest/routes.js';

const compat = readFileSync(new URL('../../docs/compat.md', import.meta.url), 'utf8');
const methods = { ...MilvusServiceDefinition.methods, ...OperationsDefinition.methods };
const rpcName = (method: keyof typeof methods): string => methods[method].name;

describe('REST endpoints', () => {
  it('have paths of their own', () => {
    expect(new Set(endpoints.map(({ path }) => path)).size).toBe(endpoints.length);
    for (const { path } of endpoints) expect(path).toMatch(/^[a-z_]+(\/[a-z0-9_]+){1,3}$/);
  });

  it('are listed in docs/compat.md, each with the calls it makes', () => {
    const listed = [...compat.matchAll(/^\| `([a-z_/0-9]+)` \| ([^|]*) \|/gm)].map(
      ([, path, calls]) => `${path}: ${calls}`,
    );
    const expected = endpoints.map(
      ({ path, calls }) => `${path}: ${calls.map(rpcName).join(', ') || 'none'}`,
    );
    expect(listed.sort()).toEqual(expected.sort());
  });

  it('are in the OpenAPI document, with a closed schema for each body', () => {
    const { paths, openapi } = openApiDocument('1.2.3', routesOf({ restV1: false })) as {
      openapi: string;
      paths: Record<
        string,
        { post: { requestBody: { content: Record<string, { schema: Record<string, unknown> }> } } }
      >;
    };
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths)).toEqual(endpoints.map(({ path }) => `/v2/vectordb/${path}`));
    for (const [path, { post }] of Object.entries(paths)) {
      const { schema = {} } = post.requestBody.content['application/json'] ?? {};
      expect([path, schema.type, schema.additionalProperties]).toEqual([path, 'object', false]);
    }
  });
});
