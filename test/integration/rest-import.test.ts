// Import jobs over REST: in two phases, under a key, and only for those who may import into the collection.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImportJobRequest, OperationsDefinition, StatusResponse } from '#proto/elanus/roles.js';
import { type Elanus, open } from '#server/open.js';
import { tempFolder } from './support.js';

const ROOT = 'root:Milvus';

describe('import jobs over REST', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let database: Elanus;
  const post = async (
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
    who = ROOT,
  ) => {
    const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${who}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { code: number; message?: string; data: Record<string, unknown> };
  };
  const stateOf = async (jobId: unknown): Promise<unknown> =>
    (await post('jobs/import/describe', { jobId })).data.state;
  const reaches = (jobId: unknown, state: string) =>
    expect.poll(() => stateOf(jobId), { timeout: 20_000 }).toBe(state);
  const countOf = async (collectionName: string): Promise<unknown> => {
    const body = { collectionName, filter: '', outputFields: ['count(*)'] };
    return (await post('entities/query', body)).data;
  };
  const create = (more: object = {}, headers?: Readonly<Record<string, string>>) =>
    post('jobs/import/create', { collectionName: 'a', files: [['a.json']], ...more }, headers);
  beforeAll(async () => {
    folder = await tempFolder();
    database = await open(folder.path, { logLevel: 'error', auth: true });
    await mkdir(join(folder.path, 'objects'), { recursive: true });
    await writeFile(join(folder.path, 'objects', 'a.json'), JSON.stringify([{ id: 1, vector: [1, 2] }]));
    for (const collectionName of ['a', 'b'])
      expect(await post('collections/create', { collectionName, dimension: 2 })).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await database.close();
    await folder.remove();
  });

  it('shows rows once the job is committed, and none when it is aborted', async () => {
    const { data } = await create({ options: { auto_commit: 'false' } });
    await reaches(data.jobId, 'Uncommitted');
    expect(await countOf('a')).toEqual([{ 'count(*)': 0 }]);
    expect(await post('jobs/import/commit', data)).toEqual({ code: 0, data: {} });
    await reaches(data.jobId, 'Completed');
    expect(await countOf('a')).toEqual([{ 'count(*)': 1 }]);
    expect(await post('jobs/import/commit', data)).toEqual({ code: 0, data: {} });
    expect(await post('jobs/import/abort', data)).toMatchObject({
      ...{ code: 2100, message: expect.stringMatching(/is completed/) },
    });

    const second = (await create({ options: { auto_commit: 'false' } })).data;
    await reaches(second.jobId, 'Uncommitted');
    expect(await post('jobs/import/abort', second)).toEqual({ code: 0, data: {} });
    expect(await stateOf(second.jobId)).toBe('Failed');
    expect(await post('jobs/import/commit', second)).toMatchObject({ code: 2100 });
    expect(await countOf('a')).toEqual([{ 'count(*)': 1 }]);
  });

  it('makes one job of a request that is sent again under its key, by header or body', async () => {
    const first = (await create({}, { 'idempotency-key': 'k' })).data;
    expect((await create({}, { 'Idempotency-Key': 'k' })).data).toEqual(first);
    expect((await create({ idempotencyKey: 'k' })).data).toEqual(first);
    expect((await create({ idempotencyKey: 'l' })).data).not.toEqual(first);
    expect(await create({ idempotencyKey: 'l' }, { 'idempotency-key': 'k' })).toMatchObject({ code: 1100 });
    expect(await create({ idempotencyKey: 'k', files: [['b.json']] })).toMatchObject({ code: 1100 });
  });

  it('lets those decide who may import into the collection of the job', async () => {
    const ann = 'ann:secret1';
    await post('users/create', { userName: 'ann', password: 'secret1' });
    await post('roles/create', { roleName: 'loader' });
    const grants = [
      ['GetImportProgress', '*'],
      ['Import', 'b'],
    ] as const;
    for (const [privilege, objectName] of grants)
      expect(
        await post('roles/grant_privilege', {
          ...{ roleName: 'loader', objectType: 'Collection', objectName, privilege },
        }),
      ).toMatchObject({ code: 0 });
    await post('users/grant_role', { userName: 'ann', roleName: 'loader' });
    const { data } = await create({ options: { auto_commit: 'false' } });
    await reaches(data.jobId, 'Uncommitted');
    for (const path of ['jobs/import/commit', 'jobs/import/abort'])
      expect((await post(path, data, {}, ann)).code).toBe(1401);
    expect(await stateOf(data.jobId)).toBe('Uncommitted');
    const own = (
      await post(
        'jobs/import/create',
        { collectionName: 'b', files: [['a.json']], options: { auto_commit: 'false' } },
        {},
        ann,
      )
    ).data;
    await reaches(own.jobId, 'Uncommitted');
    expect(await post('jobs/import/commit', own, {}, ann)).toEqual({ code: 0, data: {} });
  });

  /** A decision that names no collection: a matter of the whole database that it names. @returns the code of Milvus, or of gRPC where it fails */
  const decide = (method: string, jobId: unknown, dbName: string, who: string): Promise<number> => {
    const metadata = new Metadata();
    metadata.set('authorization', Buffer.from(who).toString('base64'));
    const request = ImportJobRequest.fromPartial({ jobId: BigInt(String(jobId)), dbName });
    const client = new Client(database.address, credentials.createInsecure());
    return new Promise<number>((resolve) =>
      client.makeUnaryRequest(
        `/${OperationsDefinition.fullName}/${method}`,
        (sent: ImportJobRequest) => Buffer.from(ImportJobRequest.encode(sent).finish()),
        (bytes) => StatusResponse.decode(bytes).status?.code ?? -1,
        request,
        metadata,
        (error: ServiceError | null, code) => resolve(error?.code ?? code ?? -1),
      ),
    ).finally(() => client.close());
  };

  it('keeps jobs of another database from those who may import into all of their own', async () => {
    const bob = 'bob:secret1';
    await post('databases/create', { dbName: 'other' });
    await post('collections/create', { dbName: 'other', collectionName: 'a', dimension: 2 });
    await post('users/create', { userName: 'bob', password: 'secret1' });
    await post('roles/create', { roleName: 'importer' });
    const grant = { roleName: 'importer', privilege: 'Import', collectionName: '*', dbName: 'default' };
    expect(await post('roles/grant_privilege_v2', grant)).toMatchObject({ code: 0 });
    await post('users/grant_role', { userName: 'bob', roleName: 'importer' });
    const { data } = await create({ dbName: 'other', options: { auto_commit: 'false' } });
    await reaches(data.jobId, 'Uncommitted');
    for (const method of ['CommitImport', 'AbortImport']) {
      expect(await decide(method, data.jobId, '', bob)).toBe(2100);
      expect(await decide(method, data.jobId, 'other', bob)).toBe(7);
    }
    expect(await stateOf(data.jobId)).toBe('Uncommitted');
    for (const privilege of ['ListImport', 'GetImportProgress'])
      await post('roles/grant_privilege_v2', { ...grant, privilege });
    const asBob = { authorization: `Bearer ${bob}` };
    const listed = async (who: Record<string, string> = {}) =>
      JSON.stringify(await post('jobs/import/list', {}, who)).includes(String(data.jobId));
    expect([await listed(asBob), await listed()]).toEqual([false, false]);
    const { records } = (await post('jobs/import/list', { dbName: 'other' })).data;
    expect(records).toMatchObject([{ jobId: data.jobId, collectionName: 'a' }]);
    expect(await post('jobs/import/describe', { jobId: data.jobId }, asBob)).toMatchObject({ code: 2100 });
    expect(await decide('CommitImport', data.jobId, 'other', ROOT)).toBe(0);
    const own = (await create({ options: { auto_commit: 'false' } })).data;
    await reaches(own.jobId, 'Uncommitted');
    expect(await decide('AbortImport', own.jobId, '', bob)).toBe(0);
  });
});
