// Search and query as the table of methods has them.
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { ReadService } from './read-service.js';

export class SearchMethods {
  readonly search: PublicHandler<'search'>;
  readonly query: PublicHandler<'query'>;

  constructor(parts: ProxyParts) {
    const reads = new ReadService({ ...parts, callDeadlineMs: parts.settings.callDeadlineMs });
    this.search = (request, context) => reads.search(request, context);
    this.query = (request, context) => reads.query(request, context);
  }
}
