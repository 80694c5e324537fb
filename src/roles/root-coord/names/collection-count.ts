// How many collections a database may hold.
import { ElanusError } from '#base/errors.js';
import { collectionsMax } from '#model/properties/limits.js';
import type { DefinitionCatalog } from '#roles/root-coord/definition-catalog.js';

const COLLECTIONS_MAX = 65_536;

/** To be asked before one more comes. @param coming others that come with it, before it @throws collection_limit */
export function checkCollectionCount(
  catalog: Pick<DefinitionCatalog, 'collectionCount' | 'database'>,
  database: string,
  coming = 0,
): void {
  const limit = Math.min(
    COLLECTIONS_MAX,
    collectionsMax(catalog.database(database).properties) ?? COLLECTIONS_MAX,
  );
  if (catalog.collectionCount(database) + coming < limit) return;
  throw new ElanusError(
    'collection_limit',
    `exceeded the limit number of collections[database=${database}][limit=${limit}]; drop some first`,
  );
}
