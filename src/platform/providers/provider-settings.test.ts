// The setting as a person writes it: what is refused says where it stands, and never shows a value, which may be a key.
import { expect, it } from 'vitest';
import { providerEnvironment, providerSettings } from './provider-settings.js';

it('reads the blocks of a milvus.yaml as JSON', () => {
  const settings = providerSettings({
    credential: { Mine: { apikey: 'k' } },
    function: {
      textEmbedding: { providers: { OpenAI: { credential: 'Mine', enable: 'false' } }, batchFactor: 2 },
      rerank: { model: { providers: { tei: { url: 'http://127.0.0.1:1/x' } } } },
    },
    origins: ['http://127.0.0.1:8080/path', 'https://a.example'],
  });
  expect(settings.credentials.get('Mine')).toEqual({ apikey: 'k' });
  expect(settings.textEmbedding.get('openai')).toEqual({ credential: 'Mine', enable: 'false' });
  expect(settings.rerank.get('tei')?.url).toBe('http://127.0.0.1:1/x');
  expect([...settings.origins]).toEqual(['http://127.0.0.1:8080', 'https://a.example']);
  expect(settings.batchFactor).toBe(2);
});

it.each<[string, unknown, RegExp]>([
  ['a list', [], /the setting is no object/],
  ['an unknown block', { credentials: {} }, /credentials is not known/],
  ['a key in place of a credential', { credential: { a: 'sk-1' } }, /credential\.a is no object/],
  [
    'a key of two lines',
    { credential: { a: { apikey: 'sk-\n1' } } },
    /credential\.a\.apikey has a character/,
  ],
  ['a number as a key', { credential: { a: { apikey: 1 } } }, /credential\.a\.apikey is no text/],
  [
    'an unknown field',
    { function: { textEmbedding: { providers: { openai: { key: 'sk-1' } } } } },
    /providers\.openai\.key is not known/,
  ],
  [
    'an address that is none',
    { function: { textEmbedding: { providers: { tei: { url: 'ftp://a' } } } } },
    /providers\.tei\.url is no address/,
  ],
  [
    'an address with a password',
    { function: { rerank: { model: { providers: { tei: { url: 'http://me:sk-1@a' } } } } } },
    /providers\.tei\.url has a user or a password/,
  ],
  ['an origin that is none', { origins: ['*'] }, /origins\[0\] is no address/],
  ['a factor of 0', { function: { textEmbedding: { batchFactor: 0 } } }, /batchFactor is not usable/],
])('refuses %s', (_, config, reason) => {
  const read = () => providerSettings(config as never);
  expect(read).toThrowError(
    expect.objectContaining({ key: 'invalid_parameter', message: expect.stringMatching(reason) }),
  );
  expect(read).not.toThrowError(/sk-1/);
});

it('takes keys of the environment alone', () => {
  const taken = providerEnvironment({
    MILVUS_OPENAI_API_KEY: 'a',
    MILVUSAI_COHERE_API_KEY: 'b',
    PATH: '/bin',
  });
  expect(taken).toEqual({ MILVUS_OPENAI_API_KEY: 'a', MILVUSAI_COHERE_API_KEY: 'b' });
});
