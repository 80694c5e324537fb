// How much is defined, for Prometheus, by Milvus's names.
import type { Metrics } from '#platform/metrics.js';
import type { DefinitionCatalog } from './definition-catalog.js';

export function measureDefinitions(
  metrics: Metrics,
  catalog: Pick<DefinitionCatalog, 'databases' | 'collectionCount' | 'collections'>,
): void {
  metrics.collect((gauge) => {
    const databases = catalog.databases();
    gauge({ name: 'milvus_rootcoord_database_num', help: 'Databases.' }).set(databases.length);
    const collections = gauge({
      name: 'milvus_rootcoord_collection_num',
      help: 'Collections of a database.',
      labels: ['db_name'],
    });
    for (const { name } of databases) collections.set(catalog.collectionCount(name), { db_name: name });
    let partitions = 0;
    for (const collection of catalog.collections())
      if (collection.state === 'created') partitions += collection.partitions.length;
    gauge({ name: 'milvus_rootcoord_partition_num', help: 'Partitions of all collections.' }).set(partitions);
  });
}
