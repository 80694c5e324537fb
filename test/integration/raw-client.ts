// gRPC without an SDK: exact bytes to any method, for requests no SDK would send and answers it would reshape.
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { PlaceholderGroup, PlaceholderType, Status } from '#proto/milvus/common.js';
import { MilvusServiceDefinition, SearchRequest } from '#proto/milvus/milvus.js';
import { vectorOf } from './support.js';

export interface RawClient {
  /** @throws ServiceError */
  call(method: string, request: Uint8Array, service?: string): Promise<Uint8Array>;
  close(): void;
}

export function connectRaw(address: string): RawClient {
  const grpc = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    call: (method, request, service = MilvusServiceDefinition.fullName) =>
      new Promise((resolve, reject) => {
        const onEnd = (error: ServiceError | null, value?: Uint8Array): void => {
          if (error === null && value !== undefined) resolve(value);
          else reject(error);
        };
        const options = { deadline: Date.now() + 20_000 };
        grpc.makeUnaryRequest(`/${service}/${method}`, same, same, request, new Metadata(), options, onEnd);
      }),
    close: () => grpc.close(),
  };
}

interface Codec {
  decode(bytes: Uint8Array): object;
}

export interface UnaryMethod {
  readonly name: string;
  readonly hasStatus: boolean;
  /** The status wherever the answer has it; undefined for answers without one. */
  statusOf(answer: Uint8Array): Status | undefined;
  decode(answer: Uint8Array): object;
}

/** Every method of the public service but the streams. */
export const unaryMethods: readonly UnaryMethod[] = Object.values(MilvusServiceDefinition.methods)
  .filter((method) => !method.requestStream && !method.responseStream)
  .map((method) => {
    const codec: Codec = method.responseType;
    const statusIn = (message: object): object | undefined => {
      if ('errorCode' in message && 'reason' in message) return message;
      if ('status' in message) return (message.status ?? {}) as object;
      return 'alterStatus' in message ? ((message.alterStatus ?? {}) as object) : undefined;
    };
    return {
      name: method.name,
      hasStatus: statusIn(codec.decode(new Uint8Array(0))) !== undefined,
      statusOf: (answer) => {
        const status = statusIn(codec.decode(answer));
        return status === undefined ? undefined : Status.fromPartial(status);
      },
      decode: (answer) => codec.decode(answer),
    };
  });

export function placeholderGroup(
  vectors: readonly (readonly number[])[],
  type: PlaceholderType = PlaceholderType.FloatVector,
): Uint8Array {
  const values = vectors.map((vector) => new Uint8Array(Float32Array.from(vector).buffer));
  return PlaceholderGroup.encode({
    placeholders: [{ tag: '$0', type, values, elementLevel: false }],
  }).finish();
}

/** A search for the vectors of some seeds, 5 hits each. */
export function searchRequest(
  collectionName: string,
  seeds: readonly number[],
  more: readonly { readonly key: string; readonly value: string }[] = [],
): SearchRequest {
  return SearchRequest.fromPartial({
    collectionName,
    nq: BigInt(seeds.length),
    searchInput: { $case: 'placeholderGroup', value: placeholderGroup(seeds.map((seed) => vectorOf(seed))) },
    searchParams: [{ key: 'topk', value: '5' }, ...more],
  });
}
