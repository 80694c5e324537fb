// Must hold: all REST endpoints × {no authentication, a wrong password, a user without the privilege, a user with it, root}. What an endpoint
// needs is what the calls need that it makes, by the same table as over gRPC.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { endpoints } from '#server/rest/endpoints.js';
import { v1Endpoints } from '#server/rest/v1/endpoints-v1.js';
import { type AccessCase, accessCases, namingRequest } from '../support/access-cases.js';
import { type JsonSchema, leastOf } from '../support/rest-bodies.js';

let database: Elanus;
let bodies: ReadonlyMap<string, JsonSchema>;

async function ask(
  path: string,
  body: unknown,
  authorization?: string,
): Promise<{ status: number; code: number }> {
  const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: authorization === undefined ? {} : { authorization },
  });
  const { code } = (await response.json()) as { code: number };
  return { status: response.status, code };
}

const root = 'Bearer root:Milvus';
const asRoot = async (path: string, body: object): Promise<void> => {
  expect([path, await ask(path, body, root)]).toEqual([path, { status: 200, code: 0 }]);
};

beforeAll(async () => {
  database = await open(undefined, { auth: true, logLevel: 'error', restV1: true });
  const document = (await (await fetch(`http://${database.address}/v2/openapi.json`)).json()) as {
    paths: Record<
      string,
      { post?: { requestBody: { content: { 'application/json': { schema: JsonSchema } } } } }
    >;
  };
  bodies = new Map(
    Object.entries(document.paths).flatMap(([path, { post }]) =>
      post === undefined
        ? []
        : [[path.replace('/v2/vectordb/', ''), post.requestBody.content['application/json'].schema] as const],
    ),
  );
  for (const userName of ['bare', 'able']) await asRoot('users/create', { userName, password: 'secret1' });
  await asRoot('roles/create', { roleName: 'granted' });
  await asRoot('users/grant_role', { userName: 'able', roleName: 'granted' });
  // What everyone may in a new database would hide what a call asks for.
  for (const privilege of ['DescribeCollection', 'ListAliases', 'IndexDetail'])
    await asRoot('roles/revoke_privilege_v2', { roleName: 'public', privilege, dbName: '*' });
});

afterAll(() => database.close());

const caseOf = (key: string): AccessCase | undefined => accessCases.find(({ method }) => method.key === key);

describe.each(endpoints)('$path', ({ path, calls }) => {
  // A collection is named wherever one can be: rights are asked for what a call names.
  const least = (): object => {
    const schema = bodies.get(path);
    const named = schema?.properties?.collectionName === undefined ? {} : { collectionName: 'x' };
    return { ...named, ...(leastOf(schema) as object) };
  };

  it('is for nobody who does not show who they are', async () => {
    // Each password that is looked at takes its time, so most ways to be wrong are tried on one endpoint.
    const wrong = [undefined, 'Bearer ', 'Bearer Milvus', 'root:Milvus', 'Bearer root:milvus'];
    const more =
      path === 'collections/list' ? ['Bearer nobody:Milvus', `Basic ${btoa('root:')}`, 'Basic x'] : [];
    for (const authorization of [...wrong, ...more])
      expect([authorization, await ask(path, least(), authorization)]).toEqual([
        authorization,
        { status: 401, code: 1800 },
      ]);
    // Nor is anything else that they send looked at.
    expect(await ask(path, 'no body', undefined)).toEqual({ status: 401, code: 1800 });
  });

  it('is for those with the privilege, and root', async () => {
    const [first] = calls.flatMap((key) => caseOf(key) ?? []);
    const needs =
      first === undefined || first.row === undefined || first.row === 'everyone' ? undefined : first.row;
    const isFree =
      first === undefined || !first.isBuilt || (needs?.on(namingRequest(first.method)).length ?? 0) === 0;
    const mayAll = await ask(path, least(), root);
    expect([401, 403]).not.toContain(mayAll.status);
    const bare = await ask(path, least(), 'Bearer bare:secret1');
    // Some bodies end before their call is made, for everyone.
    const endsBefore = mayAll.code === 1802;
    if (isFree || endsBefore) expect(bare.status).toBe(mayAll.status);
    else expect(bare).toEqual({ status: 403, code: 1401 });
    if (needs === undefined) return;
    const privileges = new Set(
      calls.flatMap((key) => {
        const row = caseOf(key)?.row;
        return row === undefined || row === 'everyone' ? [] : [row.privilege];
      }),
    );
    const grant = { roleName: 'granted', dbName: '*', collectionName: '*' };
    for (const privilege of privileges) await asRoot('roles/grant_privilege_v2', { ...grant, privilege });
    expect((await ask(path, least(), 'Bearer able:secret1')).status).toBe(200);
    for (const privilege of privileges) await asRoot('roles/revoke_privilege_v2', { ...grant, privilege });
  });
});

describe.each(v1Endpoints)('v1: $method $path', ({ path, method, calls }) => {
  const askV1 = async (authorization?: string) => {
    const named = {
      collectionName: 'walked',
      dbName: 'default',
      dimension: 2,
      id: [1],
      vector: [1, 2],
      filter: 'id > 0',
      data: [{ id: 1, vector: [1, 2] }],
    };
    const headers = authorization === undefined ? {} : { authorization };
    const url = `http://${database.address}/v1/vector/${path}`;
    const response =
      method === 'GET'
        ? await fetch(`${url}?collectionName=walked`, { headers })
        : await fetch(url, { method, headers, body: JSON.stringify(accepted(path, named)) });
    return { status: response.status, code: ((await response.json()) as { code: number }).code };
  };

  it('is for those who show who they are, with the privilege, and root', async () => {
    for (const authorization of [undefined, 'Bearer root:milvus', 'Bearer Milvus'])
      expect([authorization, await askV1(authorization)]).toEqual([
        authorization,
        { status: 401, code: 1800 },
      ]);
    const [first] = calls.flatMap((key) => caseOf(key) ?? []);
    const needs = first?.row === undefined || first.row === 'everyone' ? undefined : first.row;
    const isFree = first === undefined || (needs?.on(namingRequest(first.method)).length ?? 0) === 0;
    const [mayAll, bare] = [await askV1(root), await askV1('Bearer bare:secret1')];
    expect([401, 403]).not.toContain(mayAll.status);
    // Some bodies end before their call is made, for everyone.
    if (isFree || mayAll.code === 1802) expect(bare.status).toBe(mayAll.status);
    else expect(bare).toEqual({ status: 403, code: 1401 });
  });
});

/** Those of the members that the endpoint takes. */
function accepted(path: string, named: Readonly<Record<string, unknown>>): object {
  const properties = bodies.get(`/v1/vector/${path}`)?.properties ?? {};
  return Object.fromEntries(Object.entries(named).filter(([key]) => key in properties));
}

it('shows who calls by no other header', async () => {
  for (const headers of [
    { sourceid: '@@milvus-member@@' },
    { token: 'root', 'x-user': 'root' },
    { identifier: '1' },
  ]) {
    const url = `http://${database.address}/v2/vectordb/users/list`;
    expect((await fetch(url, { method: 'POST', body: '{}', headers })).status).toBe(401);
  }
});

it('has what it reads for everyone', async () => {
  for (const path of ['/v2/openapi.json', '/v2/docs', '/healthz'])
    expect((await fetch(`http://${database.address}${path}`)).status).toBe(200);
});
