// A day of users through the Milvus client: passwords, roles, grants, groups, backup; then what a reader, a writer and a stranger can do, over
// gRPC and over REST, and a restart on the same folder.
import { HttpClient, MilvusClient, RbacObjects } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { keyField, mustSucceed, tempFolder, vectorField, vectorOf } from './support.js';

const clients: MilvusClient[] = [];
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let root: MilvusClient;

async function login(username: string, password: string, dbName?: string): Promise<MilvusClient> {
  const client = new MilvusClient({
    ...{ address: database.address, username, password, timeout: 20_000, logLevel: 'error' },
    ...(dbName === undefined ? {} : { database: dbName }),
    channelOptions: { 'grpc.use_local_subchannel_pool': 1 },
  });
  clients.push(client);
  await client.connectPromise;
  return client;
}

const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (answer) => `answered ${JSON.stringify(answer).slice(0, 200)}`,
    (error: unknown) => String(error),
  );

const makeCollection = (client: MilvusClient, name: string) =>
  mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));

beforeAll(async () => {
  folder = await tempFolder();
  database = await open(folder.path, { auth: true, logLevel: 'error' });
  root = await login('root', 'Milvus');
});

afterAll(async () => {
  for (const client of clients) await client.closeConnection().catch(() => {});
  await database.close();
  await folder.remove();
});

describe('users', () => {
  it('are made, listed, changed and deleted', async () => {
    await mustSucceed(root.createUser({ username: 'reader', password: 'reads123' }));
    await mustSucceed(root.createUser({ username: 'writer', password: 'writes12' }));
    expect((await root.createUser({ username: 'reader', password: 'reads123' })).reason).toContain(
      'user already exists: reader',
    );
    expect((await root.createUser({ username: 'short', password: '12345' })).reason).toContain(
      'invalid password length',
    );
    expect((await root.createUser({ username: '1a', password: 'reads123' })).reason).toContain(
      'the first character must be a letter',
    );
    expect([...(await root.listUsers()).usernames].sort()).toEqual(['reader', 'root', 'writer']);
    const wrong = await root.updateUser({
      username: 'root',
      oldPassword: 'wrong12',
      newPassword: 'changed1',
    });
    expect([wrong.code, wrong.reason]).toEqual([
      1400,
      expect.stringContaining('old password not correct for root'),
    ]);
    await mustSucceed(root.updateUser({ username: 'writer', oldPassword: '', newPassword: 'writes34' }));
    expect(await refusal(login('writer', 'writes12'))).toContain('UNAUTHENTICATED');
    const writer = await login('writer', 'writes34');
    expect(
      await refusal(
        writer.updateUser({ username: 'reader', oldPassword: 'reads123', newPassword: 'stolen12' }),
      ),
    ).toContain('PERMISSION_DENIED: PrivilegeUpdateUser: permission deny to writer');
    await mustSucceed(
      writer.updateUser({ username: 'writer', oldPassword: 'writes34', newPassword: 'writes56' }),
    );
    expect(await refusal(writer.listUsers())).toContain('UNAUTHENTICATED');
    await mustSucceed(root.createUser({ username: 'gone', password: 'gone1234' }));
    const gone = await login('gone', 'gone1234');
    await mustSucceed(root.deleteUser({ username: 'gone' }));
    expect(await refusal(gone.getVersion())).toContain('UNAUTHENTICATED');
    expect((await root.deleteUser({ username: 'root' })).code).toBe(1401);
  });

  it('have roles', async () => {
    await mustSucceed(root.createRole({ roleName: 'readers' }));
    await mustSucceed(root.createRole({ roleName: 'writers' }));
    await mustSucceed(root.addUserToRole({ username: 'reader', roleName: 'readers' }));
    await mustSucceed(root.addUserToRole({ username: 'writer', roleName: 'writers' }));
    const names = (await root.listRoles()).results.map(({ role }) => role.name);
    expect(names).toEqual(['admin', 'public', 'readers', 'writers']);
    const { results } = await root.describeRole({ roleName: 'readers' });
    expect(results).toMatchObject([{ role: { name: 'readers' }, users: [{ name: 'reader' }] }]);
    expect((await root.describeUser({ username: 'reader' })).results).toMatchObject([
      { user: { name: 'reader' }, roles: [{ name: 'readers' }] },
    ]);
    expect((await root.hasRole({ roleName: 'nobody' })).hasRole).toBe(false);
  });
});

