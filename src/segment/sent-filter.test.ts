// Long filters are read on the worker threads, once in a process; short ones where they are asked for.
import { describe, expect, it } from 'vitest';
import { checkFilter, type FilterSource } from '#expr/filter.js';
import { unpackedTexts } from '#expr/text-set.js';
import type { Predicate, ValueSet } from '#expr/typed.js';
import { encodeTexts } from '#model/text-list.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import type { SharedRegion } from '#platform/workers.js';
import { TextFilter } from '#proto/elanus/roles.js';
import { CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';
import { plainSchema as schema } from '../../test/support/filter-schema.js';
import { filterMessage, READ_HERE_MAX, readAnyFilter, readSent, sentPredicate } from './sent-filter.js';

class CountedWorkers extends InlineWorkers {
  readonly asked: string[] = [];

  constructor() {
    super({ timers: nodeTimers });
  }

  override run<Output>(task: string, input: unknown, regions: readonly SharedRegion[], signal?: AbortSignal) {
    this.asked.push(task);
    return super.run<Output>(task, input, regions, signal);
  }
}

const numbers = Array.from({ length: READ_HERE_MAX / 4 }, (_, at) => at * 7);
const long = `i64 in [${numbers.join(',')}] and s != "x"`;
const TASK = 'checkLongFilter';

/** The first set of a filter. */
function setIn(predicate: Predicate): ValueSet {
  const leaf = predicate.kind === 'and' ? predicate.operands.find(({ kind }) => kind === 'in') : predicate;
  if (leaf?.kind !== 'in') throw new TypeError('no list');
  return leaf.values;
}

async function read(source: FilterSource) {
  const workers = new CountedWorkers();
  return { filter: await readAnyFilter(workers, schema, source), asked: workers.asked };
}

describe('a filter', () => {
  it('is read on a worker thread where it is long, and says the same', async () => {
    const { filter, asked } = await read({ text: long });
    expect(asked).toEqual([TASK]);
    expect(filter).toEqual(checkFilter(schema, { text: long }));
    expect((await read({ text: 'i64 in [1, 2]' })).asked).toEqual([]);
  });

  it('is long by its template values, too', async () => {
    const data = { $case: 'longData', value: { data: new Uint8Array(READ_HERE_MAX + 8) } } as const;
    const numbersValue = TemplateValue.fromPartial({ val: { $case: 'arrayVal', value: { data } } });
    const source = { text: 'i64 in {list}', templates: { list: numbersValue } };
    expect((await read(source)).asked).toEqual([TASK]);
    const texts = { $case: 'stringData', value: encodeTexts(numbers.map(String)) } as const;
    const textsValue = TemplateValue.fromPartial({ val: { $case: 'arrayVal', value: { data: texts } } });
    const found = await read({ text: 's in {list}', templates: { list: textsValue } });
    expect(found.asked).toEqual([TASK]);
    expect(found.filter).toMatchObject({ predicate: { values: { texts: { length: numbers.length } } } });
  });

  it('of many keys that are texts is the list itself, without a string made of it', async () => {
    const bytes = encodeTexts([...numbers.map((number) => `kö${number}`), 'kö0']);
    const list = TemplateValue.fromPartial({
      val: { $case: 'arrayVal', value: { data: { $case: 'stringData', value: bytes } } },
    });
    const { filter, asked } = await read({ text: 's in {list} and s != "kö7"', templates: { list } });
    expect(asked).toEqual([TASK]);
    const { texts } = filter.kind === 'predicate' ? setIn(filter.predicate) : { texts: [] };
    expect(new Set(unpackedTexts(texts))).toEqual(new Set(numbers.map((number) => `kö${number}`)));
  });

  it('of keys comes back from a worker whole', async () => {
    const text = `id in [${numbers.join(',')}]`;
    expect((await read({ text })).filter).toEqual(checkFilter(schema, { text }));
  });

  it('that is wrong is refused with the same words', async () => {
    const text = `${long} and nowhere ==`;
    const refusal = (() => {
      try {
        return checkFilter(schema, { text });
      } catch (error) {
        return error;
      }
    })();
    await expect(read({ text })).rejects.toEqual(refusal);
    await expect(read({ text })).rejects.toMatchObject({ key: 'invalid_parameter' });
  });
});

describe('a message with a filter', () => {
  it('is not read again where it is the same object', async () => {
    const workers = new CountedWorkers();
    const source = { text: long };
    const filter = await readAnyFilter(workers, schema, source);
    const message = filterMessage(source, schema, filter);
    await readSent(workers, message, schema);
    expect(sentPredicate(message, schema)).toBe(filter);
    expect(workers.asked).toEqual([TASK]);
  });

  it('from another process is read on a worker thread, once', async () => {
    const workers = new CountedWorkers();
    const message = TextFilter.fromPartial({ text: long });
    await readSent(workers, message, schema);
    const filter = sentPredicate(message, schema);
    await readSent(workers, message, schema);
    expect(sentPredicate(message, schema)).toBe(filter);
    expect(filter).toEqual(checkFilter(schema, { text: long }));
    expect(workers.asked).toEqual([TASK]);
  });

  it('is read again for another schema', async () => {
    const workers = new CountedWorkers();
    const message = filterMessage({ text: long }, schema, checkFilter(schema, { text: long }));
    const other = CollectionSchema.fromPartial({ ...schema });
    await readSent(workers, message, other);
    expect(workers.asked).toEqual([TASK]);
    expect(sentPredicate(message, other)).toEqual(sentPredicate(message, schema));
  });
});
