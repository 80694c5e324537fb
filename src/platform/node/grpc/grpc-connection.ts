// Client side of the transport: one lazy grpc-js channel per address.
import { Client, type ClientOptions, type ClientUnaryCall, credentials } from '@grpc/grpc-js';
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { CallContext, Connection } from '#platform/transport.js';
import { fromServiceError, writeMetadata } from './grpc-status.js';

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
const asIs = (bytes: Buffer): Buffer => bytes;

export class GrpcConnection implements Connection {
  readonly #address: string;
  #client: Client | undefined;
  #closed = false;

  constructor(address: string) {
    this.#address = address;
  }

  async call(path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    const where = `call ${path} to ${this.#address}`;
    if (this.#closed)
      throw new ElanusError('service_unavailable', `${where}: connection is closed: connect again`);
    if (context.signal.aborted)
      throw new ElanusError('cancelled', `${where}: cancelled by its caller before it began`);
    this.#client ??= new Client(this.#address, credentials.createInsecure(), options);
    const client = this.#client;
    const metadata = writeMetadata(context.metadata);
    const deadline = context.deadlineMs === undefined ? {} : { deadline: context.deadlineMs };
    return new Promise<Uint8Array>((resolve, reject) => {
      let call: ClientUnaryCall | undefined;
      const forget = onAbort(context.signal, () => call?.cancel());
      call = client.makeUnaryRequest(path, asBuffer, asIs, request, metadata, deadline, (error, reply) => {
        forget();
        if (error !== null) reject(fromServiceError(error, where, context.signal, context.deadlineMs));
        else resolve(reply ?? new Uint8Array(0));
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
    this.#client = undefined;
  }
}
