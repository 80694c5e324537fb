// REST: an HTTP request to its endpoint and the answer back. Loaded when the first request comes; embedded databases that nobody calls over
// HTTP never load it.
import { ElanusError, messageOf } from '#base/errors.js';
import type { Logger } from '#platform/logger.js';
import type { Clock } from '#platform/time.js';
import type { HttpRequest, HttpResponse } from '#platform/transport.js';
import type { Gate } from '#roles/proxy/users/guard.js';
import { type Answer, jsonText } from '#server/rest/answers/json-text.js';
import { BodyAccount, readBody, readQuery } from './body.js';
import { documentAt } from './documents.js';
import { checkEncoding, int64AsTextOf, metadataOf, timeoutMsOf } from './headers.js';
import { NO_HEADERS, Origins } from './origins.js';
import { RestCall, type RestParts } from './rest-calls.js';
import { RestFailure, restCodes } from './rest-failure.js';
import { type Route, routesOf } from './routes.js';

export interface RestSettings {
  /** Origins of web pages that may call, beside those that are served from here. */
  readonly corsOrigins: readonly string[];
  /** Whether the endpoints of v1 are served beside those of v2. */
  readonly restV1: boolean;
  /** Version of the server, for the document. */
  readonly version: string;
}

export interface RestServiceParts extends RestParts {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly settings: RestSettings;
}

export class RestService {
  readonly #parts: RestServiceParts;
  readonly #origins: Origins;
  readonly #bodies = new BodyAccount();
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(parts: RestServiceParts) {
    this.#parts = parts;
    this.#origins = new Origins(parts.settings.corsOrigins);
    this.#routes = routesOf(parts.settings);
  }

  /** Never throws: whatever goes wrong is an answer. */
  async answer(request: HttpRequest): Promise<HttpResponse> {
    let headers = NO_HEADERS;
    try {
      headers = this.#origins.check(request);
      if (request.method === 'OPTIONS')
        return {
          status: 204,
          contentType: 'text/plain',
          body: '',
          headers: this.#origins.preflight(headers),
        };
      const answer = documentAt(request, this.#parts.settings) ?? (await this.#serve(request));
      // Most callers are no web pages, and the answer goes out as it is.
      return headers === NO_HEADERS ? answer : { ...answer, headers: { ...answer.headers, ...headers } };
    } catch (error) {
      const failure = this.#failureOf(error, request);
      const allow = failure.allow === undefined ? {} : { allow: `${failure.allow}, OPTIONS` };
      return json(
        failure.status,
        { code: failure.code, message: shortened(failure.message) },
        { ...headers, ...allow },
      );
    }
  }

  async #serve(request: HttpRequest): Promise<HttpResponse> {
    const query = request.path.indexOf('?');
    const path = query < 0 ? request.path : request.path.slice(0, query);
    const found = this.#routes.get(path);
    if (found === undefined) throw new RestFailure(404, `${path.slice(0, 200)} is no path of REST`, 404);
    const { endpoint, method, success } = found;
    if (request.method !== method)
      throw new RestFailure(
        405,
        `${request.method} ${path} is not served, ${method} is${method === 'POST' ? ': send the body as JSON' : ''}`,
        { status: 405, allow: method },
      );
    checkEncoding(request.headers);
    const { gate } = this.#parts;
    const user = gate && (await this.#user(gate, request));
    const { body, values } =
      method === 'POST' ? readBody(request.body, endpoint.body) : readQuery(request.path, endpoint.body);
    const release = this.#bodies.take(values);
    try {
      const call = this.#call(request, body, user);
      const members = await endpoint.answer(body, call);
      return {
        status: 200,
        contentType: JSON_TYPE,
        body: jsonText({ code: success, ...members }, call.int64AsText),
      };
    } finally {
      release();
    }
  }

  /** Before the body is read: strangers cost no more than a look at a header. */
  #user(gate: Gate, { headers, signal, peer }: HttpRequest): Promise<string | undefined> {
    return gate.admit({ signal, metadata: metadataOf(headers, ''), ...(peer && { peer }) });
  }

  #call(
    { headers, signal, peer, letBodyGo }: HttpRequest,
    body: unknown,
    user: string | undefined,
  ): RestCall {
    const named = (body as { readonly dbName?: string }).dbName ?? '';
    const dbName = named === '' ? (headers['db-name']?.trim() ?? '') : named;
    const timeoutMs = timeoutMsOf(headers);
    const deadline = timeoutMs === undefined ? {} : { deadlineMs: this.#parts.clock.now() + timeoutMs };
    const context = { signal, metadata: metadataOf(headers, dbName), ...(peer && { peer }), ...deadline };
    const idempotencyKey = headers['idempotency-key']?.trim() ?? '';
    const int64AsText = int64AsTextOf(headers);
    return new RestCall(this.#parts, { context, user, dbName, int64AsText, idempotencyKey, letBodyGo });
  }

  #failureOf(error: unknown, { path }: HttpRequest): RestFailure {
    if (error instanceof RestFailure)
      return error.status === 200
        ? new RestFailure(error.code, error.message, statusOfCode(error.code))
        : error;
    // Text of a member that was kept as it came, and is no JSON.
    if (error instanceof ElanusError && error.key === 'import_failed')
      return new RestFailure(
        restCodes.not_json,
        `can only accept json format request, error: ${error.message}`,
      );
    if (error instanceof ElanusError && error.key === 'unauthenticated')
      return new RestFailure(restCodes.not_authenticated, `user hasn't authenticated: ${error.message}`, 401);
    if (error instanceof ElanusError && error.key === 'permission_denied')
      return new RestFailure(error.spec.code, error.message, 403);
    if (error instanceof ElanusError && error.key !== 'internal') {
      const { code } = error.spec;
      return new RestFailure(code, error.message, statusOfCode(code));
    }
    const reason = messageOf(error);
    const stack = error instanceof Error ? error.stack : undefined;
    this.#parts.logger.error('request_failed', { path, reason, stack });
    return new RestFailure(5, `internal error: ${reason}`);
  }
}

const MESSAGE_LENGTH_MAX = 4000;

/** A text that quotes a request can be as long as the request. */
const shortened = (text: string): string =>
  text.length <= MESSAGE_LENGTH_MAX ? text : `${text.slice(0, MESSAGE_LENGTH_MAX)}…`;

const JSON_TYPE = 'application/json; charset=utf-8';

const json = (status: number, body: Answer, headers: Readonly<Record<string, string>>): HttpResponse => ({
  status,
  contentType: JSON_TYPE,
  body: jsonText(body, false),
  headers,
});

/** Status of HTTP. All that was understood as a call is answered 200, as clients of Milvus expect, but for time and room. */
function statusOfCode(code: number): number {
  switch (code) {
    case 10_001:
      return 408;
    case 4:
      return 429;
    default:
      return 200;
  }
}
