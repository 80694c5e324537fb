import { expect, it } from 'vitest';
import { requestHeaders } from './request-headers.js';

const request = [':method', 'POST', ':scheme', 'http', ':path', '/a', 'te', 'trailers'];
it.each<[string, readonly string[], readonly string[] | undefined]>([
  ['as it should be', request, request],
  ['without a path', request.filter((_, at) => at < 4 || at > 5), undefined],
  ['with two methods', [':method', 'GET', ...request], undefined],
  ['with its own headers behind others', ['te', 'trailers', ...request], undefined],
  ['with an unknown one of its own', [':status', '200', ...request], undefined],
  ['with a path of two lines', request.with(5, '/a\n'), undefined],
  ['with an empty path', request.with(5, ''), undefined],
  ['with a path that is none', request.with(5, 'a'), undefined],
  ['about the server', request.with(5, '*'), request.with(5, '*')],
  ['with two authorities', [':authority', 'a', ':authority', 'a', ...request], undefined],
  ['with te that is not trailers', request.with(7, 'gzip'), undefined],
  ['with a length that is no number', [...request, 'content-length', '-1'], undefined],
  ['with a name in upper case', [...request, 'Te', 'x'], undefined],
  ['with a header of connections', [...request, 'connection', 'close'], undefined],
  ['with an end of line in a value', [...request, 'x', 'a\r\nb', 'y', 'c'], [...request, 'y', 'c']],
  ['with a name of no characters', [...request, '', 'x'], request],
  ['with a name of two words', [...request, 'a b', 'x'], request],
])('a request %s', (_what, headers, expected) => {
  expect(requestHeaders(headers, [])).toEqual(expected);
  // What came before makes no difference.
  expect(requestHeaders(headers, request)).toEqual(expected);
});
