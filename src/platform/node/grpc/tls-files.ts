// Certificates of the public port: read from files, checked before they are used, and looked at again while the server runs, so that new ones
// are taken without a restart. Files are compared by what is in them: links, clocks and file systems make times of files say little.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Logger } from '#platform/logger.js';
import type { TlsFiles } from '#platform/transport.js';

/** What the files hold, as PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Clients show a certificate that one of these signed. Not given: clients show none. */
  readonly clientCa?: string;
}

/** Between two looks at the files, in ms. */
const LOOK_MS = 2000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws ElanusError refused: a file cannot be read, is no PEM, or the key is not the certificate's */
export async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const material = await readFiles(files);
  checkTls(files, material);
  return material;
}

async function readFiles({ certFile, keyFile, clientCaFile }: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, clientCa] = await Promise.all([
    readPem('certificate', certFile),
    readPem('key', keyFile),
    clientCaFile === undefined ? undefined : readPem('certificates of client authorities', clientCaFile),
  ]);
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
}

async function readPem(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw refused(what, path, error, 'give the path of a PEM file that this process may read');
  }
}

function checkTls({ certFile, keyFile, clientCaFile }: TlsFiles, { cert, key, clientCa }: TlsMaterial): void {
  checkCertificates('certificate', certFile, cert);
  if (clientCaFile !== undefined && clientCa !== undefined)
    checkCertificates('certificates of client authorities', clientCaFile, clientCa);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw refused(
      'key',
      keyFile,
      error,
      `expected the key of the certificate in ${JSON.stringify(certFile)}, as PEM, not encrypted`,
    );
  }
}

/** OpenSSL passes over authorities that it cannot read, and would then trust nobody without saying why. */
function checkCertificates(what: string, path: string, pem: string): void {
  try {
    const found = pem.match(CERTIFICATE) ?? [];
    if (found.length === 0) throw new Error('there is no certificate in it');
    for (const each of found) new X509Certificate(each);
  } catch (error) {
    throw refused(what, path, error, 'expected "-----BEGIN CERTIFICATE-----" and what follows it');
  }
}

const refused = (what: string, path: string, cause: unknown, remedy: string): ElanusError =>
  new ElanusError('refused', `TLS: ${what} in ${JSON.stringify(path)}: ${messageOf(cause)}: ${remedy}`, {
    cause,
  });

/** Looks at the files from time to time and hands on what is new and sound. What is not sound changes nothing but a line in the log. */
export class TlsWatch {
  readonly #files: TlsFiles;
  readonly #logger: Logger | undefined;
  readonly #use: (material: TlsMaterial) => void;
  readonly #looks: NodeJS.Timeout;
  #current: TlsMaterial;
  /** The failure of the last look: a pair that is being replaced does not match for a moment, so the second in a row is logged, once. */
  #failure: { readonly reason: string; isLogged: boolean } | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  /** @param use called with each new pair, in the order in which they were found */
  constructor(
    files: TlsFiles,
    current: TlsMaterial,
    logger: Logger | undefined,
    use: (material: TlsMaterial) => void,
  ) {
    this.#files = files;
    this.#current = current;
    this.#logger = logger;
    this.#use = use;
    this.#looks = setInterval(() => void this.look(), LOOK_MS);
    this.#looks.unref();
  }

  /** One look at a time: a slow disk makes no queue of them. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#looks);
  }

  async #look(): Promise<void> {
    try {
      const found = await readFiles(this.#files);
      if (this.#isClosed) return;
      if (!isSame(found, this.#current)) {
        checkTls(this.#files, found);
        this.#use(found);
        this.#current = found;
        const { subject, validTo } = new X509Certificate(found.cert);
        this.#logger?.info('tls_certificate_replaced', { subject, validTo });
      }
      this.#failure = undefined;
    } catch (error) {
      if (!this.#isClosed) this.#failed(messageOf(error));
    }
  }

  #failed(reason: string): void {
    if (this.#failure?.reason !== reason) {
      this.#failure = { reason, isLogged: false };
      return;
    }
    if (this.#failure.isLogged) return;
    this.#failure.isLogged = true;
    this.#logger?.warn('tls_certificate_not_replaced', { reason, goesOn: 'with the certificate as it was' });
  }
}

const isSame = (a: TlsMaterial, b: TlsMaterial): boolean =>
  a.cert === b.cert && a.key === b.key && a.clientCa === b.clientCa;
