// Names of users and roles that are none, users that are written in another way, rights that end while somebody reads, and databases that a call
// names twice: as exact bytes over gRPC to a database with authentication. Also messages in forms that no encoder makes.
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import { codec } from '#rpc/service.js';
import { type Elanus, open } from '#server/open.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
interface Answer {
  /** What gRPC says. */
  readonly code: number;
  readonly answer: { readonly status?: { readonly code: number; readonly reason: string } } & object;
  readonly details: string;
}

let database: Elanus;
let grpc: Client;
const current = base64('root:Milvus');

function send(
  method: PublicMethod,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const { name, responseType } = MilvusServiceDefinition.methods[method];
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const same = (buffer: Buffer): Buffer => buffer;
  return new Promise((resolve) => {
    const onEnd = (error: ServiceError | null, value?: Buffer): void =>
      resolve({
        code: error?.code ?? 0,
        details: error?.details ?? '',
        answer: codec(responseType).decode(value ?? new Uint8Array()),
      });
    const path = `/${MilvusServiceDefinition.fullName}/${name}`;
    const options = { deadline: Date.now() + 20_000 };
    grpc.makeUnaryRequest(path, same, same, Buffer.from(bytes), metadata, options, onEnd);
  });
}
const bytesOf = (method: PublicMethod, request: object): Uint8Array => {
  const { requestType } = MilvusServiceDefinition.methods[method];
  return codec(requestType).encode(codec(requestType).fromPartial(request)).finish();
};
const call = (method: PublicMethod, request: object, user = current, more: object = {}): Promise<Answer> =>
  send(method, bytesOf(method, request), { authorization: user, ...more });
const statusOf = ({ answer }: Answer) =>
  (answer.status ?? answer) as { readonly code: number; readonly reason: string };

async function must(method: PublicMethod, request: object): Promise<Answer> {
  const answer = await call(method, request);
  if (answer.code !== 0 || (statusOf(answer).code ?? 0) !== 0)
    throw new Error(`${method}: ${answer.details} ${statusOf(answer).reason}`);
  return answer;
}

const password = base64('secret1');

