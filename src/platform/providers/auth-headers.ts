// How a request shows whose it is: by a key in a header, a signature, or a token.
import { assertNever } from '#base/assert.js';
import { refuse } from '#model/params/request-params.js';
import { awsHeaders } from './aws-signature.js';
import type { Plan } from './embedding-plan.js';
import { checkKey } from './provider-settings.js';
import { awsRegion } from './signed-shapes.js';

type Headers = Readonly<Record<string, string>>;

export function keyHeader(header: 'authorization' | 'api-key' | 'x-goog-api-key', key: string): Headers {
  if (key === '') return {};
  checkKey(key, 'the key of the provider');
  return { [header]: header === 'authorization' ? `Bearer ${key}` : key };
}

interface OpenRequest {
  readonly url: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The token of Google; else empty. */
  readonly token: string;
  readonly nowMs: number;
}

/** @throws invalid_parameter where a part of the credential is missing */
export async function authHeaders(
  { shape, access, params, entry, provider }: Plan,
  { url, body, token, nowMs }: OpenRequest,
): Promise<Headers> {
  const { credential } = access;
  const { auth } = shape;
  switch (auth) {
    case 'authorization':
    case 'api-key':
    case 'x-goog-api-key':
      return keyHeader(auth, credential.apikey ?? '');
    case 'google':
      return keyHeader('authorization', token);
    case 'aws': {
      if (credential.access_key_id === undefined || credential.secret_access_key === undefined)
        return refuse(
          `provider ${provider} needs a credential with access_key_id and secret_access_key; name one`,
        );
      const region = awsRegion(params, entry);
      return await awsHeaders({ url, body, region, service: 'bedrock', nowMs }, credential);
    }
    default:
      return assertNever(auth);
  }
}
