// Passwords of the simulated platform: hashes have the form of bcrypt, and are as good as none. For tests alone.
import { crc32 } from '#base/crc32.js';
import type { Random } from '#base/random.js';
import type { Passwords } from '#platform/passwords.js';

const sum = (text: string): string => crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');

export function memoryPasswords(random: Random): Passwords {
  const hashOf = (password: string, salt: string): string =>
    `$2b$04$${salt.padEnd(22, '.')}${sum(salt + password).padEnd(31, '.')}`;
  return {
    hash: async (password) => hashOf(password, random.nextUint32().toString(16).padStart(8, '0')),
    verify: async (password, hash) => hash === hashOf(password, hash.slice(7, 15)),
    digest: (text) => `${text.length}-${sum(text)}`,
  };
}
