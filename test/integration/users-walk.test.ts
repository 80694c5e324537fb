// Must hold: all public calls × {no authentication, a wrong password, a user without the privilege, a user with it, root}, over gRPC and in the process. A call
// without a row in the access table fails here, and does not compile before.
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientMethod } from '#client/transport.js';
import { MilvusServiceDefinition, OperatePrivilegeType } from '#proto/milvus/milvus.js';
import type { ServiceMethod } from '#rpc/interceptors.js';
import { codec } from '#rpc/service.js';
import { type Elanus, open } from '#server/open.js';
import { type AccessCase, accessCases, namingRequest } from '../support/access-cases.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const root = base64('root:Milvus');

let database: Elanus;
let grpc: Client;

/** @returns the code of gRPC; 0: there was an answer, whatever its status says */
async function codeOf(method: ServiceMethod, request: object, token: string | undefined): Promise<number> {
  return (await outcome(method, request, token)).code;
}

function outcome(
  method: ServiceMethod,
  request: object,
  token: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ code: number; answer?: object; details?: string }> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  if (token !== undefined) metadata.set('authorization', token);
  const bytes = Buffer.isBuffer(request)
    ? request
    : Buffer.from(codec(method.definition.requestType).encode(request).finish());
  return new Promise((resolve) => {
    const same = (buffer: Buffer): Buffer => buffer;
    const options = { deadline: Date.now() + 20_000 };
    grpc.makeUnaryRequest(
      method.path,
      same,
      same,
      bytes,
      metadata,
      options,
      (error: ServiceError | null, value) => {
        if (error !== null) resolve({ code: error.code, details: error.details });
        else
          resolve({
            code: 0,
            answer: codec(method.definition.responseType).decode(value ?? new Uint8Array()),
          });
      },
    );
  });
}

const caseOf = (key: string): AccessCase => {
  const found = accessCases.find(({ method }) => method.key === key);
  if (found === undefined) throw new Error(`no call ${key}`);
  return found;
};

async function asRoot(key: string, request: object): Promise<object> {
  const { method } = caseOf(key);
  const { code, answer, details } = await outcome(
    method,
    codec(method.definition.requestType).fromPartial(request),
    root,
  );
  if (code !== 0 || answer === undefined) throw new Error(`${key}: ${code} ${details}`);
  const { code: refused, reason } = (Reflect.get(answer, 'status') ?? answer) as {
    code?: number;
    reason?: string;
  };
  if ((refused ?? 0) > 0) throw new Error(`${key}: ${refused} ${reason}`);
  return answer;
}

const grant = (role: string, privilege: string, type: OperatePrivilegeType = OperatePrivilegeType.Grant) =>
  asRoot('operatePrivilegeV2', {
    role: { name: role },
    grantor: { privilege: { name: privilege } },
    type,
    dbName: '*',
    collectionName: '*',
  });

beforeAll(async () => {
  database = await open(undefined, { auth: true, logLevel: 'error' });
  grpc = new Client(database.address, credentials.createInsecure());
  for (const username of ['bare', 'able'])
    await asRoot('createCredential', { username, password: base64('secret1') });
  await asRoot('createRole', { entity: { name: 'granted' } });
  await asRoot('operateUserRole', { username: 'able', roleName: 'granted' });
  // What everyone may in a new database would hide what a row asks for.
  for (const privilege of ['DescribeCollection', 'ListAliases', 'IndexDetail'])
    await grant('public', privilege, OperatePrivilegeType.Revoke);
});

afterAll(async () => {
  grpc.close();
  await database.close();
});

