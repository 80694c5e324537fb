// Client side of the transport: one lazy grpc-js channel per address.
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  type ClientUnaryCall,
  credentials,
} from '@grpc/grpc-js';
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { CallContext, Connection } from '#platform/transport.js';
import { writeMetadata } from './grpc-metadata.js';
import { fromServiceError } from './grpc-status.js';

const options: ClientOptions = {
  'grpc.max_receive_message_length': -1, // The server's limits are the ones that count.
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.enable_retries': 0, // Callers retry by error key; a hidden retry could double a write.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
/** No Buffer: `slice` of one is a view, where everyone takes it for a copy. */
const plainBytes = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
const asIs = (bytes: Buffer): Buffer => bytes;

/** How a client speaks TLS to a server that has a certificate; texts are PEM. */
export interface TlsTrust {
  /** Certificates of the authorities that are trusted; those of Node when not given. */
  readonly ca?: string | undefined;
  /** The client's own certificate and key, where the server asks for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate is checked for, when it is not the address's. */
  readonly serverName?: string | undefined;
  /** Takes any certificate: against a listener on the way it protects nothing. */
  readonly skipVerify?: boolean | undefined;
}

const bufferOf = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));

function credentialsOf(trust: TlsTrust | undefined): ChannelCredentials {
  if (trust === undefined) return credentials.createInsecure();
  return credentials.createSsl(bufferOf(trust.ca), bufferOf(trust.key), bufferOf(trust.cert), {
    rejectUnauthorized: trust.skipVerify !== true,
  });
}

export class GrpcConnection implements Connection {
  readonly #address: string;
  readonly #trust: TlsTrust | undefined;
  #client: Client | undefined;
  #closed = false;

  /** @param trust none: the connection is not encrypted */
  constructor(address: string, trust?: TlsTrust) {
    this.#address = address;
    this.#trust = trust;
  }

  async call(path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    const where = `call ${path} to ${this.#address}`;
    if (this.#closed)
      throw new ElanusError('service_unavailable', `${where}: connection is closed: connect again`);
    if (context.signal.aborted)
      throw new ElanusError('cancelled', `${where}: cancelled by its caller before it began`);
    this.#client ??= this.#newClient();
    const client = this.#client;
    const metadata = writeMetadata(context.metadata);
    const deadline = context.deadlineMs === undefined ? {} : { deadline: context.deadlineMs };
    return new Promise<Uint8Array>((resolve, reject) => {
      let call: ClientUnaryCall | undefined;
      const forget = onAbort(context.signal, () => call?.cancel());
      call = client.makeUnaryRequest(path, asBuffer, asIs, request, metadata, deadline, (error, reply) => {
        forget();
        if (error !== null) reject(fromServiceError(error, where, context.signal, context.deadlineMs));
        else resolve(reply === undefined ? new Uint8Array(0) : plainBytes(reply));
      });
    });
  }

  #newClient(): Client {
    const name = this.#trust?.serverName;
    const named = name === undefined ? {} : { 'grpc.ssl_target_name_override': name };
    return new Client(this.#address, credentialsOf(this.#trust), { ...options, ...named });
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
    this.#client = undefined;
  }
}
