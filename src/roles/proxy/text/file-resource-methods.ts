// Files of words that analyzers name: made known, forgotten, listed. Root-coord keeps them.
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

export class FileResourceMethods {
  readonly #parts: Pick<ProxyParts, 'definitions'>;

  constructor(parts: Pick<ProxyParts, 'definitions'>) {
    this.#parts = parts;
  }

  readonly addFileResource: PublicHandler<'addFileResource'> = async ({ name, path }, context) => {
    await this.#parts.definitions.addFileResource({ name, path }, context);
    return {};
  };

  readonly removeFileResource: PublicHandler<'removeFileResource'> = async ({ name }, context) => {
    await this.#parts.definitions.removeFileResource({ name }, context);
    return {};
  };

  readonly listFileResources: PublicHandler<'listFileResources'> = async (_request, context) => {
    const { resources } = await this.#parts.definitions.listFileResources({}, context);
    return { resources };
  };
}
