// What the audit log has of calls: changes with how they ended, denied calls, failed logins; no secrets, no reads, no rows.
import { expect, it } from 'vitest';
import { collectionRecord, openProxyWorld } from '../../../../test/support/proxy-world.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const as = (login: string) => ({ metadata: { authorization: base64(login) }, peer: '10.0.0.7' });

it('notes who did what, and nothing that is nobody else’s', async () => {
  const definitions = { dropCollection: async () => ({}) };
  const { call, platform } = openProxyWorld({ definitions }, collectionRecord(), { auth: true });
  const lines = () => platform.audit.records.splice(0).map(({ fields }) => fields);
  const root = as('root:Milvus');
  await call('createCredential', { username: 'u', password: base64('secret12') }, root);
  await call('createCredential', { username: 'u', password: base64('secret12') }, root);
  await call('dropCollection', { collectionName: 'c' }, root);
  expect(lines()).toEqual([
    { call: 'CreateCredential', peer: '10.0.0.7', user: 'root', objects: '*', outcome: 'done' },
    {
      call: 'CreateCredential',
      peer: '10.0.0.7',
      user: 'root',
      objects: '*',
      outcome: 'failed',
      code: 65535,
    },
    { call: 'DropCollection', peer: '10.0.0.7', user: 'root', objects: 'default.c', outcome: 'done' },
  ]);
  await call('getVersion', {}, root);
  await call('describeCollection', { collectionName: 'c' }, root);
  expect(lines()).toEqual([]);
  await expect(call('dropCollection', { collectionName: 'c' }, as('u:secret12'))).rejects.toThrow(
    'permission deny',
  );
  await expect(call('getVersion', {}, as('u:wrong123'))).rejects.toThrow('auth check failure');
  await expect(call('getVersion', {}, { metadata: {} })).rejects.toThrow('missing authorization');
  const refused = lines();
  expect(refused).toEqual([
    {
      call: 'DropCollection',
      peer: '10.0.0.7',
      user: 'u',
      objects: 'default.c',
      outcome: 'denied',
      code: 1401,
    },
    { call: 'GetVersion', peer: '10.0.0.7', user: 'u', outcome: 'login_refused', code: 1400 },
    { call: 'GetVersion', peer: undefined, user: undefined, outcome: 'login_refused', code: 1400 },
  ]);
  expect(JSON.stringify(refused)).not.toMatch(/secret|wrong/);
});

it('lists no more failed logins than one can read, and says how many there were', async () => {
  const { call, platform, world } = openProxyWorld({}, collectionRecord(), { auth: true });
  const knock = () => call('getVersion', {}).catch(() => {});
  for (let at = 0; at < 130; at++) await knock();
  expect(platform.audit.records).toHaveLength(100);
  await world.runUntil(world.timers.sleep(1001));
  await knock();
  expect(platform.audit.records.at(-1)?.fields).toMatchObject({ outcome: 'login_refused', unlisted: 30 });
});
