// What is served at which path: the endpoints of v2, and those of v1 where the settings ask for them.

import { V1_PATH, v1Endpoints } from '#server/rest/v1/endpoints-v1.js';
import type { Endpoint } from './endpoint.js';
import { BASE_PATH, endpoints } from './endpoints.js';

export interface Route {
  readonly endpoint: Endpoint;
  readonly method: 'GET' | 'POST';
  /** The code in the body of what worked. */
  readonly success: number;
}

/** By path. */
export function routesOf({ restV1 }: { readonly restV1: boolean }): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const endpoint of endpoints)
    routes.set(`${BASE_PATH}${endpoint.path}`, { endpoint, method: 'POST', success: 0 });
  if (restV1)
    for (const endpoint of v1Endpoints)
      routes.set(`${V1_PATH}${endpoint.path}`, { endpoint, method: endpoint.method, success: 200 });
  return routes;
}