beforeAll(async () => {
  database = await open(undefined, { auth: true, logLevel: 'error' });
  grpc = new Client(database.address, credentials.createInsecure());
  const fields = [
    { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
  ];
  await must('createDatabase', { dbName: 'other' });
  for (const dbName of ['default', 'other']) {
    const bytes = CollectionSchema.encode(CollectionSchema.fromPartial({ name: 'c', fields })).finish();
    await must('createCollection', { dbName, collectionName: 'c', schema: bytes });
    const extraParams = [
      { key: 'index_type', value: 'FLAT' },
      { key: 'metric_type', value: 'L2' },
    ];
    await must('createIndex', { dbName, collectionName: 'c', fieldName: 'v', extraParams });
    await must('loadCollection', { dbName, collectionName: 'c' });
  }
  await must('createCredential', { username: 'Reader', password });
  await must('createRole', { entity: { name: 'Readers' } });
  await must('operateUserRole', { username: 'Reader', roleName: 'Readers' });
  const grant = { role: { name: 'Readers' }, grantor: { privilege: { name: 'Query' } } };
  await must('operatePrivilegeV2', { ...grant, dbName: 'default', collectionName: 'c' });
});
afterAll(async () => {
  grpc.close();
  await database.close();
});

const names: readonly (readonly [name: string, user: boolean, role: boolean])[] = [
  ['', false, false],
  [' ', false, false],
  ['a\0b', false, false],
  ['a:b', false, false],
  ['a/b', false, false],
  ['a\\b', false, false],
  ['..', false, false],
  ['../../root', false, false],
  ['a b', false, false],
  ['rооt', false, false], // Two letters of another alphabet.
  ['ｒｏｏｔ', false, false],
  ['root\u200b', false, false],
  ['\u202etoor', false, false],
  ['😀', false, false],
  ['1a', false, false],
  ['a'.repeat(32), true, true],
  ['a'.repeat(33), false, true],
  ['a'.repeat(10_000), false, false],
  ['Root', true, true],
  ['constructor', true, true],
  ['__proto__', false, true],
];

describe('names', () => {
  it.each(names)('of users and roles: %j', async (name, isUser, isRole) => {
    const made = statusOf(await call('createCredential', { username: name, password }));
    expect([made.reason, made.code === 0]).toEqual([made.reason, isUser]);
    const role = statusOf(await call('createRole', { entity: { name } }));
    expect([role.reason, role.code === 0]).toEqual([role.reason, isRole]);
    for (const { code, reason } of [made, role].filter((one) => one.code !== 0)) {
      expect(code).toBeOneOf([1100, 65_535]);
      expect(reason.length).toBeLessThan(300);
      expect(reason).not.toMatch(/undefined|\[object|internal error|\0/);
    }
    if (isUser) {
      // Nobody who looks like another is that one.
      const answer = await call('listCredUsers', {}, base64(`${name}:secret1`));
      expect(answer.code).toBe(status.PERMISSION_DENIED);
      await must('deleteCredential', { username: name });
    }
    if (isRole) await must('dropRole', { roleName: name });
  });

  it('count as they are written', async () => {
    for (const user of ['reader', 'READER', 'Reader ', ' Reader', 'Reader\0'])
      expect((await call('getVersion', {}, base64(`${user}:secret1`))).code, user).toBe(
        status.UNAUTHENTICATED,
      );
    expect((await call('getVersion', {}, base64('Reader:Secret1'))).code).toBe(status.UNAUTHENTICATED);
    expect((await call('getVersion', {}, base64('Reader:secret1'))).code).toBe(0);
    const wrongRole = await call('operateUserRole', { username: 'Reader', roleName: 'readers' });
    expect(statusOf(wrongRole).code).not.toBe(0);
  });
});

describe('a database that is named twice', () => {
  const query = { collectionName: 'c', expr: 'id > 0', outputFields: ['id'] };
  const reader = base64('Reader:secret1');
  const codeOf = async (dbName: string, dbname: string): Promise<number> =>
    (await call('query', { ...query, dbName }, reader, { dbname })).code;

  it('is the one of the request, for rights as for rows', async () => {
    expect(await codeOf('default', 'other')).toBe(0);
    expect(await codeOf('', 'default')).toBe(0);
    expect(await codeOf('other', 'default')).toBe(status.PERMISSION_DENIED);
    expect(await codeOf('', 'other')).toBe(status.PERMISSION_DENIED);
    expect(await codeOf('Default', 'default')).toBe(status.PERMISSION_DENIED);
    expect(await codeOf('', 'default,other')).toBe(status.PERMISSION_DENIED);
  });
});

describe('what ends while somebody reads', () => {
  const reader = base64('Reader:secret1');
  const page = () => {
    const queryParams = [
      { key: 'iterator', value: 'True' },
      { key: 'limit', value: '10' },
    ];
    return call('query', { collectionName: 'c', expr: 'id > 0', outputFields: ['id'], queryParams }, reader);
  };

  it('a role: the next page is refused', async () => {
    expect((await page()).code).toBe(0);
    await must('operateUserRole', { username: 'Reader', roleName: 'Readers', type: 1 });
    expect((await page()).code).toBe(status.PERMISSION_DENIED);
    await must('operateUserRole', { username: 'Reader', roleName: 'Readers' });
    expect((await page()).code).toBe(0);
    await must('dropRole', { roleName: 'Readers', forceDrop: true });
    expect((await page()).code).toBe(status.PERMISSION_DENIED);
  });

  it('a password: the old one opens nothing, however often it did', async () => {
    const newPassword = base64('secret2');
    await must('updateCredential', { username: 'Reader', oldPassword: password, newPassword });
    expect((await page()).code).toBe(status.UNAUTHENTICATED);
  });

  it('a user: what comes after it under its name is another', async () => {
    await must('deleteCredential', { username: 'Reader' });
    expect((await call('getVersion', {}, base64('Reader:secret2'))).code).toBe(status.UNAUTHENTICATED);
    await must('createCredential', { username: 'Reader', password: base64('secret3') });
    expect((await call('getVersion', {}, base64('Reader:secret2'))).code).toBe(status.UNAUTHENTICATED);
    const { answer } = await must('selectUser', { user: { name: 'Reader' }, includeRoleInfo: true });
    expect(answer).toMatchObject({ results: [{ roles: [] }] });
  });
});

describe('messages that no encoder makes', () => {
  const sent = (method: PublicMethod, ...bytes: readonly Uint8Array[]): Promise<Answer> =>
    send(method, Buffer.concat(bytes), { authorization: current });
  const sound = bytesOf('hasCollection', { collectionName: 'c' });

  it('a field there is not, of every wire type, is passed over', async () => {
    const fields = ['f83e05', 'f93e0102030405060708', 'fa3e03616263', 'fb3e0801fc3e', 'fd3e01020304'];
    for (const field of fields)
      for (const parts of [
        [sound, Buffer.from(field, 'hex')],
        [Buffer.from(field, 'hex'), sound],
      ]) {
        const { code, answer } = await sent('hasCollection', ...parts);
        expect([code, answer]).toMatchObject([0, { value: true }]);
      }
  });

  it('a field twice is the last of them, as protobuf has it', async () => {
    const { answer } = await sent('hasCollection', bytesOf('hasCollection', { collectionName: 'd' }), sound);
    expect(answer).toMatchObject({ value: true });
  });

  it.each([
    ['a length beyond the end', '1a7f6163'],
    ['a length of 2^63', '1affffffffffffffffff0161'],
    ['a number of eleven bytes', '18ffffffffffffffffffffff01'],
    ['a tag of field 0', '0200'],
    ['a wire type of 6', '1e00'],
    ['the end of a group that did not begin', '1c'],
    ['a group without an end', '1b0801'],
    ['a text that is no UTF-8', '1a02c328'],
  ])('%s is refused', async (_what, hex) => {
    const answer = await sent('hasCollection', Buffer.from(hex, 'hex'));
    const { code, reason } = statusOf(answer);
    expect(answer.code > 0 || code === 1100, `${answer.code} ${answer.details} ${code} ${reason}`).toBe(true);
    expect(`${answer.details}${reason}`).not.toMatch(/undefined|\[object|internal error/);
  });

  it('numbers that are packed, and numbers that are not, are one list', async () => {
    // LongArray.data (1): packed 21, 22; then 23 by itself; then packed 24.
    const mixed = Buffer.from('0a0215160817' + '0a0118', 'hex');
    const nested = (field: number, body: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([field * 8 + 2, body.length]), body]);
    const scalars = nested(3, nested(3, mixed));
    const id = Buffer.concat([Buffer.from('0805', 'hex'), nested(2, Buffer.from('id')), scalars]);
    const floats = new Uint8Array(Float32Array.from([1, 0, 1, 0, 1, 0, 1, 0]).buffer);
    const vectors = nested(4, Buffer.concat([Buffer.from('0802', 'hex'), nested(2, nested(1, floats))]));
    const v = Buffer.concat([Buffer.from('0865', 'hex'), nested(2, Buffer.from('v')), vectors]);
    const rest = bytesOf('insert', { collectionName: 'c', numRows: 4 });
    const answer = await sent('insert', rest, nested(5, id), nested(5, v));
    expect(statusOf(answer)).toMatchObject({ code: 0, reason: '' });
    const asked = { collectionName: 'c', expr: 'id in [21, 22, 23, 24]', outputFields: ['count(*)'] };
    const { answer: counted } = await must('query', { ...asked, consistencyLevel: 0 });
    const four = { $case: 'scalars', value: { data: { value: { data: Buffer.from([4]) } } } };
    expect(counted).toMatchObject({ fieldsData: [{ field: four }] });
  });
});
