// What the words after `elanus serve` mean: ports, roles and the addresses of roles elsewhere. Pure.
import { ElanusError, messageOf } from '#base/errors.js';
import { type FunctionsConfig, providerSettings } from '#platform/providers/provider-settings.js';
import type { TlsFiles } from '#platform/transport.js';
import { isRoleName, type RoleName, roleNames } from '#rpc/role-names.js';

export const PORT_MAX = 65_535;

/** @throws invalid_parameter */
export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX) return Number(text);
  throw new ElanusError('invalid_parameter', `expected a port from 0 (any free one) to ${PORT_MAX}.`);
}

/** @throws invalid_parameter */
export function parseFolder(text: string): string {
  if (text !== '' && !text.includes('\0')) return text;
  // A variable that is not set gives this; the folder at hand, which it would be as a path, is not meant.
  throw new ElanusError('invalid_parameter', 'expected a path; leave it out for a database in memory.');
}

export const GRPC_THREADS_MAX = 16;
export const isThreadCount = (count: number): boolean =>
  Number.isInteger(count) && count >= 0 && count <= GRPC_THREADS_MAX;
/** @throws invalid_parameter */
export function parseThreads(text: string): number {
  if (/^\d{1,2}$/.test(text) && isThreadCount(Number(text))) return Number(text);
  throw new ElanusError(
    'invalid_parameter',
    `expected a number of threads from 0 (none of their own) to ${GRPC_THREADS_MAX}.`,
  );
}

const SESSION_TTL_MS_MIN = 500;
const SESSION_TTL_MS_MAX = 600_000;
/** @throws invalid_parameter */
export function parseSessionTtl(text: string): number {
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (ms >= SESSION_TTL_MS_MIN && ms <= SESSION_TTL_MS_MAX) return ms;
  throw new ElanusError(
    'invalid_parameter',
    `expected a time from ${SESSION_TTL_MS_MIN} to ${SESSION_TTL_MS_MAX} ms.`,
  );
}

/** What several processes on one catalog need. @throws invalid_parameter */
export function checkSharing({
  shared,
  meta,
  data,
}: {
  readonly shared: boolean;
  readonly meta?: string;
  readonly data?: string;
}): void {
  if (!shared && meta === undefined) return;
  if (shared && meta !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      '--shared serves the catalog of this process, --meta takes that of another: give one of the two',
    );
  if (data === undefined)
    throw new ElanusError(
      'invalid_parameter',
      `${shared ? '--shared' : '--meta'} shares a folder, but --data names none: give the same one to every process`,
    );
}

/** Whom a role calls. What executes calls nobody that could be missing for long: a query-node reads files. */
const callsOf = {
  proxy: ['root-coord', 'data-coord', 'query-coord', 'streaming-node'],
  'root-coord': ['data-coord', 'data-node', 'query-coord'],
  'data-coord': ['root-coord', 'streaming-node', 'query-coord', 'data-node'],
  'query-coord': ['root-coord', 'data-coord', 'streaming-node', 'query-node'],
  'streaming-node': ['root-coord', 'data-coord', 'query-coord', 'query-node'],
  'data-node': ['root-coord'],
  'query-node': [],
} as const satisfies Record<RoleName, readonly RoleName[]>;

/** Some roles alone need a way to those that they call, or they would wait for them for ever. @throws invalid_parameter */
export function checkWays({
  role: roles,
  peer,
  shared,
  meta,
  internalPort,
}: {
  readonly internalPort?: number;
  readonly role?: readonly RoleName[];
  readonly peer: Readonly<Partial<Record<RoleName, readonly string[]>>>;
  readonly shared: boolean;
  readonly meta?: string;
}): void {
  const own = Object.keys(peer).find((role) => roles === undefined || roles.some((one) => one === role));
  if (own !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `--peer ${own} names where ${own} runs, which runs in this process; leave one of the two out`,
    );
  // Processes on one catalog find each other by their sessions.
  if (roles === undefined || shared || meta !== undefined) return;
  if (!roles.includes('proxy') && internalPort === undefined)
    throw new ElanusError(
      'invalid_parameter',
      `--role ${roles.join(',')} has neither a proxy nor a port by which others could call it; give --internal-port, or --meta, or add proxy`,
    );
  const called = new Set<RoleName>(roles.flatMap((role) => [...callsOf[role]]));
  const missing = [...called].filter((role) => !roles.includes(role) && peer[role] === undefined);
  if (missing.length === 0) return;
  throw new ElanusError(
    'invalid_parameter',
    `--role ${roles.join(',')} calls ${missing.join(', ')}, and nothing says where they run: give --meta with the process that serves the catalog, or --peer for each, or leave --role out to run all in this process`,
  );
}

