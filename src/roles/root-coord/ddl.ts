// All changes of definitions, by what they define. They share the locks of names.

import { AlterDdl } from '#roles/root-coord/changes/alter-ddl.js';
import { TruncateDdl } from '#roles/root-coord/changes/truncate-ddl.js';
import { AliasDdl } from '#roles/root-coord/names/alias-ddl.js';
import { RenameDdl } from '#roles/root-coord/names/rename-ddl.js';
import { CollectionDdl } from './collection-ddl.js';
import { DatabaseDdl } from './database-ddl.js';
import { DdlLocks, type DdlParts } from './ddl-parts.js';
import { IndexDdl } from './index-ddl.js';
import { PartitionDdl } from './partition-ddl.js';
import { SchemaDdl } from './schema-ddl.js';

export class Ddl {
  readonly locks: DdlLocks;
  readonly databases: DatabaseDdl;
  readonly collections: CollectionDdl;
  readonly aliases: AliasDdl;
  readonly names: RenameDdl;
  readonly partitions: PartitionDdl;
  readonly truncates: TruncateDdl;
  readonly properties: AlterDdl;
  readonly indexes: IndexDdl;
  readonly schemas: SchemaDdl;

  constructor(parts: DdlParts) {
    const locks = new DdlLocks(parts.catalog);
    this.locks = locks;
    this.databases = new DatabaseDdl(parts, locks);
    this.partitions = new PartitionDdl(parts, locks);
    this.properties = new AlterDdl(parts, locks);
    this.truncates = new TruncateDdl(parts, locks, this.partitions);
    this.collections = new CollectionDdl(parts, locks, this.partitions);
    this.aliases = new AliasDdl(parts, locks);
    this.names = new RenameDdl(parts, locks);
    this.indexes = new IndexDdl(parts, locks);
    this.schemas = new SchemaDdl(parts, locks);
  }
}
