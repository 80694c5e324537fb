// Parameters that are kept from one search to the next are those of the next one, or made anew.
import { describe, expect, test } from 'vitest';
import { SearchParams } from './search-params.js';

const texts = (list: readonly { readonly key: string; readonly value: string }[]): string =>
  list.map(({ key, value }) => `${key}=${value}`).join(' ');

describe('parameters of searches', () => {
  test('are kept while they are the same', () => {
    const asked = new SearchParams();
    const params = { ef: 16 };
    const first = asked.paramsOf('v', { limit: 5, params });
    expect(texts(first)).toBe('anns_field=v topk=5 params={"ef":16}');
    expect(asked.paramsOf('v', { limit: 5, params: { ef: 16 } })).toBe(first);
  });

  test('follow whatever changes', () => {
    const asked = new SearchParams();
    const params: { ef: number; more?: number } = { ef: 16 };
    const given = { limit: 5, params };
    asked.paramsOf('v', given);
    params.ef = 17;
    expect(texts(asked.paramsOf('v', given))).toBe('anns_field=v topk=5 params={"ef":17}');
    params.more = 1;
    expect(texts(asked.paramsOf('v', given))).toBe('anns_field=v topk=5 params={"ef":17,"more":1}');
    delete params.more;
    expect(texts(asked.paramsOf('v', given))).toBe('anns_field=v topk=5 params={"ef":17}');
    expect(texts(asked.paramsOf('w', given))).toBe('anns_field=w topk=5 params={"ef":17}');
    expect(texts(asked.paramsOf('w', { params }))).toBe('anns_field=w topk=10 params={"ef":17}');
    expect(texts(asked.paramsOf('w', { offset: 3 }))).toBe('anns_field=w topk=10 offset=3');
    expect(texts(asked.paramsOf('w', {}))).toBe('anns_field=w topk=10');
    expect(texts(asked.paramsOf('w', { range: { radius: 2 } }))).toBe(
      'anns_field=w topk=10 params={"radius":2}',
    );
    expect(texts(asked.paramsOf('w', { groupBy: { field: 'g' } }))).toBe(
      'anns_field=w topk=10 group_by_field=g',
    );
    expect(texts(asked.paramsOf('w', { orderBy: { a: 'asc' } }))).toBe(
      'anns_field=w topk=10 order_by_fields=a:asc',
    );
    expect(texts(asked.paramsOf('w', {}))).toBe('anns_field=w topk=10');
  });
});
