// Transport over gRPC: connections in the calling thread, or in threads of their own where several may listen on one port.
import type { Logger } from '#platform/logger.js';
import type { Connection, Listener, ListenOptions, Transport } from '#platform/transport.js';
import { GrpcConnection } from './grpc-connection.js';
import { listenGrpc } from './grpc-listener.js';
import { listenInThreads } from './grpc-threads.js';
import { canSharePorts } from './port-bind.js';

export class GrpcTransport implements Transport {
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const threads = options.threads ?? 0;
    if (threads === 0) return listenGrpc(options);
    if (await canSharePorts(options.host)) return listenInThreads(options, threads, this.#logger);
    const reason =
      'threads cannot listen on one port here; that needs Node 22.12 or newer, and Linux, FreeBSD or another system that can';
    this.#logger?.warn('grpc_threads_not_started', { threads, reason });
    return listenGrpc(options);
  }

  connect(address: string): Connection {
    return new GrpcConnection(address);
  }
}
