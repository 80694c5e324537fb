// Where a provider is asked, and with which key.
import { describe, expect, it } from 'vitest';
import { RequestParams } from '#model/params/request-params.js';
import { accessOf } from './provider-access.js';
import { type ProviderEntry, providerSettings } from './provider-settings.js';

const openai = {
  name: 'openai',
  url: 'https://api.openai.test/v1/embeddings',
  keyVariable: 'OPENAI_API_KEY',
};
const tei = { name: 'tei', url: '', keyVariable: undefined };
const azure = { name: 'azure_openai', url: '', keyVariable: 'AZURE_OPENAI_API_KEY' };
const settings = providerSettings(
  { credential: { mine: { apikey: 'named' } }, origins: ['http://model.test:8080'] },
  { MILVUSAI_OPENAI_API_KEY: 'of-environment', MILVUS_AZURE_OPENAI_RESOURCE_NAME: 'res' },
);
const access = (provider: typeof tei | typeof openai, sent: Record<string, string>, entry?: ProviderEntry) =>
  accessOf(
    provider,
    new RequestParams(Object.entries(sent).map(([key, value]) => ({ key, value }))),
    entry,
    settings,
  );

describe('access to providers', () => {
  it('goes to the provider with the key of the environment, or with that which is named', () => {
    expect(access(openai, {})).toEqual({ base: openai.url, credential: { apikey: 'of-environment' } });
    expect(access(openai, { credential: 'mine' }).credential).toEqual({ apikey: 'named' });
    expect(access(openai, {}, { credential: 'mine' }).credential).toEqual({ apikey: 'named' });
  });

  it('goes elsewhere only where that is listed, and not with the key of the provider', () => {
    expect(access(openai, { url: 'http://model.test:8080/v1' })).toEqual({
      base: 'http://model.test:8080/v1',
      credential: {},
    });
    for (const url of [
      'http://model.test/',
      'http://model.test:8080.evil.test/',
      'http://model.test:8080@evil.test/',
      'https://model.test:8080/',
      'http://169.254.169.254/',
      'http://[::1]/',
    ])
      expect(() => access(openai, { url })).toThrowError(/endpoint: \[/);
  });

  it('wants to know where a service is that the operator runs, and a key where one is needed', () => {
    expect(() => access(tei, {})).toThrowError(/endpoint: \[\] is not a valid/);
    expect(access(tei, {}, { url: 'http://tei.test' })).toEqual({ base: 'http://tei.test', credential: {} });
    expect(() => access({ ...openai, keyVariable: 'COHERE_API_KEY' }, {})).toThrowError(
      /configure the MILVUS_COHERE_API_KEY environment variable/,
    );
  });

  it('makes no other machine of the name of a resource', () => {
    expect(access(azure, { credential: 'mine' }).base).toBe('https://res.openai.azure.com');
    const named = (resource_name: string) => () => access(azure, { credential: 'mine' }, { resource_name });
    for (const name of ['evil.test/', 'a.b', '', 'a#', 'a@b'])
      expect(named(name)).toThrowError(/RESOURCE_NAME/);
  });
});
