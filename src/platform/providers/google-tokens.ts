// Tokens of Google for service accounts: a claim that is signed with the key of the account becomes a token for an hour, which is kept until it is
// about to end.
import { ElanusError } from '#base/errors.js';
import type { Clock } from '#platform/time.js';
import { member } from './answer-parts.js';

const utf8 = new TextEncoder();
const LIFETIME_S = 3600;
/** A token that ends sooner is not used for another call. */
const REST_MS = 60_000;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const TOKEN_ADDRESS = 'https://oauth2.googleapis.com/token';

interface Account {
  readonly email: string;
  readonly key: string;
  readonly tokenAddress: string;
}

/** POSTs a form, and gives the answer as JSON. */
export type AskForToken = (url: string, form: string) => Promise<unknown>;

export class GoogleTokens {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly token: string; readonly endMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param credential JSON of a service account, as base64 @throws function_failed, invalid_parameter, and what `ask` throws */
  async token(credential: string, ask: AskForToken): Promise<string> {
    const nowMs = this.#clock.now();
    const kept = this.#kept.get(credential);
    if (kept !== undefined && nowMs + REST_MS < kept.endMs) return kept.token;
    const account = accountOf(credential);
    const assertion = await signedClaim(account, Math.floor(nowMs / 1000));
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    });
    const answer = await ask(account.tokenAddress, form.toString());
    const token = member(answer, 'access_token');
    const seconds = member(answer, 'expires_in');
    if (typeof token !== 'string' || token === '')
      throw new ElanusError('function_failed', 'Google answered no token; check the service account');
    const lifetime = typeof seconds === 'number' ? seconds : LIFETIME_S;
    this.#kept.set(credential, { token, endMs: nowMs + lifetime * 1000 });
    return token;
  }
}

function refuse(): never {
  throw new ElanusError(
    'invalid_parameter',
    'credential_json is no service account, expected its JSON as base64, with client_email and private_key',
  );
}

function accountOf(credential: string): Account {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytesOf(credential)));
  } catch {
    return refuse();
  }
  const { client_email: email, private_key: key, token_uri: address } = value as Record<string, unknown>;
  if (typeof email !== 'string' || typeof key !== 'string') return refuse();
  return { email, key, tokenAddress: typeof address === 'string' ? address : TOKEN_ADDRESS };
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));

const plain = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const encoded = (value: object): string => plain(utf8.encode(JSON.stringify(value)));

/** A JSON Web Token with RS256 (RFC 7515, RFC 7523). */
async function signedClaim({ email, key, tokenAddress }: Account, nowS: number): Promise<string> {
  const claim = { iss: email, scope: SCOPE, aud: tokenAddress, iat: nowS, exp: nowS + LIFETIME_S };
  const text = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded(claim)}`;
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const pem = key.replaceAll(/-----[A-Z ]+-----/g, '');
  const imported = await crypto.subtle
    .importKey('pkcs8', bytesOf(pem), algorithm, false, ['sign'])
    .catch(() => refuse());
  const signature = await crypto.subtle.sign(algorithm.name, imported, utf8.encode(text));
  return `${text}.${plain(new Uint8Array(signature))}`;
}
