// The door to REST. What is behind it (schemas, endpoints, documents) is loaded with the first request, so that starting a database costs
// nothing for it.
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import type { RestServiceParts } from './rest-service.js';

/** Beginnings of the paths that are REST. */
export const restPaths = ({ restV1 }: { readonly restV1: boolean }): readonly string[] =>
  restV1 ? ['/v2/', '/v1/vector/'] : ['/v2/'];

export function restHandler(parts: RestServiceParts): (request: HttpRequest) => Promise<HttpResponse> {
  let loading: Promise<{ answer(request: HttpRequest): Promise<HttpResponse> }> | undefined;
  const load = async () => {
    const { RestService } = await import('./rest-service.js');
    return new RestService(parts);
  };
  return async (request) => {
    loading ??= load();
    try {
      return await (await loading).answer(request);
    } catch (error) {
      loading = undefined; // The next request may find what this one did not.
      throw error;
    }
  };
}
