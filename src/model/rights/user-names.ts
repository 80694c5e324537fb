// Checks of the names of users, roles and privilege groups, and of passwords. The texts are Milvus's.
import { ElanusError } from '#base/errors.js';

const USER_LENGTH_MAX = 32;
const NAME_LENGTH_MAX = 255;
/** In bytes: bcrypt reads no more. */
const PASSWORD_BYTES_MAX = 72;
const PASSWORD_BYTES_MIN = 6;
const DESCRIPTION_LENGTH_MAX = 1024;

const invalid = (fact: string): ElanusError =>
  new ElanusError('invalid_parameter', `${fact}: invalid parameter`);
/** A name in an error: as long as it needs to be known by, and in one line. */
const shown = (name: string): string => JSON.stringify(name.slice(0, 64)).slice(1, -1);

/** @throws invalid_parameter */
export function checkUserName(name: string): void {
  if (name.trim() === '') throw invalid('username must be not empty');
  if (name.length > USER_LENGTH_MAX)
    throw invalid(
      `invalid username ${shown(name)} with length ${name.length}, the length of username must be less than ${USER_LENGTH_MAX}`,
    );
  if (!/^[A-Za-z]/.test(name))
    throw invalid(
      `invalid user name ${shown(name)}, the first character must be a letter, but got ${shown(name[0] ?? '')}`,
    );
  const [odd] = /[^\w.-]/.exec(name) ?? [];
  if (odd !== undefined)
    throw invalid(
      `invalid user name ${shown(name)}, username must contain only numbers, letters, dots, underscores, and hyphens, but got ${shown(odd)}`,
    );
}

/** @throws invalid_parameter */
export function checkPassword(password: string): void {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < PASSWORD_BYTES_MIN || bytes > PASSWORD_BYTES_MAX)
    throw invalid(
      `invalid password length: out of range ${PASSWORD_BYTES_MIN} <= value <= ${PASSWORD_BYTES_MAX}, got ${bytes} bytes`,
    );
  // bcrypt ends a password at the first of them.
  if (password.includes('\0')) throw invalid('invalid password: it has a NUL character; leave it out');
}

const nouns = { role: 'role name', group: 'privilege group name' } as const;

/** @throws invalid_parameter, invalid_group_name for groups */
export function checkNameOf(kind: keyof typeof nouns, name: string): void {
  const noun = nouns[kind];
  const refuse = (rule: string): ElanusError =>
    new ElanusError(
      kind === 'group' ? 'invalid_group_name' : 'invalid_parameter',
      `${noun} ${shown(name)}: ${rule}: invalid parameter`,
    );
  if (name.trim() === '') throw refuse(`${noun} should not be empty`);
  if (name.length > NAME_LENGTH_MAX)
    throw refuse(`the length of a ${noun} must be less than ${NAME_LENGTH_MAX} characters`);
  if (!/^[A-Za-z_]/.test(name))
    throw refuse(`the first character of a ${noun} must be an underscore or letter`);
  if (!/^[\w$]+$/.test(name))
    throw refuse(`${noun} can only contain numbers, letters, dollars and underscores`);
}

/** @throws invalid_parameter */
export function checkDescription(description: string): void {
  if (description.length > DESCRIPTION_LENGTH_MAX)
    throw invalid(
      `the description has ${description.length} characters, expected at most ${DESCRIPTION_LENGTH_MAX}`,
    );
}

/** Hashes are taken from backups too: one that would take hours to check is none. */
export const isPasswordHash = (hash: string): boolean =>
  hash === '' || /^\$2[aby]\$(?:0[4-9]|1[0-2])\$[./A-Za-z0-9]{53}$/.test(hash);