describe('grants', () => {
  it('are given in both ways, listed and taken', async () => {
    await makeCollection(root, 'docs');
    await makeCollection(root, 'secret');
    await mustSucceed(root.createAlias({ collection_name: 'secret', alias: 'hidden' }));
    await mustSucceed(root.createAlias({ collection_name: 'docs', alias: 'papers' }));
    const search = {
      roleName: 'readers',
      object: RbacObjects.Collection,
      objectName: 'docs',
      privilegeName: 'Search',
    };
    await mustSucceed(root.grantRolePrivilege(search));
    await mustSucceed(
      root.grantPrivilegeV2({
        role: 'readers',
        privilege: 'Query',
        collection_name: 'docs',
        db_name: 'default',
      }),
    );
    const { entities } = await root.listGrants({ roleName: 'readers' });
    expect(entities).toMatchObject([
      {
        object_name: 'docs',
        db_name: 'default',
        grantor: { user: { name: 'root' }, privilege: { name: 'Search' } },
      },
      { object: { name: 'Collection' }, grantor: { privilege: { name: 'Query' } } },
    ]);
    await mustSucceed(root.revokeRolePrivilege(search));
    expect((await root.listGrants({ roleName: 'readers' })).entities).toHaveLength(1);
    expect((await root.dropRole({ roleName: 'readers' })).reason).toContain('Use REVOKE API');
  });

  it('of groups of privileges', async () => {
    await mustSucceed(root.createPrivilegeGroup({ group_name: 'reading' }));
    await mustSucceed(
      root.addPrivilegesToGroup({ group_name: 'reading', privileges: ['Search', 'Query', 'Load'] }),
    );
    await mustSucceed(root.removePrivilegesFromGroup({ group_name: 'reading', privileges: ['Load'] }));
    expect((await root.listPrivilegeGroups()).privilege_groups).toMatchObject([
      { group_name: 'reading', privileges: [{ name: 'Search' }, { name: 'Query' }] },
    ]);
    for (const privilege of ['reading', 'CollectionReadOnly'])
      await mustSucceed(
        root.grantPrivilegeV2({ role: 'readers', privilege, collection_name: 'docs', db_name: 'default' }),
      );
    await mustSucceed(
      root.grantPrivilegeV2({
        role: 'writers',
        privilege: 'CollectionReadWrite',
        collection_name: '*',
        db_name: 'default',
      }),
    );
    expect((await root.dropPrivilegeGroup({ group_name: 'reading' })).reason).toContain(
      'is used by role [readers]',
    );
  });
});

