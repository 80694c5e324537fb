// The part of a day of @zilliz/milvus2-sdk-node that changes definitions: partitions, other names, properties, fields.
import { done, equal, sorted } from './checks.mjs';

export async function definitions(day) {
  const { check, has, client, at, ids, rowOf, rows, deleteIds, loadPartitions, DataType } = day;
  await check('keeps partitions', async () => {
    const part = { ...at, partition_name: 'later' };
    done(await client.createPartition(part));
    equal(done(await client.hasPartition(part)).value, true);
    done(await loadPartitions({ ...at, partition_names: ['later'] }));
    done(await client.insert({ ...part, data: [rowOf(9000)] }));
    equal(await ids('id >= 0', { partition_names: ['later'] }), [9000]);
    equal(sorted(done(await client.showPartitions(at)).partition_names.map((word) => word.length)), [5, 8]);
    done(await client.flushSync({ collection_names: [at.collection_name] }));
    equal(done(await client.getPartitionStatistics(part)).data.row_count, '1');
    done(await client.releasePartitions({ ...at, partition_names: ['later'] }));
    done(await client.dropPartition(part));
    equal(await ids('id >= 9000'), []);
  });
  await check('gives it another name', async () => {
    done(await client.createAlias({ ...at, alias: 'current' }));
    equal(await ids('id < 2', { collection_name: 'current' }), [0, 1]);
    done(await client.alterAlias({ ...at, alias: 'current' }));
    done(await client.dropAlias({ alias: 'current' }));
    done(await client.renameCollection({ ...at, new_collection_name: 'renamed' }));
    done(
      await client.renameCollection({ collection_name: 'renamed', new_collection_name: at.collection_name }),
    );
  });
  await has('listAliases', async () => {
    done(await client.createAlias({ ...at, alias: 'shown' }));
    equal(done(await client.listAliases(at)).aliases, ['shown']);
    equal(done(await client.describeAlias({ ...at, alias: 'shown' })).collection, at.collection_name);
    done(await client.dropAlias({ alias: 'shown' }));
  });
  await check('flushes and counts', async () => {
    done(await client.flushSync({ collection_names: [at.collection_name] }));
    const { data } = done(await client.getCollectionStatistics(at));
    equal(Number(data.row_count) >= rows + 1, true);
    equal(
      done(await client.showCollections()).data.map((kept) => kept.name),
      [at.collection_name],
    );
    equal(
      done(await client.getPersistentSegmentInfo({ collectionName: at.collection_name })).infos.length > 0,
      true,
    );
    done(await client.getQuerySegmentInfo({ collectionName: at.collection_name }));
    done(await client.getMetric({ request: { metric_type: 'system_info' } }));
  });
  await has('flushAllSync', async () => {
    done(await client.flushAllSync());
  });
  await has('alterCollectionProperties', async () => {
    const answer = await client.alterCollectionProperties({
      ...at,
      properties: { 'collection.ttl.seconds': 86400 },
    });
    done(answer);
    const { properties } = done(await client.describeCollection(at));
    equal(properties.find(({ key }) => key === 'collection.ttl.seconds')?.value, '86400');
  });
  await has('addCollectionField', async () => {
    const field = { name: 'note', data_type: DataType.VarChar, max_length: 32, nullable: true };
    done(await client.addCollectionField({ ...at, field }));
    done(await client.insert({ ...at, data: [{ ...rowOf(8000), note: 'new' }] }));
    equal(await ids('note == "new"'), [8000]);
    done(await deleteIds([8000]));
    done(await client.upsert({ ...at, data: [{ id: 20, note: 'in part' }], partial_update: true }));
    equal(await ids('note == "in part" and title == "title 20"'), [20]);
  });
}
