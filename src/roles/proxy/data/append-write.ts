// One shard's part of a write. A shard that works by a newer schema than the write wants what a function makes that came meanwhile: it is made, and
// that shard alone is asked again, as others may have their parts already. What else changed in the schema is the client's matter.
import { ElanusError } from '#base/errors.js';
import { withKnownColumns } from '#model/columns/column.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { ShardWrite } from './shard-writes.js';

/** A collection that was looked up again. */
export interface Again {
  readonly schema: CollectionSchema;
  /** It is still the one that the write was made for, and none that has its name now. */
  readonly isSame: boolean;
  readonly withOutputs: (rows: ColumnBatch) => Promise<ColumnBatch>;
}

/** Changes of a schema that a write can meet on its way. */
const CHANGES_MAX = 3;

/** @throws schema_mismatch when the rows do not fit the newer schema by themselves */
export async function appendWrite(
  streamingNode: Pick<ProxyParts['streamingNode'], 'append'>,
  first: ShardWrite,
  context: CallContext,
  again?: () => Promise<Again>,
) {
  let write = first;
  for (let change = 0; ; change++) {
    try {
      return await streamingNode.append(write, context);
    } catch (error) {
      const isMismatch = error instanceof ElanusError && error.key === 'schema_mismatch';
      if (!isMismatch || again === undefined || change >= CHANGES_MAX) throw error;
      const { schema, isSame, withOutputs } = await again();
      const fits = write.inserts.every(({ rows }) => withKnownColumns(rows, schema) === rows);
      if (!isSame || schema.version <= write.schemaVersion || !fits) throw error;
      const inserts = [];
      for (const { partitionId, rows } of write.inserts)
        inserts.push({ partitionId, rows: await withOutputs(rows) });
      write = { ...write, inserts, schemaVersion: schema.version };
    }
  }
}