describe('with grants', () => {
  it('writers write, readers read, each what is theirs', async () => {
    const [writer, reader] = [await login('writer', 'writes56'), await login('reader', 'reads123')];
    await mustSucceed(writer.insert({ collection_name: 'docs', data: [{ id: 1, vector: vectorOf(1) }] }));
    await mustSucceed(
      writer.createIndex({
        collection_name: 'docs',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await mustSucceed(writer.loadCollectionSync({ collection_name: 'docs' }));
    for (const name of ['docs', 'papers']) {
      const found = await reader.search({ collection_name: name, data: [vectorOf(1)], limit: 1 });
      expect(found.results, name).toMatchObject([{ id: '1' }]);
    }
    for (const name of ['secret', 'hidden'])
      expect(
        await refusal(reader.query({ collection_name: name, filter: 'id > 0', limit: 1 })),
        name,
      ).toContain('PERMISSION_DENIED: PrivilegeQuery: permission deny to reader in the `default` database');
    expect(
      await refusal(reader.insert({ collection_name: 'docs', data: [{ id: 2, vector: vectorOf(2) }] })),
    ).toContain('PERMISSION_DENIED');
    expect(await refusal(writer.dropCollection({ collection_name: 'docs' }))).toContain('PERMISSION_DENIED');
    expect((await reader.showCollections()).data.map(({ name }) => name)).toEqual(['docs']);
    expect((await writer.showCollections()).data.map(({ name }) => name).sort()).toEqual(['docs', 'secret']);
  });

  it('databases are apart', async () => {
    await mustSucceed(root.createDatabase({ db_name: 'other' }));
    const other = await login('root', 'Milvus', 'other');
    await makeCollection(other, 'docs');
    const reader = await login('reader', 'reads123');
    expect([...(await reader.listDatabases()).db_names]).toEqual(['default']);
    expect(
      await refusal(reader.query({ collection_name: 'docs', db_name: 'other', filter: 'id > 0', limit: 1 })),
    ).toContain('PERMISSION_DENIED');
    // An id is the way to a collection of any database.
    const { collectionID } = await other.describeCollection({ collection_name: 'docs' });
    for (const privilege of ['DescribeCollection', 'ListAliases', 'IndexDetail'])
      await mustSucceed(
        root.revokePrivilegeV2({ role: 'public', privilege, collection_name: '*', db_name: '*' }),
      );
    expect(await refusal(reader.getReplicas({ collectionID }))).toContain('PERMISSION_DENIED');
  });

  it('REST is the same door', async () => {
    const http = (token: string) => new HttpClient({ endpoint: `http://${database.address}`, token });
    const query = { collectionName: 'docs', filter: 'id > 0', outputFields: ['id'], limit: 1 };
    expect(await http('reader:reads123').query(query)).toMatchObject({ code: 0, data: [{ id: '1' }] });
    const post = async (path: string, body: object, token?: string) => {
      const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(body),
      });
      return [response.status, ((await response.json()) as { code: number }).code];
    };
    const rows = { data: [{ id: 3, vector: vectorOf(3) }] };
    expect(await post('entities/query', { ...query, collectionName: 'secret' }, 'reader:reads123')).toEqual([
      403, 1401,
    ]);
    expect(await post('entities/insert', { ...rows, collectionName: 'docs' }, 'reader:reads123')).toEqual([
      403, 1401,
    ]);
    // What the schema would be read for is no way to learn of it.
    for (const collectionName of ['secret', 'hidden', 'nowhere'])
      expect(
        await post('entities/insert', { ...rows, collectionName }, 'reader:reads123'),
        collectionName,
      ).toEqual([403, 1401]);
    for (const token of [undefined, 'reader:wrong', 'reader'])
      expect(await post('entities/insert', { ...rows, collectionName: 'nowhere' }, token)).toEqual([
        401, 1800,
      ]);
    expect(await post('entities/insert', { ...rows, collectionName: 'docs' }, 'writer:writes56')).toEqual([
      200, 0,
    ]);
  });

  it('grants go with what they name', async () => {
    await mustSucceed(root.renameCollection({ collection_name: 'docs', new_collection_name: 'texts' }));
    const reader = await login('reader', 'reads123');
    expect((await reader.showCollections()).data.map(({ name }) => name)).toEqual(['texts']);
    await makeCollection(root, 'docs');
    expect(await refusal(reader.query({ collection_name: 'docs', filter: 'id > 0', limit: 1 }))).toContain(
      'PERMISSION_DENIED',
    );
    await mustSucceed(root.dropCollection({ collection_name: 'texts' }));
    await makeCollection(root, 'texts');
    expect(await refusal(reader.query({ collection_name: 'texts', filter: 'id > 0', limit: 1 }))).toContain(
      'PERMISSION_DENIED',
    );
    expect((await root.listGrants({ roleName: 'readers' })).entities).toEqual([]);
  });
});

it('a grant waits for its name, whether a collection is made or renamed to it', async () => {
  const [later, query] = ['later', { filter: 'id > 0', limit: 1 }];
  await mustSucceed(root.createRole({ roleName: 'waiting' }));
  await mustSucceed(root.addUserToRole({ username: 'reader', roleName: 'waiting' }));
  const grant = { role: 'waiting', privilege: 'Query', collection_name: later, db_name: 'default' };
  await mustSucceed(root.grantPrivilegeV2(grant));
  const reader = await login('reader', 'reads123');
  // Nothing is said of whether it is there: not loaded, or not found, is for who may ask.
  expect(await refusal(reader.query({ collection_name: later, ...query }))).toContain('not found');
  await makeCollection(root, 'named');
  expect(await refusal(reader.query({ collection_name: 'named', ...query }))).toContain('PERMISSION_DENIED');
  await mustSucceed(root.renameCollection({ collection_name: 'named', new_collection_name: later }));
  expect(await refusal(reader.query({ collection_name: later, ...query }))).toContain('not loaded');
  // It goes with the collection like any other.
  await mustSucceed(root.dropCollection({ collection_name: later }));
  expect(await refusal(reader.query({ collection_name: later, ...query }))).toContain('PERMISSION_DENIED');
});

it('a role goes with its grants when that is forced', async () => {
  const grant = { role: 'waiting', privilege: 'Query', collection_name: '*', db_name: 'default' };
  await mustSucceed(root.grantPrivilegeV2(grant));
  const reader = await login('reader', 'reads123');
  await makeCollection(root, 'forced');
  const query = { collection_name: 'forced', filter: 'id > 0', limit: 1 };
  expect(await refusal(reader.query(query))).toContain('not loaded');
  expect((await root.dropRole({ roleName: 'waiting' })).reason).toContain('Use REVOKE API');
  // This client has no word for it, REST has.
  const forced = await fetch(`http://${database.address}/v2/vectordb/roles/drop`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer root:Milvus' },
    body: JSON.stringify({ roleName: 'waiting', forceDrop: true }),
  });
  expect(await forced.json()).toMatchObject({ code: 0 });
  expect(await refusal(reader.query(query))).toContain('PERMISSION_DENIED');
  // The next role of that name has neither grants nor users.
  await mustSucceed(root.createRole({ roleName: 'waiting' }));
  expect((await root.listGrants({ roleName: 'waiting' })).entities).toEqual([]);
  expect(await refusal(reader.query(query))).toContain('PERMISSION_DENIED');
  await mustSucceed(root.dropRole({ roleName: 'waiting' }));
});

