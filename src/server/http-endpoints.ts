// What HTTP answers on the public port, and on the internal one without REST: health for containers and metrics for Prometheus.
import type { Platform } from '#platform/platform.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';

export interface Health {
  /** Why the process can't serve; empty when it can. */
  reasons(): readonly string[];
}

export interface HttpParts {
  readonly health: Health;
  /** Undefined when it is not served. */
  readonly rest: ((request: HttpRequest) => Promise<HttpResponse>) | undefined;
  /** Beginnings of the paths that go there. */
  readonly restPaths: readonly string[];
}

export function httpHandler(
  platform: Platform,
  { health, rest, restPaths }: HttpParts,
): (request: HttpRequest) => Promise<HttpResponse> {
  const own = async (request: HttpRequest): Promise<HttpResponse> => {
    const path = request.path.split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return json(404, {
        code: 404,
        message: `${request.method} ${path} is not served; GET /healthz, GET /livez, GET /metrics and POST /v2/vectordb/… are`,
      });
    switch (path) {
      case '/healthz': {
        const reasons = health.reasons();
        return reasons.length === 0
          ? { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK' }
          : json(503, { code: 1, message: reasons.join('; ') });
      }
      // That this is answered is the answer.
      case '/livez':
        return { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK' };
      case '/metrics':
        return {
          status: 200,
          contentType: 'text/plain; version=0.0.4; charset=utf-8',
          body: await platform.metrics.render(),
        };
      default:
        return json(404, {
          code: 404,
          message: `${path} is not served; GET /healthz, GET /livez and GET /metrics are`,
        });
    }
  };
  return (request) =>
    rest !== undefined && restPaths.some((begin) => request.path.startsWith(begin))
      ? rest(request)
      : own(request);
}

const json = (status: number, body: object): HttpResponse => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});
