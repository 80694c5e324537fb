// All changes of definitions, by what they define. They share the locks of names.
import { CollectionDdl } from './collection-ddl.js';
import { DatabaseDdl } from './database-ddl.js';
import { DdlLocks, type DdlParts } from './ddl-parts.js';
import { IndexDdl } from './index-ddl.js';
import { PartitionDdl } from './partition-ddl.js';

export class Ddl {
  readonly databases: DatabaseDdl;
  readonly collections: CollectionDdl;
  readonly partitions: PartitionDdl;
  readonly indexes: IndexDdl;

  constructor(parts: DdlParts) {
    const locks = new DdlLocks(parts.catalog);
    this.databases = new DatabaseDdl(parts, locks);
    this.partitions = new PartitionDdl(parts, locks);
    this.collections = new CollectionDdl(parts, locks, this.partitions);
    this.indexes = new IndexDdl(parts, locks);
  }
}
