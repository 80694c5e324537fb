// Signature of a request for AWS, version 4, over host, time and body. Algorithm: AWS, "Create a signed AWS API request".
import type { Credential } from './provider-settings.js';

const utf8 = new TextEncoder();
type Bytes = Uint8Array<ArrayBuffer>;

const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
const digest = async (bytes: Bytes): Promise<string> => hexOf(await crypto.subtle.digest('SHA-256', bytes));

async function hmac(key: Bytes, text: string): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, utf8.encode(text)));
}

export interface SignedRequest {
  readonly url: string;
  readonly body: Bytes;
  readonly region: string;
  readonly service: string;
  readonly nowMs: number;
}

/** Headers beside those that the request has. */
export async function awsHeaders(
  { url, body, region, service, nowMs }: SignedRequest,
  { access_key_id: id = '', secret_access_key: secret = '' }: Credential,
): Promise<Readonly<Record<string, string>>> {
  const { host, pathname } = new URL(url);
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  // The path of the request is encoded once, that which is signed twice.
  const path = pathname.split('/').map(encodeURIComponent).join('/');
  const headers = 'host;x-amz-date';
  const canonical = [
    'POST',
    path,
    '',
    `host:${host}`,
    `x-amz-date:${time}`,
    '',
    headers,
    await digest(body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, await digest(utf8.encode(canonical))].join('\n');
  let key = await hmac(utf8.encode(`AWS4${secret}`), day);
  for (const part of [region, service, 'aws4_request']) key = await hmac(key, part);
  const signature = hexOf((await hmac(key, toSign)).buffer);
  return {
    'x-amz-date': time,
    authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${headers}, Signature=${signature}`,
  };
}