const unitBytes: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
/** A number of bytes, or with a unit: 512M, 1.5G, 2GiB; all powers of 1024. @throws invalid_parameter */
export function parseBytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (unitBytes[unit.toUpperCase()] ?? 1));
  if (number !== '' && bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new ElanusError(
    'invalid_parameter',
    'expected a size such as 512M or 1.5G (K, M, G, T are powers of 1024; no unit: bytes).',
  );
}

/** Role names joined by commas. @throws invalid_parameter */
export function parseRoles(text: string): RoleName[] {
  const names = text.split(',').map((name) => {
    if (!isRoleName(name))
      throw new ElanusError(
        'invalid_parameter',
        `"${name}" is not a role; roles are ${roleNames.join(', ')}.`,
      );
    return name;
  });
  return [...new Set(names)];
}

/** `role=host:port`; an IPv6 host stands in brackets. @throws invalid_parameter */
export function parsePeer(text: string): { readonly role: RoleName; readonly address: string } {
  const [, role, host, port] = /^([a-z-]+)=(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? [];
  if (role === undefined || !isRoleName(role) || Number(port) < 1 || Number(port) > PORT_MAX)
    throw new ElanusError(
      'invalid_parameter',
      'expected ROLE=HOST:PORT, for example data-coord=127.0.0.1:19540.',
    );
  return { role, address: `${host}:${port}` };
}

/** The three options of TLS as one setting; undefined: none was given. @throws invalid_parameter */
export function tlsOf(options: {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
}): TlsFiles | undefined {
  const { tlsCert: certFile, tlsKey: keyFile, tlsClientCa: clientCaFile } = options;
  if (certFile !== undefined && keyFile !== undefined)
    return { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) };
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  throw new ElanusError(
    'invalid_parameter',
    'TLS needs a certificate and its key, but only some of the files were named: give both --tls-cert and --tls-key',
  );
}

/** The setting in a file; undefined: none was named. Nothing of the file is shown, as it has keys. @throws invalid_parameter, io_failed */
export function functionsOf(
  file: string | undefined,
  read: (file: string) => string,
): FunctionsConfig | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = read(file);
  } catch (cause) {
    throw new ElanusError('io_failed', `--functions ${file}: cannot be read: ${messageOf(cause)}`, { cause });
  }
  let value: FunctionsConfig;
  try {
    value = JSON.parse(text) as FunctionsConfig;
  } catch {
    throw new ElanusError('invalid_parameter', `--functions ${file}: is no JSON; see docs/functions.md`);
  }
  providerSettings(value);
  return value;
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@]+\/?$/i;
/** A page's origin as browsers say it, or all of them. @throws invalid_parameter */
export function parseOrigin(text: string): string {
  if (text === '*' || ORIGIN.test(text)) return text;
  throw new ElanusError(
    'invalid_parameter',
    'expected an origin such as https://app.example, scheme and host and no path, or * for all.',
  );
}

/** As clients take it: an IPv6 address stands in brackets. */
export const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** A port that others can reach lets in whoever has a password, or everyone because somebody wants it so. @throws refused */
export function checkOpenness(
  { host, auth, insecure }: { readonly host: string; readonly auth: boolean; readonly insecure: boolean },
  say: { readonly host: string; readonly auth: string; readonly insecure: string },
): void {
  if (isLoopback(host) || auth || insecure) return;
  throw new ElanusError(
    'refused',
    `${say.host} ${host} would open the database to the network without authentication; ${say.auth} (docs/security.md), bind to 127.0.0.1, or ${say.insecure} if the network is yours`,
  );
}

interface Given {
  readonly auth: boolean;
  readonly auditFile: string | undefined;
  readonly rest: boolean;
  readonly restV1: boolean;
  readonly corsOrigins: readonly string[] | undefined;
}

/** What would be taken and do nothing. @throws invalid_parameter */
export function checkHasEffect(
  { auth, auditFile, rest, restV1, corsOrigins }: Given,
  say: Readonly<Record<keyof Given, string>>,
): void {
  if (auditFile !== undefined && !auth)
    throw new ElanusError(
      'invalid_parameter',
      `${say.auditFile} is given without ${say.auth}: nothing would be written to it, as nobody says who asks; give both or none`,
    );
  const ofRest = restV1 ? say.restV1 : (corsOrigins?.length ?? 0) > 0 ? say.corsOrigins : undefined;
  if (ofRest !== undefined && !rest)
    throw new ElanusError(
      'invalid_parameter',
      `${ofRest} is given with ${say.rest}: there would be no REST that it is about; leave one of the two out`,
    );
}
