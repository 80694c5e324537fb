// The client's calls over gRPC, to an Elanus server or a Milvus. Pure but for the connection that it is given.
import { bytesView } from '#base/bytes.js';
import type { Connection } from '#platform/transport.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { codec } from '#rpc/service.js';
import type {
  ClientAnswer,
  ClientCallOptions,
  ClientMethod,
  ClientRequest,
  ClientTransport,
} from './transport.js';

const NEVER = new AbortController().signal;

export class GrpcClientTransport implements ClientTransport {
  readonly #connection: Connection;
  readonly #metadata: Readonly<Record<string, string>>;

  /** @param metadata what goes beside each call: who calls, and the database */
  constructor(connection: Connection, metadata: Readonly<Record<string, string>>) {
    this.#connection = connection;
    this.#metadata = metadata;
  }

  async call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    { signal = NEVER, deadlineMs }: ClientCallOptions,
  ): Promise<ClientAnswer<Method>> {
    const { name, requestType, responseType } = MilvusServiceDefinition.methods[method];
    const type = codec(requestType);
    const bytes = type.encode(type.fromPartial(request)).finish();
    const context = { signal, metadata: this.#metadata, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
    const answer = await this.#connection.call(
      `/${MilvusServiceDefinition.fullName}/${name}`,
      bytes,
      context,
    );
    // Plain bytes, so that what callers get of them are no Buffers.
    return codec(responseType).decode(bytesView(answer)) as ClientAnswer<Method>;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}
