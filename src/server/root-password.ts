// The first password of root: where it comes from, when it is set, and which server does not start without it. It is set while root has
// the one that every new database has, and never again: what was changed since stays.
import { ElanusError, messageOf } from '#base/errors.js';
import { checkPassword } from '#model/rights/user-names.js';
import { DEFAULT_PASSWORD, ROOT } from '#model/rights/users-record.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { UsersDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';
import { isLoopback } from './command-line.js';
import type { Config } from './config.js';

/** The variable of the environment, for those who start the server as a container. */
export const ROOT_PASSWORD_VARIABLE = 'ELANUS_ROOT_PASSWORD';
/** How long the start waits for the record of users, which may be in another process, in ms. */
const WAIT_MS = 30_000;

/**
 * The password that the command line or the environment gives; undefined: none.
 * @param readFile the text of the file @throws invalid_parameter, also when there are two
 */
export function givenRootPassword(
  file: string | undefined,
  variable: string | undefined,
  readFile: (path: string) => string,
): string | undefined {
  // Compose files and the like make a variable empty that nobody set.
  const isSet = variable !== undefined && variable !== '';
  if (file === undefined) return isSet ? checked(variable, ROOT_PASSWORD_VARIABLE) : undefined;
  if (isSet)
    throw new ElanusError(
      'invalid_parameter',
      `root's password is given twice, expected --root-password-file or ${ROOT_PASSWORD_VARIABLE}; leave one out`,
    );
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    throw new ElanusError(
      'invalid_parameter',
      `--root-password-file ${JSON.stringify(file)} cannot be read: ${messageOf(error)}; name a file that has the password and nothing else`,
    );
  }
  return checked(text.replace(/\r?\n$/, ''), '--root-password-file');
}

/** @param from what gave it, for the text of the error, which never has the password itself @throws invalid_parameter */
function checked(password: string, from: string): string {
  try {
    checkPassword(password);
  } catch (error) {
    throw new ElanusError(
      'invalid_parameter',
      `${from}: ${messageOf(error)}; expected 6 to 72 bytes in one line`,
    );
  }
  if (/[\r\n]/.test(password))
    throw new ElanusError(
      'invalid_parameter',
      `${from}: the password has a line break, expected one line; give the password and nothing else`,
    );
  return password;
}

/** @param password as `open` is given it @throws invalid_parameter */
export function checkRootPassword(password: unknown): void {
  if (password === undefined) return;
  if (typeof password !== 'string')
    throw new ElanusError(
      'invalid_parameter',
      'rootPassword is no text; expected a password of 6 to 72 bytes',
    );
  checked(password, 'rootPassword');
}

interface RootParts {
  readonly platform: Pick<Platform, 'passwords' | 'audit' | 'clock'>;
  readonly config: Pick<Config, 'auth' | 'host' | 'insecure' | 'rootPassword'>;
  readonly peers: { readonly users: Pick<Client<typeof UsersDefinition>, 'readUsers' | 'changeUsers'> };
}

/**
 * Before the public port opens: sets the password that was given, while the known one is in force, and refuses to open a door for which
 * everyone has the key. @throws refused
 */
export async function secureRoot({ platform, config, peers }: RootParts): Promise<void> {
  const { rootPassword } = config;
  const isExposed = config.auth && !config.insecure && !isLoopback(config.host);
  if (rootPassword === undefined && !isExposed) return;
  const context: CallContext = {
    signal: new AbortController().signal,
    metadata: {},
    deadlineMs: platform.clock.now() + WAIT_MS,
  };
  const { record } = await peers.users.readUsers({ knownVersion: -1n }, context);
  const hash = record?.users.find(({ name }) => name === ROOT)?.passwordHash ?? '';
  if (!(await isKnown(hash, platform))) return;
  if (rootPassword !== undefined && rootPassword !== DEFAULT_PASSWORD) {
    const passwordHash = await platform.passwords.hash(rootPassword);
    // Another process that starts now may have set its own: whichever is first counts.
    const updateUser = { name: ROOT, passwordHash, passwordHashBefore: hash };
    await peers.users.changeUsers({ change: { $case: 'updateUser', value: updateUser } }, context);
    platform.audit.info('audit', { call: 'FirstRootPassword', user: ROOT, outcome: 'done' });
    return;
  }
  if (isExposed)
    throw new ElanusError(
      'refused',
      `root still has the password that every new database has, and others can reach ${config.host}; give another with --root-password-file, ${ROOT_PASSWORD_VARIABLE} or open({ rootPassword }), change it while the server is on 127.0.0.1 (docs/security.md), or start with --insecure (open: insecure) if the network is yours`,
    );
}

const isKnown = (hash: string, { passwords }: RootParts['platform']): Promise<boolean> =>
  hash === '' ? Promise.resolve(true) : passwords.verify(DEFAULT_PASSWORD, hash);
