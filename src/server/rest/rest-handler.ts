// The door to REST. What is behind it (schemas, endpoints, documents) is loaded with the first request, so that starting a database costs
// nothing for it.
import { errorSpecs, messageOf } from '#base/errors.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import type { RestServiceParts } from './rest-service.js';

/** Beginnings of the paths that are REST. */
export const restPaths = ({ restV1 }: { readonly restV1: boolean }): readonly string[] =>
  restV1 ? ['/v2/', '/v1/vector/'] : ['/v2/'];

interface Answering {
  answer(request: HttpRequest): Promise<HttpResponse>;
}

async function loadService(parts: RestServiceParts): Promise<Answering> {
  const { RestService } = await import('./rest-service.js');
  return new RestService(parts);
}

export function restHandler(
  parts: RestServiceParts,
  load: (parts: RestServiceParts) => Promise<Answering> = loadService,
): (request: HttpRequest) => Promise<HttpResponse> {
  let service: Answering | undefined;
  let loading: Promise<Answering> | undefined;
  const first = async (request: HttpRequest): Promise<HttpResponse> => {
    loading ??= load(parts);
    try {
      service = await loading;
    } catch (error) {
      loading = undefined; // The next request may find what this one did not.
      return notLoaded(parts, error);
    }
    return service.answer(request);
  };
  return (request) => (service === undefined ? first(request) : service.answer(request));
}

/** The files of the package changed under the server, as an upgrade does: gRPC goes on, and REST would fail without a word in the log. */
function notLoaded({ logger }: RestServiceParts, error: unknown): HttpResponse {
  const reason = messageOf(error);
  logger.error('rest_not_loaded', { reason });
  const message = `REST could not be loaded: ${reason}; where the package was changed since the server began, start the server again`;
  return {
    status: 500,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ code: errorSpecs.internal.code, message }),
  };
}
