// Who calls: the user and password beside the call against the hashes of root-coord. Runs before the request is read, so that a stranger
// costs no more than a look at one header. Nothing else beside a call says who calls.
import { ElanusError } from '#base/errors.js';
import { DEFAULT_PASSWORD } from '#model/rights/users-record.js';
import type { Passwords } from '#platform/passwords.js';
import type { Clock } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import { LoginThrottle } from './login-throttle.js';
import type { UserDirectory } from './user-directory.js';

/** base64 of a name of 32 characters and a password of 72 bytes is much shorter. */
const HEADER_LENGTH_MAX = 1024;
const VERIFIED_MAX = 1024;
/** The hash of no password: who names a user that is not there waits as long as others. */
const NOBODY = '$2b$10$CwTycUXWue0Thq9StjUM0uJ8U2jM3W5pQ4J6h5n0mZQe3r1VbYz9e';

const refused = (fact: string): ElanusError => new ElanusError('unauthenticated', `unauthenticated: ${fact}`);
const wrong = (): ElanusError =>
  refused('auth check failure, please check username and password are correct');

interface Login {
  readonly user: string;
  readonly password: string;
}

/** @param header base64 of `user:password` @throws unauthenticated */
export function readLogin(header: string | undefined): Login {
  if (header === undefined || header === '') throw refused('missing authorization in header');
  const token = header.length > HEADER_LENGTH_MAX ? undefined : textOfBase64(header);
  if (token === undefined) throw refused('invalid token format, expected base64 of user:password');
  const colon = token.indexOf(':');
  // No keys are given out by this version, so that any is wrong.
  if (colon < 0) throw refused('auth check failure, please check api key is correct');
  return { user: token.slice(0, colon), password: token.slice(colon + 1) };
}

/** Who a header says it is of, right or wrong; for people, not for decisions. */
export function claimedUser(header: string | undefined): string | undefined {
  const token = header === undefined || header.length > HEADER_LENGTH_MAX ? undefined : textOfBase64(header);
  return token?.includes(':') === true ? token.slice(0, Math.min(token.indexOf(':'), 64)) : undefined;
}

/** @returns undefined for what is no base64 of UTF-8 */
export function textOfBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export class Authentication {
  readonly #directory: UserDirectory;
  readonly #passwords: Passwords;
  readonly #throttle: LoginThrottle;
  /** By user, the one that was met longest ago first: digests of passwords that were right for a hash. A new hash makes them worthless. */
  readonly #verified = new Map<string, { readonly hash: string; readonly digest: string }>();
  /** Checks under way, so that calls that come together cost one. */
  readonly #checks = new Map<string, Promise<boolean>>();

  constructor(parts: {
    readonly directory: UserDirectory;
    readonly passwords: Passwords;
    readonly clock: Clock;
  }) {
    this.#directory = parts.directory;
    this.#passwords = parts.passwords;
    this.#throttle = new LoginThrottle(parts.clock);
  }

  /** The user who calls. @throws unauthenticated */
  async userOf(context: CallContext): Promise<string> {
    const login = readLogin(context.metadata.authorization);
    const rights = await this.#directory.rights(context);
    const hash = rights.user(login.user)?.passwordHash;
    if (await this.check(login, hash, context.peer)) return login.user;
    throw wrong();
  }

  /** @param hash undefined: there is no such user @throws unauthenticated after too many wrong ones */
  async check(login: Login, hash: string | undefined, peer: string | undefined): Promise<boolean> {
    const { user, password } = login;
    const digest = this.#passwords.digest(password);
    const known = this.#verified.get(user);
    if (hash !== undefined && known?.hash === hash && known.digest === digest) return true;
    const key = `${user} ${hash ?? ''} ${digest}`;
    const running = this.#checks.get(key);
    if (running !== undefined) return running;
    const waitMs = this.#throttle.waitMs(user, peer);
    if (waitMs > 0)
      throw refused(
        `too many wrong passwords, try again in ${Math.ceil(waitMs / 1000)} s; those that were right before go on`,
      );
    // Counted before it is known: attempts that come together must not all pass.
    this.#throttle.failed(user, peer);
    const check = this.#verify(password, digest, hash)
      .then((isRight) => {
        if (isRight) this.#throttle.wasRight(user, peer);
        if (isRight && hash !== undefined) this.#remember(user, hash, digest);
        return isRight;
      })
      .finally(() => this.#checks.delete(key));
    this.#checks.set(key, check);
    return check;
  }

  /** The password that every new database has is no secret, and needs no hash. */
  async #verify(password: string, digest: string, hash: string | undefined): Promise<boolean> {
    if (hash === '') return digest === this.#passwords.digest(DEFAULT_PASSWORD);
    return (await this.#passwords.verify(password, hash ?? NOBODY)) && hash !== undefined;
  }

  #remember(user: string, hash: string, digest: string): void {
    this.#verified.delete(user);
    this.#verified.set(user, { hash, digest });
    const [oldest] = this.#verified.keys();
    if (this.#verified.size > VERIFIED_MAX && oldest !== undefined) this.#verified.delete(oldest);
  }
}
