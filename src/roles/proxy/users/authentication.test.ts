// Who calls: tokens, passwords that were right before, changed passwords, and those who guess.
import { expect, it, vi } from 'vitest';
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { seededRandom } from '#base/random.js';
import { changedUsers, initialUsers } from '#model/rights/users-record.js';
import { memoryPasswords } from '#platform/memory/memory-passwords.js';
import { UsersDefinition } from '#proto/elanus/roles.js';
import { inProcessClient } from '#rpc/service.js';
import { Authentication, readLogin } from './authentication.js';
import { UserDirectory } from './user-directory.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function openWorld() {
  let [record, version, now] = [initialUsers, 0n, 0];
  const users = inProcessClient(UsersDefinition, {
    readUsers: async ({ knownVersion }) => (knownVersion === version ? { version } : { version, record }),
    changeUsers: async ({ change }) => {
      if (change !== undefined) record = changedUsers(record, change, { timestamp: 1n });
      version++;
      return {};
    },
  });
  const passwords = memoryPasswords(seededRandom(1));
  const verify = vi.spyOn(passwords, 'verify');
  const clock = { now: () => now, monotonic: () => now };
  const open = () => new Authentication({ directory: new UserDirectory(users), passwords, clock });
  return {
    passwords,
    verify,
    open,
    users,
    advance: (ms: number) => {
      now += ms;
    },
    async setPassword(name: string, password: string) {
      const passwordHash = await passwords.hash(password);
      const isThere = record.users.some((user) => user.name === name);
      await users.changeUsers({
        change: isThere
          ? { $case: 'updateUser', value: { name, passwordHash } }
          : { $case: 'createUser', value: { name, passwordHash, description: '' } },
      });
    },
  };
}

const login = (authentication: Authentication, token: string, peer?: string) =>
  authentication.userOf({
    signal: new AbortController().signal,
    metadata: { authorization: token },
    ...(peer === undefined ? {} : { peer }),
  });

const refused = { key: 'unauthenticated' satisfies ErrorKey };

it('reads base64 of user and password, and nothing else', () => {
  expect(readLogin(base64('root:a:b'))).toEqual({ user: 'root', password: 'a:b' });
  for (const header of [
    undefined,
    '',
    'root:Milvus',
    '%%%',
    base64('key'),
    base64('x'.repeat(2000)),
    `Basic ${base64('a:b')}`,
  ])
    expect(() => readLogin(header), String(header)).toThrow(ElanusError);
  expect(() => readLogin(Buffer.from([0xff, 0x3a]).toString('base64'))).toThrow('invalid token format');
});

it('checks a password once, for calls that come together too, until it is changed at any proxy', async () => {
  const world = openWorld();
  const [one, other] = [world.open(), world.open()];
  await world.setPassword('u', 'first1');
  await Promise.all(Array.from({ length: 30 }, () => login(one, base64('u:first1'), 'p')));
  await login(one, base64('u:first1'));
  expect(world.verify).toHaveBeenCalledTimes(1);
  await login(other, base64('u:first1'));
  await world.setPassword('u', 'second2');
  for (const proxy of [one, other]) {
    await expect(login(proxy, base64('u:first1'))).rejects.toMatchObject(refused);
    expect(await login(proxy, base64('u:second2'))).toBe('u');
  }
  await world.users.changeUsers({ change: { $case: 'dropUser', value: 'u' } });
  await expect(login(one, base64('u:second2'))).rejects.toMatchObject(refused);
});

it('lets a new database be entered by root, until its password is set', async () => {
  const world = openWorld();
  const proxy = world.open();
  expect(await login(proxy, base64('root:Milvus'))).toBe('root');
  await expect(login(proxy, base64('root:'))).rejects.toMatchObject(refused);
  await world.setPassword('root', 'changed');
  await expect(login(proxy, base64('root:Milvus'))).rejects.toMatchObject(refused);
});

it('stops who guesses, not who was let in before or comes from elsewhere, and not for ever', async () => {
  const world = openWorld();
  const proxy = world.open();
  await world.setPassword('u', 'right1');
  await login(proxy, base64('u:right1'), 'thief');
  await world.setPassword('v', 'right2');
  const guesses = Array.from({ length: 40 }, (_, at) =>
    login(proxy, base64(`v:guess${at}`), 'thief').catch(String),
  );
  await Promise.all(guesses);
  expect(world.verify).toHaveBeenCalledTimes(1 + 10);
  await expect(login(proxy, base64('v:right2'), 'thief')).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('too many wrong passwords, try again in 60 s'),
  });
  expect(await login(proxy, base64('v:right2'), 'home')).toBe('v');
  expect(await login(proxy, base64('u:right1'), 'thief')).toBe('u');
  world.advance(60_001);
  expect(await login(proxy, base64('v:right2'), 'thief')).toBe('v');
});

it('does for a user that is not there what it does for others', async () => {
  const world = openWorld();
  await expect(login(world.open(), base64('nobody:password'))).rejects.toMatchObject(refused);
  expect(world.verify).toHaveBeenCalledTimes(1);
  const [, hash = ''] = world.verify.mock.calls[0] ?? [];
  expect(hash).toMatch(/^\$2b\$10\$[./A-Za-z0-9]{53}$/);
});
