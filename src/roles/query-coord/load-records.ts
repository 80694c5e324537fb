// What is loaded, as the catalog has it.
import { HeldRecords } from '#catalog/held-records.js';
import { idKey, parsedType, recordTable } from '#catalog/record-table.js';
import { type LoadDefinition, loadRecord, parseLoad } from '#model/states/load.js';
import type { MetaStore } from '#platform/meta-store.js';
import { LoadRecord } from '#proto/elanus/data.js';

export const loadRecords = (metaStore: MetaStore): HeldRecords<bigint, LoadDefinition> =>
  new HeldRecords(
    recordTable(metaStore, 'querycoord-collection-loadinfo/', parsedType(LoadRecord, parseLoad, loadRecord)),
    idKey,
    ({ collectionId }) => collectionId,
  );
