// Bedrock and Vertex AI over a service that the test speaks: whom they ask, how requests are signed, and tokens that are kept for their hour.
import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { HttpClient } from '#platform/outside/http-client.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { awsHeaders } from './aws-signature.js';
import { type FunctionsConfig, providerSettings } from './provider-settings.js';
import { Providers } from './providers.js';

const output = FieldSchema.fromPartial({
  name: 'dense',
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: '2' }],
});

interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function setUp(credential: FunctionsConfig['credential'], answer: (sent: Sent) => unknown) {
  const cluster = simulatedCluster(3);
  const sent: Sent[] = [];
  const http: HttpClient = {
    async post({ url, headers, body }) {
      const one = { url, headers, body: new TextDecoder().decode(body) };
      sent.push(one);
      return { status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(answer(one))) };
    },
  };
  const platform = openMemoryPlatform({ cluster, host: 'a', http });
  const providers = new Providers(platform, providerSettings(credential === undefined ? {} : { credential }));
  const embed = (params: Record<string, string>, mode: 'rows' | 'search', ...texts: string[]) =>
    providers
      .embed(
        {
          made: { name: 'f', params: Object.entries(params).map(([key, value]) => ({ key, value })) },
          output,
          texts,
          mode,
        },
        { signal: neverAborted },
      )
      .then((bytes) => Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)));
  return { sent, embed, world: cluster.world };
}

describe('Bedrock', () => {
  const credential = { aws: { access_key_id: 'AKID', secret_access_key: 'very secret' } };
  const params = { provider: 'bedrock', model_name: 'amazon.titan-embed-text-v2:0', credential: 'aws' };

  it('signs as the published example does', async () => {
    const headers = await awsHeaders(
      {
        url: 'https://example.amazonaws.com/',
        body: new Uint8Array(0),
        region: 'us-east-1',
        service: 'service',
        nowMs: Date.UTC(2015, 7, 30, 12, 36),
      },
      { access_key_id: 'AKIDEXAMPLE', secret_access_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    );
    expect(headers).toEqual({
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    });
  });

  it('asks for one text at a time, where its region is', async () => {
    const { sent, embed } = setUp(credential, ({ body }) => ({
      embedding: [JSON.parse(body).inputText.length, 1],
    }));
    expect(await embed({ ...params, region: 'eu-west-1', dim: '2' }, 'rows', 'a', 'bcd')).toEqual([
      1, 1, 3, 1,
    ]);
    expect(sent.map(({ url }) => url)).toEqual(
      Array(2).fill(
        'https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.titan-embed-text-v2%3A0/invoke',
      ),
    );
    // Both are on their way at once, and which is signed first is up to the threads that compute hashes.
    const asked = sent.map(({ body }) => body).sort();
    expect(asked.map((body) => JSON.parse(body))).toEqual(
      ['a', 'bcd'].map((inputText) => ({ inputText, dimensions: 2, normalize: true })),
    );
    expect(sent[0]?.headers.authorization).toMatch(
      /Credential=AKID\/\d{8}\/eu-west-1\/bedrock\/aws4_request, .* Signature=[0-9a-f]{64}$/,
    );
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no region', {}, /missing region/],
    ['a region that is another machine', { region: 'a.evil.test/' }, /region \[a\.evil\.test\/\] is invalid/],
    [
      'a model that is another path',
      { region: 'us-east-1', model_name: '../x' },
      /model_name \[\.\.\/x\] is invalid/,
    ],
  ])('%s is refused', async (_, change, reason) => {
    const { sent, embed } = setUp(credential, () => ({}));
    await expect(embed({ ...params, ...change }, 'rows', 'a')).rejects.toThrowError(reason);
    expect(sent).toEqual([]);
  });

  it('wants both keys', async () => {
    const { embed } = setUp({ aws: { access_key_id: 'AKID' } }, () => ({}));
    await expect(embed({ ...params, region: 'us-east-1' }, 'rows', 'a')).rejects.toThrowError(
      /secret_access_key/,
    );
  });
});

describe('Vertex AI', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const account = {
    client_email: 'a@b.test',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: 'https://token.test/token',
  };
  const credential = { gcp: { credential_json: Buffer.from(JSON.stringify(account)).toString('base64') } };
  const params = {
    provider: 'vertexai',
    model_name: 'text-embedding-005',
    credential: 'gcp',
    projectid: 'my-project',
  };
  const answer = ({ url, body }: Sent): unknown =>
    url.startsWith('https://token.test')
      ? { access_token: 'the token', expires_in: 3600 }
      : {
          predictions: JSON.parse(body).instances.map(({ content }: { content: string }) => ({
            embeddings: { values: [content.length, 2] },
          })),
        };

  it('gets a token by a claim that is signed, and asks with it', async () => {
    const { sent, embed } = setUp(credential, answer);
    expect(await embed(params, 'rows', 'a', 'bc')).toEqual([1, 2, 2, 2]);
    const [token, predict] = sent;
    expect(token?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const assertion = new URLSearchParams(token?.body).get('assertion') ?? '';
    const [header = '', claim = '', signature = ''] = assertion.split('.');
    const signed = Buffer.from(`${header}.${claim}`);
    expect(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(claim, 'base64url').toString())).toMatchObject({
      iss: 'a@b.test',
      aud: 'https://token.test/token',
    });
    expect(predict?.url).toBe(
      'https://us-central1-aiplatform.googleapis.com/v1/projects/my-project/locations/us-central1/publishers/google/models/text-embedding-005:predict',
    );
    expect(predict?.headers.authorization).toBe('Bearer the token');
    expect(JSON.parse(predict?.body ?? '').instances).toEqual([
      { task_type: 'RETRIEVAL_DOCUMENT', content: 'a' },
      { task_type: 'RETRIEVAL_DOCUMENT', content: 'bc' },
    ]);
  });

  it('keeps the token until it is about to end', async () => {
    const { sent, embed, world } = setUp(credential, answer);
    const tokens = (): number => sent.filter(({ url }) => url.startsWith('https://token.test')).length;
    await embed(params, 'rows', 'a');
    await embed({ ...params, task: 'CODE_RETRIEVAL' }, 'search', 'b');
    expect(tokens()).toBe(1);
    expect(JSON.parse(sent.at(-1)?.body ?? '').instances[0].task_type).toBe('CODE_RETRIEVAL_QUERY');
    await world.advance(3_550_000);
    await embed(params, 'rows', 'a');
    expect(tokens()).toBe(2);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no project', { projectid: '' }, /missing projectid/],
    ['a place that is another machine', { location: 'evil.test/' }, /location \[evil\.test\/\] is invalid/],
    ['an unknown task', { task: 'X' }, /task only supports/],
  ])('%s is refused', async (_, change, reason) => {
    const { embed } = setUp(credential, answer);
    await expect(embed({ ...params, ...change }, 'rows', 'a')).rejects.toThrowError(reason);
  });

  it.each([null, [], { access_token: 5 }])('%j is no token', async (token) => {
    const { embed } = setUp(credential, (sent) =>
      sent.url.startsWith('https://token.test') ? token : answer(sent),
    );
    await expect(embed(params, 'rows', 'a')).rejects.toThrowError(/Google answered no token/);
  });

  it('a credential that is no account is refused, and not shown', async () => {
    const { embed } = setUp({ gcp: { credential_json: 'c2VjcmV0' } }, answer);
    await expect(embed(params, 'rows', 'a')).rejects.toThrowError(/is no service account/);
  });
});
