// Transport over gRPC: connections in the calling thread, or in threads of their own where several may listen on one port. What it takes
// is loaded when it is used: a database without a port starts without HTTP/2, and one without peers without a gRPC client.
import type { Logger } from '#platform/logger.js';
import type { CallContext, Connection, Listener, ListenOptions, Transport } from '#platform/transport.js';
import type { TlsListener } from './grpc-listener.js';
import type { TlsMaterial } from './tls-files.js';

export class GrpcTransport implements Transport {
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    if (options.tls === undefined) return this.#listen(options);
    const files = options.tls;
    const { readTls, TlsWatch } = await import('./tls-files.js');
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
    return new LazyConnection(async () => {
      const { GrpcConnection } = await import('./grpc-connection.js');
      return new GrpcConnection(address);
    });
  }

  async #listen(options: ListenOptions, tls?: TlsMaterial): Promise<TlsListener> {
    const threads = options.threads ?? 0;
    const { listenGrpc } = await import('./grpc-listener.js');
    if (threads === 0) return listenGrpc(options, undefined, tls);
    const [{ canSharePorts }, { listenInThreads }] = await Promise.all([
      import('./port-bind.js'),
      import('./grpc-threads.js'),
    ]);
    if (await canSharePorts(options.host)) return listenInThreads(options, threads, this.#logger, tls);
    const reason =
      'threads cannot listen on one port here; that needs Node 22.12 or newer, and Linux, FreeBSD or another system that can';
    this.#logger?.warn('grpc_threads_not_started', { threads, reason });
    return listenGrpc(options, undefined, tls);
  }
}

/** Made with its first call. */
class LazyConnection implements Connection {
  readonly #make: () => Promise<Connection>;
  #made: Promise<Connection> | undefined;
  #isClosed = false;

  constructor(make: () => Promise<Connection>) {
    this.#make = make;
  }

  async call(path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    this.#made ??= this.#make();
    const connection = await this.#made;
    if (this.#isClosed) connection.close(); // Closed meanwhile: the call says so.
    return connection.call(path, request, context);
  }

  close(): void {
    this.#isClosed = true;
    void this.#made?.then((connection) => connection.close());
  }
}
