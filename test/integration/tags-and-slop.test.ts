// Tags of users, and the slop of phrases, as exact bytes over gRPC to a database with authentication: what they answer, to whom, and after a restart.
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import { codec } from '#rpc/service.js';
import { type Elanus, open } from '#server/open.js';
import { tempFolder } from './support.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const root = base64('root:Milvus');
const password = base64('secret1');
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let grpc: Client;

/** What gRPC says, and the answer with its status beside it. */
function call(method: PublicMethod, request: object, user = root): Promise<Record<string, unknown>> {
  const { name, requestType, responseType } = MilvusServiceDefinition.methods[method];
  const bytes = Buffer.from(codec(requestType).encode(codec(requestType).fromPartial(request)).finish());
  const metadata = new Metadata();
  metadata.set('authorization', user);
  const same = (buffer: Buffer): Buffer => buffer;
  return new Promise((resolve) => {
    const onEnd = (error: ServiceError | null, value?: Buffer): void => {
      const answer = codec(responseType).decode(value ?? new Uint8Array()) as { status?: object };
      resolve({ grpc: error?.code ?? 0, ...answer, ...(answer.status ?? {}) });
    };
    const path = `/${MilvusServiceDefinition.fullName}/${name}`;
    grpc.makeUnaryRequest(path, same, same, bytes, metadata, { deadline: Date.now() + 20_000 }, onEnd);
  });
}

async function start(): Promise<void> {
  database = await open(folder.path, { auth: true, logLevel: 'error' });
  grpc = new Client(database.address, credentials.createInsecure());
}
beforeAll(async () => {
  folder = await tempFolder();
  await start();
  for (const username of ['ann', 'bob']) await call('createCredential', { username, password });
});
afterAll(async () => {
  grpc.close();
  await database.close();
  await folder.remove();
});

describe('tags', () => {
  const done = { grpc: 0, code: 0, reason: '' };

  it('are set, listed, found and deleted, and outlive a restart', async () => {
    expect(
      await call('addUserTags', { userName: 'ann', tags: { team: 'search', region: 'eu' } }),
    ).toMatchObject(done);
    expect(await call('addUserTags', { userName: 'ann', tags: { team: 'index' } })).toMatchObject(done);
    expect(await call('addUserTags', { userName: 'bob', tags: { team: 'search' } })).toMatchObject(done);
    grpc.close();
    await database.close();
    await start();
    expect(await call('getUserTags', { userName: 'ann' })).toMatchObject({
      tags: { team: 'index', region: 'eu' },
    });
    expect(await call('listUsersWithTag', { tagKey: 'team' })).toMatchObject({ userNames: ['ann', 'bob'] });
    expect(await call('listUsersWithTag', { tagKey: 'team', tagValue: 'search' })).toMatchObject({
      userNames: ['bob'],
    });
    expect(await call('deleteUserTags', { userName: 'ann', tagKeys: ['team', 'none'] })).toMatchObject(done);
    expect(await call('getUserTags', { userName: 'ann' })).toMatchObject({ ...done, tags: { region: 'eu' } });
  });

  it('are refused where they are none', async () => {
    expect(await call('addUserTags', { userName: 'nobody', tags: { a: 'b' } })).toMatchObject({
      code: 65_535,
    });
    expect(await call('getUserTags', { userName: 'nobody' })).toMatchObject({ code: 65_535 });
    expect(await call('addUserTags', { userName: 'ann' })).toMatchObject({ code: 1100 });
    expect(await call('addUserTags', { userName: 'ann', tags: { '': 'b' } })).toMatchObject({ code: 1100 });
    expect(await call('listUsersWithTag', {})).toMatchObject({ code: 1100 });
    const read = await call('getUserTags', { userName: 'ann' });
    expect(read).toMatchObject({ tags: { region: 'eu' } });
  });

  it('are no business of others', async () => {
    const ann = base64('ann:secret1');
    const denied = { grpc: status.PERMISSION_DENIED };
    expect(await call('addUserTags', { userName: 'bob', tags: { a: 'b' } }, ann)).toMatchObject(denied);
    expect(await call('deleteUserTags', { userName: 'bob', tagKeys: ['team'] }, ann)).toMatchObject(denied);
    expect(await call('getUserTags', { userName: 'bob' }, ann)).toMatchObject(denied);
    expect(await call('listUsersWithTag', { tagKey: 'team' }, ann)).toMatchObject(denied);
  });
});

it('the slop of a phrase in each of some texts', async () => {
  const dataTexts = ['machine learning', 'machine deep learning', 'learning a machine', 'machines'];
  const request = { queryText: 'machine learning', dataTexts, analyzerParams: '{"type": "standard"}' };
  expect(await call('computePhraseMatchSlop', request)).toMatchObject({
    ...{ grpc: 0, code: 0 },
    isMatch: [true, true, true, false],
    slops: [0n, 1n, 3n, 0n],
  });
  expect(
    await call('computePhraseMatchSlop', { ...request, analyzerParams: '{"type": "none"}' }),
  ).toMatchObject({
    code: 1100,
  });
  expect(
    await call('computePhraseMatchSlop', { ...request, dataTexts: ['x'.repeat(1_048_577)] }),
  ).toMatchObject({
    code: 1102,
  });
});
