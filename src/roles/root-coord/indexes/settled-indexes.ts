// Which collections lack no index file, for as long as neither their definition nor their segments change: the loop over all of them asks
// data-coord about many at once, and looks at the others alone.
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { DefinitionCatalog } from '#roles/root-coord/definition-catalog.js';
import type { Client } from '#rpc/service.js';

/** Collections that one call asks about. */
const ASKED_MAX = 256;

export interface SettledIndexesParts {
  readonly catalog: Pick<DefinitionCatalog, 'byId' | 'revisionOf'>;
  readonly channelRegistry: Pick<Client<typeof ChannelRegistryDefinition>, 'dataRevisions'>;
}

/** A collection that may lack a file. */
export interface Unsettled {
  readonly collectionId: bigint;
  /** What a look at it rests on, from before the look; undefined: nobody knows. */
  readonly basis: string | undefined;
}

export class SettledIndexes {
  readonly #parts: SettledIndexesParts;
  /** By collection: on what the look rested that found nothing missing. */
  readonly #settled = new Map<bigint, string>();

  constructor(parts: SettledIndexesParts) {
    this.#parts = parts;
  }

  /** A look that rested on this found that nothing is missing. */
  note(collectionId: bigint, basis: string): void {
    this.#settled.set(collectionId, basis);
  }

  /** Those of the collections that may lack a file, some at a time. When data-coord does not answer, all of them. */
  async *unsettled(ids: readonly bigint[]): AsyncIterable<Unsettled> {
    for (const id of this.#settled.keys())
      if (this.#parts.catalog.byId(id) === undefined) this.#settled.delete(id);
    for (let begin = 0; begin < ids.length; begin += ASKED_MAX) {
      const collectionIds = ids.slice(begin, begin + ASKED_MAX);
      const definitions = collectionIds.map((id) => this.#parts.catalog.revisionOf(id));
      const { collections } = await this.#parts.channelRegistry
        .dataRevisions({ collectionIds })
        .catch(() => ({ collections: [] }));
      for (const [at, collectionId] of collectionIds.entries()) {
        const data = collections[at];
        // Without a segment there is nothing to build for.
        if (data?.segments === 0) continue;
        const basis = data && `${definitions[at]} ${data.revision} ${data.segments} ${data.channels}`;
        if (basis === undefined || this.#settled.get(collectionId) !== basis) yield { collectionId, basis };
      }
    }
  }
}
