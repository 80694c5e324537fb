// Namespaces that are partitions (`namespace.mode` = `partition`), as clients see them. Those that are values of a hidden key are there with
// their first row, so there is nothing to create, and nothing that lists them.
import { ElanusError } from '#base/errors.js';
import { namespaceMode } from '#model/properties/namespaces.js';
import { checkName } from '#model/schema/names.js';
import type { CallContext } from '#platform/transport.js';
import type { PartitionRecord } from '#proto/elanus/data.js';
import type { NamespaceInfo } from '#proto/milvus/milvus.js';
import { collectionRef, type OpenCollection } from '#roles/proxy/collection-access.js';
import { rowCount, rowCountStatistics } from '#roles/proxy/collections/row-count.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { namespacePartitions, partitionOfNamespace } from './request-namespace.js';

type NamespaceParts = Pick<ProxyParts, 'access' | 'definitions' | 'channelRegistry' | 'streamingNode'>;

interface NamedCollection {
  readonly dbName: string;
  readonly collectionName: string;
}

/** Namespaces on a page when the client does not say. */
const PAGE_SIZE = 100;

export class NamespaceMethods {
  readonly #parts: NamespaceParts;

  constructor(parts: NamespaceParts) {
    this.#parts = parts;
  }

  readonly createNamespace: PublicHandler<'createNamespace'> = async (request, context) => {
    const partition = request.namespaceName;
    await this.#open(request, context);
    checkName('partition', partition);
    const collection = collectionRef(request, context);
    await this.#parts.definitions.createPartition({ collection, partition }, context);
    return { namespace: this.#info(await this.#open(request, context), partition) };
  };

  readonly dropNamespace: PublicHandler<'dropNamespace'> = async (request, context) => {
    const partition = request.namespaceName;
    const namespace = this.#info(await this.#open(request, context), partition);
    const collection = collectionRef(request, context);
    await this.#parts.definitions.dropPartition({ collection, partition }, context);
    return { namespace: { ...namespace, state: 'PartitionDropped' } };
  };

  readonly hasNamespace: PublicHandler<'hasNamespace'> = async (request, context) => {
    const collection = await this.#open(request, context);
    return { value: namespacePartitions(collection).some(({ name }) => name === request.namespaceName) };
  };

  readonly describeNamespace: PublicHandler<'describeNamespace'> = async (request, context) => ({
    namespace: this.#info(await this.#open(request, context), request.namespaceName),
  });

  readonly listNamespaces: PublicHandler<'listNamespaces'> = async (request, context) => {
    const { prefix, pageToken } = request;
    if (request.pageSize < 0n)
      throw new ElanusError('invalid_parameter', `page_size is ${request.pageSize}, expected 1 or more`);
    const pageSize = request.pageSize === 0n ? PAGE_SIZE : Number(request.pageSize);
    const collection = await this.#open(request, context);
    const rest = namespacePartitions(collection)
      .filter(({ name }) => name.startsWith(prefix) && name > pageToken)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = rest.slice(0, pageSize);
    return {
      namespaces: page.map((partition) => infoOf(collection, partition)),
      nextPageToken: page.length < rest.length ? (page.at(-1)?.name ?? '') : '',
    };
  };

  readonly getNamespaceStats: PublicHandler<'getNamespaceStats'> = async (request, context) => {
    const collection = await this.#open(request, context);
    const { id, name } = partitionOfNamespace(collection, request.namespaceName);
    const counted = await rowCount(this.#parts, collection, id, context);
    const entities = { approxEntityCount: counted.rows, entityCount: counted.rows };
    return {
      namespaceName: name,
      stats: { ...rowCountStatistics(counted), ...entities, entityCountType: 'approx' },
    };
  };

  async #open(request: NamedCollection, context: CallContext): Promise<OpenCollection> {
    const collection = await this.#parts.access.open(request, context);
    const { schema, record } = collection;
    const mode = namespaceMode(schema, record.properties);
    if (mode === 'partition') return collection;
    throw new ElanusError(
      'invalid_parameter',
      mode === undefined
        ? `collection ${schema.name} has no namespaces; create it with enable_namespace: invalid parameter`
        : `namespaces of collection ${schema.name} are there with their first row, and are not kept in a list; that is for collections with namespace.mode = partition: invalid parameter`,
    );
  }

  #info(collection: OpenCollection, name: string): NamespaceInfo {
    return infoOf(collection, partitionOfNamespace(collection, name));
  }
}

const infoOf = ({ schema }: OpenCollection, { name, createdTimestamp }: PartitionRecord): NamespaceInfo => ({
  collectionName: schema.name,
  namespaceName: name,
  createdTimestamp,
  createdUtcTimestamp: createdTimestamp >> 18n,
  state: 'PartitionCreated',
  stats: undefined,
});
