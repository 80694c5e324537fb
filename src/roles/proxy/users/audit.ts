// Who did what: one line for each change of definitions and rights, for each call that was denied and each login that failed. Never a
// password, a token or a row.
import { ElanusError } from '#base/errors.js';
import { isQuiet } from '#model/rights/privileges.js';
import type { Logger } from '#platform/logger.js';
import type { Clock } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { AccessRow, Wanted } from './access-row.js';
import { claimedUser } from './authentication.js';

const EVENT = 'audit';
const OBJECTS_MAX = 8;
const NAME_LENGTH_MAX = 255;
/** Failed logins that get a line of their own, in a window; who knocks faster must not fill the disk. */
const REFUSALS_MAX = 100;
const WINDOW_MS = 1000;

export class Audit {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #untilMs = 0;
  #refusals = 0;

  constructor({ audit, clock }: { readonly audit: Logger; readonly clock: Pick<Clock, 'monotonic'> }) {
    this.#logger = audit;
    this.#clock = clock;
  }

  /** @param call its name, or what the caller came for */
  loginRefused(call: string, context: CallContext, error: unknown): void {
    const unlisted = this.#unlisted();
    if (++this.#refusals > REFUSALS_MAX) return;
    const user = claimedUser(context.metadata.authorization);
    const more = unlisted === 0 ? {} : { unlisted };
    this.#write(call, context, { user, outcome: 'login_refused', ...reasonOf(error), ...more });
  }

  /** How many of the last window had no line; 0 within one. */
  #unlisted(): number {
    const now = this.#clock.monotonic();
    if (now < this.#untilMs) return 0;
    const unlisted = Math.max(0, this.#refusals - REFUSALS_MAX);
    this.#untilMs = now + WINDOW_MS;
    this.#refusals = 0;
    return unlisted;
  }

  denied(call: string, objects: string, context: CallContext, error: unknown): void {
    this.#write(call, context, { user: context.user, objects, outcome: 'denied', ...reasonOf(error) });
  }

  /** Runs what was allowed; changes are noted with how they ended. */
  async run(
    call: string,
    row: AccessRow<object>,
    request: object,
    context: CallContext,
    act: () => Promise<object>,
  ): Promise<object> {
    if (row === 'everyone' || isQuiet(row.privilege)) return act();
    const fields = { user: context.user, objects: objectsOf(row, request, context) };
    try {
      const answer = await act();
      this.#write(call, context, { ...fields, outcome: 'done' });
      return answer;
    } catch (error) {
      this.#write(call, context, { ...fields, outcome: 'failed', ...reasonOf(error) });
      throw error;
    }
  }

  #write(
    call: string,
    { peer }: CallContext,
    fields: Readonly<Record<string, string | number | undefined>>,
  ): void {
    this.#logger.info(EVENT, { call, peer, ...fields });
  }
}

const reasonOf = (error: unknown): { readonly code?: number } =>
  error instanceof ElanusError ? { code: error.spec.code } : {};

/** The things that the request names, as it names them. */
export function objectsOf(row: AccessRow<object>, request: object, context: CallContext): string {
  if (row === 'everyone') return '';
  const wanted = row.on(request);
  const names = wanted.slice(0, OBJECTS_MAX).map((one) => nameOf(one, context));
  return wanted.length > OBJECTS_MAX
    ? `${names.join(' ')} and ${wanted.length - OBJECTS_MAX} more`
    : names.join(' ');
}

function nameOf(wanted: Wanted, context: CallContext): string {
  if (wanted.kind === 'cluster') return '*';
  if (wanted.kind === 'user') return `user ${wanted.user.slice(0, NAME_LENGTH_MAX)}`;
  const database = databaseOf({ dbName: wanted.database }, context).slice(0, NAME_LENGTH_MAX);
  if (wanted.kind !== 'collection') return `${database}.*`;
  return `${database}.${wanted.name === '' ? `#${wanted.id}` : wanted.name.slice(0, NAME_LENGTH_MAX)}`;
}