describe.each(accessCases.map((one) => [one.method.name, one] as const))(
  '%s',
  (_name, { method, row, isBuilt }) => {
    const request = namingRequest(method);

    it('has a row', () => expect(row).toBeDefined());

    it('is for nobody who does not show who they are', async () => {
      const wrong = [
        undefined,
        '',
        base64('root:milvus'),
        base64('nobody:Milvus'),
        base64('bare:'),
        base64('Milvus'),
        'root:Milvus',
      ];
      for (const token of wrong)
        expect(await codeOf(method, request, token), String(token)).toBe(status.UNAUTHENTICATED);
    });

    it('is for those with the privilege, and root', async () => {
      if (row === undefined) throw new Error('no row');
      const isFree = row === 'everyone' || row.on(request).length === 0 || !isBuilt;
      const through: readonly number[] = [status.OK, status.UNIMPLEMENTED, status.INVALID_ARGUMENT];
      expect(await codeOf(method, request, base64('bare:secret1'))).toBe(
        isFree ? await codeOf(method, request, root) : status.PERMISSION_DENIED,
      );
      if (row !== 'everyone') {
        await grant('granted', row.privilege);
        expect(through).toContain(await codeOf(method, request, base64('able:secret1')));
        await grant('granted', row.privilege, OperatePrivilegeType.Revoke);
        if (!isFree)
          expect(await codeOf(method, request, base64('able:secret1'))).toBe(status.PERMISSION_DENIED);
      }
      expect(through).toContain(await codeOf(method, request, root));
    });

    it('asks callers in the process the same', async () => {
      if (row === undefined) throw new Error('no row');
      if (!isLocal(method)) return;
      const isFree = row === 'everyone' || row.on(request).length === 0 || !isBuilt;
      expect(await keyOf(method, request, undefined)).toBe('unauthenticated');
      expect(await keyOf(method, request, 'root:milvus')).toBe('unauthenticated');
      const bare = await keyOf(method, request, 'bare:secret1');
      if (isFree) expect(['unauthenticated', 'permission_denied']).not.toContain(bare);
      else expect(bare).toBe('permission_denied');
      expect(['unauthenticated', 'permission_denied']).not.toContain(
        await keyOf(method, request, 'root:Milvus'),
      );
    });
  },
);

/** Calls that stream, and those of other services, have no way in from the process. */
const isLocal = ({ key, definition }: ServiceMethod): boolean =>
  key in MilvusServiceDefinition.methods && !definition.requestStream && !definition.responseStream;

/** The key of the error that a caller in the process gets; `answered` when there was none. */
async function keyOf(method: ServiceMethod, request: object, token: string | undefined): Promise<unknown> {
  const transport = database.transport(token === undefined ? {} : { token });
  try {
    await transport.call(method.key as ClientMethod, request, {});
    return 'answered';
  } catch (error) {
    return (error as { readonly key?: unknown }).key;
  } finally {
    await transport.close();
  }
}

describe('what is beside a call', () => {
  const { method } = caseOf('listCredUsers');
  const member = base64('@@milvus-member@@');
  const forged = [
    { sourceid: member },
    { sourceid: '@@milvus-member@@' },
    {
      'source-id': member,
      token: 'root',
      user: 'root',
      username: 'root',
      'x-user': 'root',
      peer: '127.0.0.1',
    },
    { identifier: '1', dbname: '@@milvus-member@@', 'server-id': '1' },
    { 'elanus-server-id': '1' },
  ];

  it.each(forged)('shows nobody to be anybody: %o', async (headers) => {
    expect((await outcome(method, {}, undefined, headers)).code).toBe(status.UNAUTHENTICATED);
    expect((await outcome(method, {}, base64('bare:secret1'), headers)).code).toBe(status.PERMISSION_DENIED);
  });

  it('is read once: two of them, or one that is too long, are none', async () => {
    expect((await outcome(method, {}, `${root},${root}`)).code).toBe(status.UNAUTHENTICATED);
    expect((await outcome(method, {}, `Bearer ${root}`)).code).toBe(status.UNAUTHENTICATED);
    expect((await outcome(method, {}, base64(`root:${'x'.repeat(5000)}`))).code).toBe(status.UNAUTHENTICATED);
  });

  it('the request of a stranger is not read', async () => {
    const garbage = Buffer.from([0x0a, 0xff, 0xff]);
    const { code, details } = await outcome(caseOf('insert').method, garbage, undefined);
    expect([code, details]).toEqual([
      status.UNAUTHENTICATED,
      'unauthenticated: missing authorization in header',
    ]);
  });
});
