// Transport over gRPC.
import type { Connection, Listener, ListenOptions, Transport } from '../transport.js';
import { GrpcConnection } from './grpc-connection.js';
import { listenGrpc } from './grpc-listener.js';

export class GrpcTransport implements Transport {
  listen(options: ListenOptions): Promise<Listener> {
    return listenGrpc(options);
  }
  connect(address: string): Connection {
    return new GrpcConnection(address);
  }
}
