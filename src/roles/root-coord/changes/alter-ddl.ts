// Changes properties of collections and databases. A change is one record; readers ask for it with every request, so it holds from the
// next request on. What a property does is decided where it is used.
import { ElanusError } from '#base/errors.js';
import { checkNamespacesStay } from '#model/properties/namespaces.js';
import { checkIsolation } from '#model/properties/partition-key-isolation.js';
import { checkExpiry } from '#model/properties/time-to-live.js';
import { splitCollectionProperties } from '#model/schema/altered-properties.js';
import type { AlterDefinition } from '#proto/elanus/roles.js';
import { type DdlLocks, type DdlParts, nameOf, present } from '#roles/root-coord/ddl-parts.js';
import type { Receipt } from '#rpc/sessions/receipts.js';

type Properties = Readonly<Record<string, string>>;

/** Milvus maps files of what is loaded in one way or the other for the life of a load. */
const FIXED_WHILE_LOADED = /^(?:mmap\.enabled|lazyload\.enabled|warmup\..*)$/;

export class AlterDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  /** The description and the consistency level are among the properties, as in Milvus. @throws collection_loaded, collection_not_found */
  collection(request: AlterDefinition, receipt: Receipt): Promise<void> {
    const ref = present(request.collection);
    const changed = splitCollectionProperties(request.properties);
    return this.#locks.collection(ref, async () => {
      const { catalog } = this.#parts;
      const record = catalog.resolve(ref);
      await this.#refuseWhileLoaded(record.id, nameOf(record), request);
      const updateTimestamp = await this.#parts.allocateTimestamp();
      const current = catalog.resolve(ref);
      const { description = current.schema?.description ?? '' } = changed;
      const properties = altered(current.properties, changed.properties, request.deletedKeys);
      if (current.schema !== undefined) {
        checkExpiry(properties, current.schema);
        checkIsolation(properties, current.schema);
        checkNamespacesStay(current.properties, properties, current.schema);
      }
      await catalog.carryOut(receipt, {
        ...current,
        updateTimestamp,
        properties,
        consistencyLevel: changed.consistencyLevel ?? current.consistencyLevel,
        schema: current.schema && { ...current.schema, description },
      });
    });
  }

  /** @throws database_not_found */
  database(request: AlterDefinition, receipt: Receipt): Promise<void> {
    const { catalog } = this.#parts;
    const { name } = catalog.database(present(request.collection).database);
    return this.#locks.database(name, async () => {
      const record = catalog.database(name);
      const properties = altered(record.properties, request.properties, request.deletedKeys);
      await catalog.saveDatabase({ ...record, properties }, receipt);
    });
  }

  async #refuseWhileLoaded(id: bigint, name: string, { properties, deletedKeys }: AlterDefinition) {
    const isFixed = (key: string): boolean => FIXED_WHILE_LOADED.test(key);
    const isAltered = Object.keys(properties).some(isFixed);
    if (!isAltered && !deletedKeys.some(isFixed)) return;
    const { known } = await this.#parts.peers.queryCoord.loadState({ collectionId: id });
    if (!known) return;
    throw new ElanusError(
      'collection_loaded',
      `can not ${isAltered ? 'alter' : 'delete'} mmap properties if collection loaded: collection already loaded[collection=${name}]; release it first`,
    );
  }
}

const altered = (
  before: Properties,
  changed: Properties,
  deletedKeys: readonly string[],
): Record<string, string> =>
  Object.fromEntries(Object.entries({ ...before, ...changed }).filter(([key]) => !deletedKeys.includes(key)));
