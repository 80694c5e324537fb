import { describe, expect, it } from 'vitest';
import {
  addressOf,
  checkHasEffect,
  checkWays,
  parseBytes,
  parseFolder,
  parseOrigin,
  parseThreads,
} from './command-line.js';

describe('parseBytes', () => {
  it('reads plain bytes and units of 1024', () => {
    expect(
      ['1', '1000', '1K', '512M', '1.5G', '2GiB', '3 GB'.replace(' ', ''), '1T', ' 8m '].map(parseBytes),
    ).toEqual([1, 1000, 1024, 512 * 2 ** 20, 1.5 * 2 ** 30, 2 * 2 ** 30, 3 * 2 ** 30, 2 ** 40, 8 * 2 ** 20]);
  });
  it('refuses what is no size', () => {
    for (const text of ['', '0', '0.1', '-1', 'M', '1X', '1 000', '1e9', '999999999999999T', '80%']) {
      expect(() => parseBytes(text)).toThrow('expected a size such as 512M');
    }
  });
});

describe('parseThreads', () => {
  it('reads 0 to 16 and refuses the rest', () => {
    expect(['0', '2', '16'].map(parseThreads)).toEqual([0, 2, 16]);
    for (const text of ['', '-1', '17', '1.5', 'two', '1e1', ' 1']) {
      expect(() => parseThreads(text)).toThrow(
        'expected a number of threads from 0 (none of their own) to 16',
      );
    }
  });
});

describe('parseFolder', () => {
  it('takes paths, not the emptiness of a variable that is not set', () => {
    expect(['data', './my data', '/'].map(parseFolder)).toEqual(['data', './my data', '/']);
    for (const text of ['', 'a\0b']) expect(() => parseFolder(text)).toThrow('expected a path');
  });
});

describe('checkHasEffect', () => {
  const given = { auth: false, auditFile: undefined, rest: true, restV1: false, corsOrigins: [] };
  const say = {
    auth: '--auth',
    auditFile: '--audit-log',
    rest: '--no-rest',
    restV1: '--rest-v1',
    corsOrigins: '--cors-origin',
  };
  const refused = (more: object, text: string): void =>
    expect(() => checkHasEffect({ ...given, ...more }, say)).toThrow(text);

  it('what would do nothing is refused', () => {
    refused({ auditFile: 'a' }, '--audit-log is given without --auth: nothing would be written');
    refused({ rest: false, restV1: true }, '--rest-v1 is given with --no-rest');
    refused({ rest: false, corsOrigins: ['*'] }, '--cors-origin is given with --no-rest');
    checkHasEffect(given, say);
    checkHasEffect({ ...given, auth: true, auditFile: 'a', restV1: true, corsOrigins: ['*'] }, say);
    checkHasEffect({ ...given, rest: false }, say);
  });
});

describe('checkWays', () => {
  const alone = { peer: {}, shared: false };
  it('refuses roles that call others and have no way to them, and names these', () => {
    expect(() => checkWays({ ...alone, role: ['proxy'] })).toThrow(
      '--role proxy calls root-coord, data-coord, query-coord, streaming-node, and nothing says where they run: give --meta',
    );
    const peer = { 'root-coord': ['h:1'], 'data-coord': ['h:1'], 'query-coord': ['h:1'] };
    expect(() => checkWays({ ...alone, role: ['proxy', 'streaming-node'], peer })).toThrow(
      'calls query-node, and',
    );
  });
  it('takes whoever has a way to all, or calls nobody', () => {
    checkWays(alone);
    checkWays({ ...alone, role: ['query-node'], internalPort: 0 });
    checkWays({ ...alone, role: ['proxy'], meta: 'h:1' });
    checkWays({ ...alone, role: ['data-coord'], shared: true });
    checkWays({ ...alone, role: ['data-node'], peer: { 'root-coord': ['h:1'] }, internalPort: 1 });
  });
  it('refuses roles that nobody can call, and peers that run here', () => {
    expect(() => checkWays({ ...alone, role: ['query-node'] })).toThrow(
      '--role query-node has neither a proxy nor a port',
    );
    const peer = { 'data-coord': ['h:1'] };
    expect(() => checkWays({ ...alone, peer })).toThrow('names where data-coord runs, which runs in this');
    expect(() => checkWays({ role: ['data-coord'], peer, shared: true })).toThrow('leave one of the two out');
  });
});

describe('parseOrigin', () => {
  it('takes what browsers say, and *', () => {
    const origins = ['*', 'https://app.example', 'http://localhost:3000', 'chrome-extension://abc'];
    expect(origins.map(parseOrigin)).toEqual(origins);
    for (const text of ['', 'app.example', 'https://app.example/page', 'https://a b', 'null', 'file:///x'])
      expect(() => parseOrigin(text), text).toThrow('expected an origin such as https://app.example');
  });
});

describe('addressOf', () => {
  it('is one that clients take', () => {
    expect(addressOf({ host: '127.0.0.1', port: 1 })).toBe('127.0.0.1:1');
    expect(addressOf({ host: '::1', port: 1 })).toBe('[::1]:1');
  });
});
