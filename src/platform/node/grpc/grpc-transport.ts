// Transport over gRPC: connections in the calling thread, or in threads of their own where several may listen on one port.
import type { Logger } from '#platform/logger.js';
import type { Connection, Listener, ListenOptions, Transport } from '#platform/transport.js';
import { GrpcConnection } from './grpc-connection.js';
import { listenGrpc, type TlsListener } from './grpc-listener.js';
import { listenInThreads } from './grpc-threads.js';
import { canSharePorts } from './port-bind.js';
import { readTls, type TlsMaterial, TlsWatch } from './tls-files.js';

export class GrpcTransport implements Transport {
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    if (options.tls === undefined) return this.#listen(options);
    const files = options.tls;
    const material = await readTls(files);
    const listener = await this.#listen(options, material);
    const watch = new TlsWatch(files, material, this.#logger, (found) => listener.setTls(found));
    const { host, port } = listener;
    const close = (graceMs: number): Promise<void> => {
      watch.close();
      return listener.close(graceMs);
    };
    return { host, port, close };
  }

  connect(address: string): Connection {
    return new GrpcConnection(address);
  }

  async #listen(options: ListenOptions, tls?: TlsMaterial): Promise<TlsListener> {
    const threads = options.threads ?? 0;
    if (threads === 0) return listenGrpc(options, undefined, tls);
    if (await canSharePorts(options.host)) return listenInThreads(options, threads, this.#logger, tls);
    const reason =
      'threads cannot listen on one port here; that needs Node 22.12 or newer, and Linux, FreeBSD or another system that can';
    this.#logger?.warn('grpc_threads_not_started', { threads, reason });
    return listenGrpc(options, undefined, tls);
  }
}
