// A collection in the message of DescribeCollection.
import { publicSchema } from '#model/schema/schema-view.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import { pairsOf } from '#roles/proxy/key-value-pairs.js';

export function collectionDescription({ record, schema, databaseId }: OpenCollection) {
  return {
    schema: publicSchema(schema),
    collectionID: record.id,
    virtualChannelNames: record.vchannels,
    physicalChannelNames: record.vchannels.map((vchannel) => vchannel.slice(0, vchannel.lastIndexOf('_'))),
    createdTimestamp: record.createdTimestamp,
    createdUtcTimestamp: record.createdTimestamp >> 18n,
    shardsNum: record.vchannels.length,
    aliases: record.aliases,
    consistencyLevel: record.consistencyLevel as 0 | 1 | 2 | 3 | 4,
    collectionName: schema.name,
    properties: pairsOf(record.properties),
    dbName: record.database,
    numPartitions: BigInt(record.partitions.length),
    dbId: databaseId,
    updateTimestamp: record.updateTimestamp,
    updateTimestampStr: String(record.updateTimestamp),
  };
}
