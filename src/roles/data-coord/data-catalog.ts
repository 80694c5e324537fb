// Segments, channels and import jobs: durable in the meta store, whole in memory. One writer (data-coord).
import { idKey, type RecordTable, recordTable, transactInOrder } from '#catalog/record-table.js';
import type { MetaOperation, MetaStore } from '#platform/meta-store.js';
import { ChannelRecord, ImportJobRecord, SegmentRecord } from '#proto/elanus/data.js';

export class DataCatalog {
  readonly #store: MetaStore;
  readonly #segmentTable: RecordTable<SegmentRecord>;
  readonly #channelTable: RecordTable<ChannelRecord>;
  readonly #jobTable: RecordTable<ImportJobRecord>;
  readonly segments = new Map<bigint, SegmentRecord>();
  readonly channels = new Map<string, ChannelRecord>();
  readonly jobs = new Map<bigint, ImportJobRecord>();

  private constructor(store: MetaStore) {
    this.#store = store;
    this.#segmentTable = recordTable(store, 'datacoord-meta/s/', SegmentRecord);
    this.#channelTable = recordTable(store, 'datacoord-meta/channel/', ChannelRecord);
    this.#jobTable = recordTable(store, 'datacoord-meta/import-job/', ImportJobRecord);
  }
  static async open(store: MetaStore): Promise<DataCatalog> {
    const catalog = new DataCatalog(store);
    for (const segment of await catalog.#segmentTable.list()) catalog.segments.set(segment.id, segment);
    for (const channel of await catalog.#channelTable.list()) catalog.channels.set(channel.vchannel, channel);
    for (const job of await catalog.#jobTable.list()) catalog.jobs.set(job.id, job);
    return catalog;
  }
  segmentsOf(collectionId: bigint): readonly SegmentRecord[] {
    return [...this.segments.values()].filter((segment) => segment.collectionId === collectionId);
  }
  channelsOf(collectionId: bigint): readonly ChannelRecord[] {
    return [...this.channels.values()].filter((channel) => channel.collectionId === collectionId);
  }
  /** One transaction up to 128 records; memory changes once it is durable. The last records decide when there are more. */
  async save(changes: {
    readonly segments?: readonly SegmentRecord[];
    readonly channels?: readonly ChannelRecord[];
    readonly jobs?: readonly ImportJobRecord[];
  }): Promise<void> {
    const operations: MetaOperation[] = [];
    for (const segment of changes.segments ?? []) operations.push(this.#segmentTable.put(idKey(segment.id), segment));
    for (const channel of changes.channels ?? []) operations.push(this.#channelTable.put(channel.vchannel, channel));
    for (const job of changes.jobs ?? []) operations.push(this.#jobTable.put(idKey(job.id), job));
    await transactInOrder(this.#store, operations);
    for (const segment of changes.segments ?? []) this.segments.set(segment.id, segment);
    for (const channel of changes.channels ?? []) this.channels.set(channel.vchannel, channel);
    for (const job of changes.jobs ?? []) this.jobs.set(job.id, job);
  }
  async remove(gone: { readonly segments: readonly bigint[]; readonly channels: readonly string[] }): Promise<void> {
    const operations = [
      ...gone.segments.map((id) => this.#segmentTable.remove(idKey(id))),
      ...gone.channels.map((name) => this.#channelTable.remove(name)),
    ];
    await transactInOrder(this.#store, operations);
    for (const id of gone.segments) this.segments.delete(id);
    for (const name of gone.channels) this.channels.delete(name);
  }
}
