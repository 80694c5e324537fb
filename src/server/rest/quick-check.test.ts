// The quick check says what the schema says, or nothing.
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { endpoints } from './endpoints.js';
import { quickCheckOf } from './quick-check.js';

const values = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(1, 10n, '', 'c', 'Strong', [], [1], ['a'], {}, true, 2 ** 60, undefined),
);

describe('the quick check of bodies', () => {
  it('gives what the schema gives, and nothing where the schema refuses', () => {
    const bodies = fc.constantFrom(...endpoints).chain((one) =>
      fc.record({
        schema: fc.constant(one.body),
        given: fc.dictionary(fc.constantFrom('more', ...Object.keys(one.body.shape)), values, { maxKeys: 6 }),
      }),
    );
    fc.assert(
      fc.property(bodies, ({ schema, given }) => {
        const sent = Object.fromEntries(Object.entries(given).filter(([, one]) => one !== undefined));
        const quick = quickCheckOf(schema)(sent);
        const { success, data } = schema.safeParse(sent);
        if (quick !== undefined) expect(quick).toEqual(data);
        else if (schema.def.checks === undefined) expect(success).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  it('leaves schemas to themselves that check more than their members', () => {
    const refined = z.strictObject({ a: z.int().optional() }).refine(({ a }) => a !== 1);
    expect(quickCheckOf(refined)({ a: 2 })).toBeUndefined();
    expect(quickCheckOf(z.looseObject({ a: z.int() }))({ a: 2 })).toBeUndefined();
  });

  it('asks no schema about whole numbers, words of a list and objects of anything', () => {
    const level = z.enum(['Strong', 'Eventually']);
    const schema = z.strictObject({
      limit: z.int().default(100),
      level: level.optional(),
      params: z.record(z.string(), z.unknown()),
    });
    const check = quickCheckOf(schema);
    const asked = Object.values(schema.shape).map((member) => vi.spyOn(member, 'safeParse'));
    const body = { limit: 10, level: 'Strong', params: { metricType: 'L2', params: { ef: 64 } } };
    expect(check(body)).toEqual(body);
    for (const member of asked) expect(member).not.toHaveBeenCalled();
    for (const wrong of [{ limit: 1.5 }, { limit: 2 ** 60 }, { level: 'strong' }, { params: [] }])
      expect(check({ ...body, ...wrong })).toBeUndefined();
  });

  it('shares no list of a default between bodies', () => {
    const check = quickCheckOf(z.strictObject({ list: z.array(z.string()).default([]) }));
    expect(check({})?.list).toEqual([]);
    expect(check({})?.list).not.toBe(check({})?.list);
  });
});
