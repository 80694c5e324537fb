// Every method of the public service answers in its own shape, whatever is sent: nothing, wrong bytes, half a message. What is not built
// says so with code 3000.
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MilvusServiceDefinition, QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { connectRaw, type RawClient, unaryMethods } from './raw-client.js';
import { createLoaded, failureOf, insertRange, openWorld, type World } from './support.js';

const INTERNAL = 5;
const UNSUPPORTED = 3000;
/** Calls that Milvus answers without any status: gRPC itself has to say no. */
const withoutStatus = ['GetReplicateInfo'];

describe('every method of the service', () => {
  let world: World;
  let raw: RawClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    raw = connectRaw(world.database.address);
    await createLoaded(world.client, 'good');
    await insertRange(world.client, 'good', 0, 3);
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });
  const methods = unaryMethods.filter(({ name }) => !withoutStatus.includes(name));
  async function expectAlive(): Promise<void> {
    const request = QueryRequest.fromPartial({ collectionName: 'good', outputFields: ['count(*)'] });
    const answer = QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
    expect(answer.status).toMatchObject({ code: 0, reason: '' });
    expect(answer.fieldsData).toHaveLength(1);
  }

  test('the list is the one the SDK has', () => {
    const require = createRequire(import.meta.url);
    expect(require('@zilliz/milvus2-sdk-node/package.json').version).toBe('3.0.6');
    const root = require('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.js').default;
    const sdk = Object.keys(root.nested.milvus.nested.proto.nested.milvus.nested.MilvusService.methods);
    expect(sdk.length).toBeGreaterThan(100);
    const ours = Object.values(MilvusServiceDefinition.methods).map(({ name }) => name);
    expect(sdk.filter((name) => !ours.some((one) => one === name))).toEqual([]);
  });
  test.each(methods.map((method) => [method.name, method] as const))('%s', async (name, method) => {
    const answer = await raw.call(name, new Uint8Array(0));
    const status = method.statusOf(answer);
    if (!method.hasStatus) {
      expect(method.decode(answer)).toBeTypeOf('object'); // Dummy
      return;
    }
    expect(status).toBeDefined();
    // Most fail for what is missing in the request, as the caller's mistake; never as an internal one.
    expect(status?.code).not.toBe(INTERNAL);
    if (status?.code !== 0) {
      expect(status?.reason).not.toBe('');
      expect(status?.errorCode).not.toBe(0);
      expect(status?.extraInfo.is_input_error).toBe('true');
    } else expect(status.reason).toBe('');
    if (status?.code === UNSUPPORTED) expect(status.reason).toContain(name);
    await expectAlive();
  });
  /** A length that runs past the end; a wire type that does not exist; a number without an end; bytes that are no UTF-8 in a name. */
  const wrongBytes: readonly (readonly [string, Uint8Array])[] = [
    ['a length past the end', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0x07, 1, 2)],
    ['a wire type there is not', Uint8Array.of(0x0f, 0x0f, 0x0f)],
    ['a number without an end', new Uint8Array(64).fill(0xff)],
  ];
  test.each(wrongBytes)('%s: every method says that the message is wrong', async (_what, bytes) => {
    for (const { name, hasStatus, statusOf } of methods) {
      if (!hasStatus) {
        // As INVALID_ARGUMENT, which clients do not send again.
        await expect(raw.call(name, bytes)).rejects.toMatchObject({
          code: 3,
          details: expect.stringContaining('not a valid protobuf'),
        });
        continue;
      }
      const status = statusOf(await raw.call(name, bytes));
      if (status?.code === UNSUPPORTED) continue; // What is not built does not read its request.
      expect([name, status?.code]).toEqual([name, 1100]);
      expect(status?.reason).toContain(
        `${name}: the request of ${bytes.length} bytes is not a valid protobuf message`,
      );
    }
    await expectAlive();
  });
  test('what is not built answers 3000 through the SDK', async () => {
    const { code, reason } = await failureOf(() =>
      world.client.dropSnapshot({ snapshot_name: 's', collection_name: 'c' } as never),
    );
    expect(code).toBe(UNSUPPORTED);
    expect(reason).toContain('DropSnapshot');
  });
  test('calls without a status in their answer are refused by gRPC itself, and so are methods there are not', async () => {
    for (const [names, code] of [
      // INVALID_ARGUMENT: clients try what fails by another code again, for minutes.
      [withoutStatus, 3],
      [['NoSuchMethod'], 12],
    ] as const)
      for (const name of names)
        await expect(raw.call(name, new Uint8Array(0))).rejects.toMatchObject({ code });
  });
});
