// What the tests of the coordination wire share: the built program in a process of its own, a client of Milvus that makes data, and a plain
// gRPC client that knows upstream's method paths and field numbers and nothing else. Numbers: docs/coordination.md.
import { startServer, stopServer } from './server-process.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder } from './support.js';
import { connectPlain, type Field, int, ints, messages, type Read, texts } from './wire-bytes.js';

export const ROWS = 2000;
/** Legacy code and text, then the newer code. */
export const statusOf = (status: Read) => ({
  ...{ legacy: int(status, 1), reason: texts(status, 2)[0] ?? '' },
  code: int(status, 3),
});
export const SUCCESS = { legacy: 0n, reason: '', code: 0n };
/** What every request of the first releases began with. */
export const base = (type: bigint): Field => [
  1,
  [
    [1, type],
    [4, 7n],
  ],
];
export const rowsOf = (infos: readonly Read[]): bigint => infos.reduce((sum, info) => sum + int(info, 5), 0n);

export type WireWorld = Awaited<ReturnType<typeof openWireWorld>>;

/** With a collection `books` of two shards, flushed. */
export async function openWireWorld() {
  const folder = await tempFolder();
  const server = await startServer(folder.path, '--internal-port', '0', '--no-auto-compaction');
  const plain = connectPlain(/internal (127\.0\.0\.1:\d+)/.exec(server.stdout())?.[1] ?? '');
  const client = await connect(server.address);

  async function collection(name: string, begin: number, end: number, shards = 1): Promise<bigint> {
    await createLoaded(client, name, { metric: 'L2', shards });
    if (end > begin) {
      await insertRange(client, name, begin, end);
      await mustSucceed(client.flushSync({ collection_names: [name] }));
    }
    return BigInt((await client.describeCollection({ collection_name: name })).collectionID);
  }
  const dataCoord = (
    method: string,
    fields: readonly Field[],
    headers?: Readonly<Record<string, string>>,
  ): Promise<Read> => plain.call(`/milvus.proto.data.DataCoord/${method}`, fields, headers);
  const rootCoord = (method: string, fields: readonly Field[]): Promise<Read> =>
    plain.call(`/milvus.proto.rootcoord.RootCoord/${method}`, fields);
  const flushedOf = async (id: bigint): Promise<bigint[]> =>
    ints(await dataCoord('GetFlushedSegments', [base(0n), [2, id], [3, -1n]]), 2);
  const infosOf = async (ids: readonly bigint[]): Promise<Read[]> =>
    messages(
      await dataCoord(
        'GetSegmentInfo',
        ids.map((id): Field => [2, id]),
      ),
      2,
    );

  const books = await collection('books', 0, ROWS, 2);
  const described = await client.describeCollection({ collection_name: 'books' });
  return {
    ...{ client, plain, collection, dataCoord, rootCoord, flushedOf, infosOf, books },
    channels: described.virtual_channel_names,
    async close(): Promise<void> {
      plain.close();
      await client.closeConnection();
      await stopServer(server);
      await folder.remove();
    },
  };
}
