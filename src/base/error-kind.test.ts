// Errors of two copies of the classes, as a program has them that a bundler put together.
import { expect, it, vi } from 'vitest';

const copies = async () => {
  vi.resetModules();
  return { ...(await import('#base/errors.js')), ...(await import('#client/errors.js')) };
};

const of = { code: 100, reason: 'none', isRetriable: false, call: 'search' };

it('are known by the other copy, by their own class and those above it', async () => {
  const [one, other] = [await copies(), await copies()];
  expect(one.ElanusError === other.ElanusError).toBe(false);
  const engine: unknown = new one.ElanusError('queue_full', 'full');
  expect(engine instanceof other.ElanusError).toBe(true);
  expect(engine instanceof other.ClientError).toBe(false);
  const missing: unknown = new one.NotFoundError(of);
  expect([
    missing instanceof other.NotFoundError,
    missing instanceof other.ClientError,
    missing instanceof one.NotFoundError,
    missing instanceof Error,
  ]).toEqual([true, true, true, true]);
  expect([
    missing instanceof other.UnavailableError,
    missing instanceof other.ElanusError,
    missing instanceof one.UnavailableError,
  ]).toEqual([false, false, false]);
  expect(new other.ClientError(of) instanceof one.NotFoundError).toBe(false);
});

it('a class of the program below one of ours has its own errors alone', async () => {
  const [one, other] = [await copies(), await copies()];
  class OurError extends one.NotFoundError {}
  const ours: unknown = new OurError(of);
  expect([ours instanceof OurError, ours instanceof other.NotFoundError]).toEqual([true, true]);
  expect([
    new one.NotFoundError(of) instanceof OurError,
    new other.NotFoundError(of) instanceof OurError,
  ]).toEqual([false, false]);
});

it('nothing else is one of them', async () => {
  const { ElanusError } = await copies();
  for (const value of [
    undefined,
    null,
    5,
    'queue_full',
    {},
    Object.create(null),
    { constructor: 5 },
    new Error('x'),
  ])
    expect((value as unknown) instanceof ElanusError).toBe(false);
});
