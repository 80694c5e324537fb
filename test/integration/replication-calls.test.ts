// The calls of a primary to its secondary, as streams over the wire: a cluster that nobody replicates into says so at once, and hangs up on nobody.
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  DumpMessagesRequest,
  DumpMessagesResponse,
  GetReplicateInfoRequest,
  MilvusServiceDefinition,
  ReplicateRequest,
} from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';

/** The one code for a call that cannot be which no client tries again. */
const INVALID_ARGUMENT = 3;
let database: Elanus;
let client: Client;
beforeAll(async () => {
  database = await open(undefined, { logLevel: 'silent' });
  client = new Client(database.address, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await database.close();
});

const path = (method: string): string => `/${MilvusServiceDefinition.fullName}/${method}`;
const same = (bytes: Buffer): Buffer => bytes;
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const within = () => ({ deadline: Date.now() + 5000 });

test('a stream of replicated messages is refused at its first message, which need not be its last', async () => {
  const stream = client.makeBidiStreamRequest(path('CreateReplicateStream'), same, same, within());
  stream.write(bytesOf(ReplicateRequest.encode(ReplicateRequest.create({})).finish()));
  const failure = await new Promise<ServiceError>((resolve) => stream.on('error', resolve).resume());
  expect(failure.code).toBe(INVALID_ARGUMENT);
  expect(failure.details).toContain('replicates from nobody');
});

test('a dump is one message, which says why there are no others', async () => {
  const request = DumpMessagesRequest.encode(
    DumpMessagesRequest.fromPartial({ pchannel: 'by-dev' }),
  ).finish();
  const stream = client.makeServerStreamRequest(path('DumpMessages'), same, same, bytesOf(request), within());
  const messages: DumpMessagesResponse[] = [];
  stream.on('data', (bytes: Buffer) => messages.push(DumpMessagesResponse.decode(bytes)));
  await new Promise<void>((resolve, reject) => stream.on('end', resolve).on('error', reject));
  expect(messages).toMatchObject([{ response: { $case: 'status', value: { code: 3000 } } }]);
});

test('there is no checkpoint, and the call says so', async () => {
  const request = GetReplicateInfoRequest.fromPartial({ sourceClusterId: 'east', targetPchannel: 'c0' });
  const bytes = bytesOf(GetReplicateInfoRequest.encode(request).finish());
  const failure = await new Promise<ServiceError | null>((resolve) =>
    client.makeUnaryRequest(path('GetReplicateInfo'), same, same, bytes, within(), (error) => resolve(error)),
  );
  expect(failure?.code).toBe(INVALID_ARGUMENT);
  expect(failure?.details).toContain('cluster east does not replicate into channel c0');
});
