// The way to a server: gRPC with who calls, the database, and TLS. Nothing of it is loaded before the first call.
import type { TlsTrust } from '#platform/node/grpc/grpc-connection.js';
import { LazyTransport } from './lazy-transport.js';
import type { ClientTransport } from './transport.js';

export interface ConnectOptions {
  readonly user?: string;
  readonly password?: string;
  /** Instead of a user with a password: an API key, or `user:password`. */
  readonly token?: string;
  /** `default` when not given. */
  readonly database?: string;
  /** `true`: TLS with the authorities that Node trusts. An address with `https://` means it too. */
  readonly tls?: boolean | TlsTrust;
}

const PORT = 19530;

/** @param address `host:port`, or a URL; without a port 19530 */
export function grpcTransport(address: string, options: ConnectOptions = {}): ClientTransport {
  const { host, isSecure } = addressOf(address);
  const trust = trustOf(options.tls ?? isSecure);
  return new LazyTransport(async () => {
    const [{ GrpcClientTransport }, { GrpcConnection }] = await Promise.all([
      import('./grpc-client-transport.js'),
      import('#platform/node/grpc/grpc-connection.js'),
    ]);
    return new GrpcClientTransport(new GrpcConnection(host, trust), metadataOf(options));
  });
}

const trustOf = (tls: boolean | TlsTrust): TlsTrust | undefined =>
  typeof tls === 'boolean' ? (tls ? {} : undefined) : tls;

function addressOf(address: string): { readonly host: string; readonly isSecure: boolean } {
  const [, scheme = '', rest = ''] = /^(?:([a-z]+):\/\/)?([^/]*)/i.exec(address) ?? [];
  const host = /:\d+$/.test(rest) ? rest : `${rest}:${PORT}`;
  return { host, isSecure: scheme.toLowerCase() === 'https' };
}

function metadataOf({ user, password, token, database }: ConnectOptions): Record<string, string> {
  const login = token ?? (user === undefined ? undefined : `${user}:${password ?? ''}`);
  return {
    ...(login === undefined ? {} : { authorization: Buffer.from(login).toString('base64') }),
    ...(database === undefined ? {} : { dbname: database }),
  };
}
