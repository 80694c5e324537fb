// What REST has to read: the OpenAPI document, and the page to try it. Public, as the program is.
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import { openApiDocument } from './openapi.js';
import { RestFailure } from './rest-failure.js';
import { routesOf } from './routes.js';
import { tryPages } from './try-page.js';

const OPENAPI_PATH = '/v2/openapi.json';
/** As text, with and without v1. */
const openApi = new Map<boolean, string>();

interface Settings {
  readonly version: string;
  readonly restV1: boolean;
}

/** @returns undefined for a path of none of them */
export function documentAt(
  { method, path: target }: HttpRequest,
  settings: Settings,
): HttpResponse | undefined {
  const path = target.split('?', 1)[0] ?? '';
  const found = path === OPENAPI_PATH ? openApiResponse(settings) : tryPages.get(path);
  if (found === undefined) return undefined;
  if (method !== 'GET' && method !== 'HEAD')
    throw new RestFailure(405, `${method} ${path} is not served, GET is`, {
      status: 405,
      allow: 'GET, HEAD',
    });
  return found;
}

function openApiResponse({ version, restV1 }: Settings): HttpResponse {
  const body = openApi.get(restV1) ?? JSON.stringify(openApiDocument(version, routesOf({ restV1 })));
  openApi.set(restV1, body);
  return { status: 200, contentType: 'application/json', body };
}