it('comes back from a backup, and from a restart', async () => {
  const backup = await root.backupRBAC();
  expect(backup.RBAC_meta.users).toMatchObject([{ user: 'reader' }, { user: 'writer' }]);
  expect(backup.RBAC_meta.privilege_groups).toMatchObject([{ group_name: 'reading' }]);
  expect((await root.restoreRBAC({ RBAC_meta: backup.RBAC_meta })).reason).toContain('already exists');
  for (const username of ['reader', 'writer']) await mustSucceed(root.deleteUser({ username }));
  const given = {
    role: 'writers',
    privilege: 'CollectionReadWrite',
    collection_name: '*',
    db_name: 'default',
  };
  await mustSucceed(root.revokePrivilegeV2(given));
  for (const roleName of ['readers', 'writers']) await mustSucceed(root.dropRole({ roleName }));
  await mustSucceed(root.dropPrivilegeGroup({ group_name: 'reading' }));
  await mustSucceed(root.restoreRBAC({ RBAC_meta: backup.RBAC_meta }));
  await mustSucceed(root.updateUser({ username: 'root', oldPassword: 'Milvus', newPassword: 'changed1' }));
  for (const client of clients.splice(0)) await client.closeConnection();
  await database.close();
  database = await open(folder.path, { auth: true, logLevel: 'error' });
  expect(await refusal(login('root', 'Milvus'))).toContain('UNAUTHENTICATED');
  root = await login('root', 'changed1');
  const writer = await login('writer', 'writes56');
  await mustSucceed(writer.insert({ collection_name: 'texts', data: [{ id: 1, vector: vectorOf(1) }] }));
});
