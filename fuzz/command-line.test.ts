// The words after `elanus serve`: what is accepted is right, what is not is reported.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roleNames } from '#rpc/role-names.js';
import { parsePeer, parsePort, parseRoles } from '#server/command-line.js';
import { SEED, typedOrResult } from './invariant.js';

const host = fc.constantFrom('localhost', '127.0.0.1', 'data-coord.internal', '[::1]', '[fe80::1]');
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'data-coord',
        '=',
        ':',
        '127.0.0.1',
        '[::1]',
        '19530',
        '0',
        '65536',
        ' ',
        '-1',
        '\0',
        'é',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 7 },
  )
  .map((parts) => parts.join(''));

describe('command line', () => {
  it('takes every port, and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), (port) => {
        expect(parsePort(String(port))).toBe(port);
      }),
      { seed: SEED },
    );
    for (const text of [
      '',
      ' ',
      '-1',
      '65536',
      '99999',
      '1e3',
      '0x10',
      '1.5',
      ' 80',
      '80 ',
      'NaN',
      'Infinity',
      '١٢',
    ])
      expect(() => parsePort(text), text).toThrow('expected a port');
    fc.assert(
      fc.property(pieces, (text) => {
        const port = typedOrResult(() => parsePort(text));
        if (port !== undefined) expect(String(port)).toBe(String(Number(text)));
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
  it('takes every peer, and gives back its parts', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...roleNames),
        host,
        fc.integer({ min: 1, max: 65_535 }),
        (role, name, port) => {
          expect(parsePeer(`${role}=${name}:${port}`)).toEqual({ role, address: `${name}:${port}` });
        },
      ),
      { seed: SEED },
    );
    for (const text of [
      'data-coord',
      'data-coord=',
      'data-coord=:1',
      'data-coord=h',
      'data-coord=h:',
      'data-coord=h:0',
      'data-coord=h:65536',
      'data-coord=a=b:1',
      'data-coord=h:1 ',
      'nobody=h:1',
      '=h:1',
      'data-coord=::1:5',
      'data-coord=h:1:2',
    ])
      expect(() => parsePeer(text), text).toThrow('expected ROLE=HOST:PORT');
    fc.assert(
      fc.property(pieces, (text) => {
        const peer = typedOrResult(() => parsePeer(text));
        if (peer !== undefined) expect(`${peer.role}=${peer.address}`).toBe(text);
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
  it('takes every choice of roles, each once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...roleNames), { minLength: 1 }), (roles) => {
        expect(parseRoles(roles.join(','))).toEqual([...new Set(roles)]);
      }),
      { seed: SEED },
    );
    for (const text of ['', ',', 'proxy,', 'Proxy', 'proxy, data-coord', 'constructor', '__proto__'])
      expect(() => parseRoles(text), text).toThrow('is not a role');
  });
});
