// Which web pages may call. Browsers send bodies of plain text to any address, also that of a database on the same machine, without asking it
// first; they say from which page. So a page calls only when it is served from here, or is named in the settings.
import type { HttpRequest } from '#platform/transport.js';
import { RestFailure } from './rest-failure.js';

/** An address that no name server can point somewhere else. */
const FIXED_HOST = /^(localhost|127(\.\d{1,3}){3}|\d{1,3}(\.\d{1,3}){3}|\[[\da-f:.]+\])(:\d+)?$/i;

/** The same object for all who get none. */
export const NO_HEADERS: Readonly<Record<string, string>> = {};

const ALLOWED_HEADERS = 'Authorization, Content-Type, DB-Name, Request-Timeout, Accept-Type-Allow-Int64';
const PREFLIGHT_SECONDS = '600';

export class Origins {
  readonly #allowed: ReadonlySet<string>;

  /** @param allowed such as `https://app.example`, or `*` */
  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed.map((origin) => origin.replace(/\/$/, '').toLowerCase()));
  }

  /** @returns headers of the answer @throws RestFailure 403 for a page that may not call */
  check({ headers }: Pick<HttpRequest, 'headers'>): Readonly<Record<string, string>> {
    const { origin } = headers;
    if (origin === undefined) return NO_HEADERS;
    if (this.#allowed.has('*')) return { 'access-control-allow-origin': '*' };
    const isAllowed = this.#allowed.has(origin.toLowerCase());
    if (!isAllowed && !isOwnPage(origin, headers.host ?? ''))
      throw new RestFailure(
        1401,
        `pages of ${origin.slice(0, 200)} may not call this server; allow them with --cors-origin, or call it from a program`,
        403,
      );
    return isAllowed ? { 'access-control-allow-origin': origin, vary: 'Origin' } : NO_HEADERS;
  }

  /** The answer to a browser that asks first. */
  preflight(allowed: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return {
      ...allowed,
      'access-control-allow-methods': 'POST, GET, OPTIONS',
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    };
  }
}

/** A page that this server gave out. A name in its place could be pointed here by whoever made the page. */
const isOwnPage = (origin: string, host: string): boolean =>
  FIXED_HOST.test(host) && (origin === `http://${host}` || origin === `https://${host}`);
