// Certificates for tests, made when they run: X.509 version 3 over P-256, written out in DER here because Node reads certificates only.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Issued {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

const tag = (number: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([number, ...length]), body]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => tag(0x30, ...parts);
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const oid = (hex: string): Buffer => tag(0x06, bytes(hex));
const utcTime = (ms: number): Buffer => {
  const digits = new Date(ms).toISOString().replaceAll(/[^0-9]/g, '');
  return tag(0x17, Buffer.from(`${digits.slice(2, 14)}Z`));
};

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const nameOf = (commonName: string): Buffer =>
  sequence(tag(0x31, sequence(oid('550403'), tag(0x0c, Buffer.from(commonName)))));

/** Basic constraints: an authority, or not. */
const constraints = (isAuthority: boolean): Buffer =>
  sequence(
    oid('551d13'),
    tag(0x01, bytes('ff')),
    tag(0x04, sequence(...(isAuthority ? [tag(0x01, bytes('ff'))] : []))),
  );
/** For the names that tests connect to. */
const alternativeNames = sequence(
  oid('551d11'),
  tag(0x04, sequence(tag(0x82, Buffer.from('localhost')), tag(0x87, bytes('7f000001')))),
);

const pem = (kind: string, der: Buffer): string =>
  `-----BEGIN ${kind}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${kind}-----\n`;

/** @param by who signs; not given: an authority that signs itself */
export function issue(name: string, by?: Issued): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const dayMs = 86_400_000;
  const extensions = [constraints(by === undefined), ...(by === undefined ? [] : [alternativeNames])];
  const content = sequence(
    tag(0xa0, tag(0x02, bytes('02'))),
    tag(0x02, Buffer.concat([bytes('01'), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(by?.name ?? name),
    sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + dayMs)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tag(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', content, by?.privateKey ?? privateKey);
  const der = sequence(content, ecdsaWithSha256, tag(0x03, bytes('00'), signature));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { name, cert: pem('CERTIFICATE', der), key, privateKey };
}

/** Puts certificate and key into files of a folder. */
export async function writeIssued(
  folder: string,
  issued: Issued,
  as = issued.name,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const files = { certFile: join(folder, `${as}.crt`), keyFile: join(folder, `${as}.key`) };
  await writeFile(files.certFile, issued.cert);
  await writeFile(files.keyFile, issued.key);
  return files;
}
