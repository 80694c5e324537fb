// What REST has to read: the OpenAPI document, and the page to try it. Public, as the program is.
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import { openApiDocument } from './openapi.js';
import { RestFailure } from './rest-failure.js';
import { tryPages } from './try-page.js';

const OPENAPI_PATH = '/v2/openapi.json';
let openApi: string | undefined;

/** @returns undefined for a path of none of them */
export function documentAt({ method, path: target }: HttpRequest, version: string): HttpResponse | undefined {
  const path = target.split('?', 1)[0] ?? '';
  const found = path === OPENAPI_PATH ? openApiResponse(version) : tryPages.get(path);
  if (found === undefined) return undefined;
  if (method !== 'GET' && method !== 'HEAD')
    throw new RestFailure(405, `${method} ${path} is not served, GET is`, 405);
  return found;
}

function openApiResponse(version: string): HttpResponse {
  openApi ??= JSON.stringify(openApiDocument(version));
  return { status: 200, contentType: 'application/json', body: openApi };
}
