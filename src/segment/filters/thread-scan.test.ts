// What is evaluated on threads says what row by row evaluation says, whatever order ranges come back in, and only long work goes there.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { type ColumnSource, viewOf } from '#expr/evaluate/column-view.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import type { Predicate } from '#expr/typed.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';
import { NodeWorkers } from '#platform/node/node-workers.js';
import { Pace } from '#platform/pace.js';
import type { SharedRegion } from '#platform/workers.js';
import { ColumnStore } from '#segment/fields/column-store.js';
import { evaluate, type Row } from '../../../test/oracle/predicate-oracle.js';
import { KeptPaths } from '../../../test/support/kept-paths.js';
import { anyPredicate, leafFamilies } from '../../../test/support/predicate-cases.js';
import { anyRow, fields, int64, json, text } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { type PlanRun, runPlan } from './run-plan.js';

/** Ranges come back in any order. */
class Unordered extends InlineWorkers {
  asked = 0;

  constructor() {
    const random = seededRandom(3);
    const sleep = async (): Promise<void> => {
      for (let turns = nextBelow(random, 8); turns > 0; turns--) await Promise.resolve();
    };
    super({ timers: { ...nodeTimers, sleep }, parallelism: 3 });
  }

  override run<Output>(task: string, input: unknown, regions: readonly SharedRegion[], signal?: AbortSignal) {
    this.asked++;
    return super.run<Output>(task, input, regions, signal);
  }
}

function sourceOf(rows: readonly Row[]): ColumnSource {
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  return { view: (fieldId) => views.get(fieldId) };
}

const neverAborted = new AbortController().signal;
const pace = (): Pace => new Pace({ clock: nodeClock, timers: nodeTimers }, { signal: neverAborted });

/** All rows are read, on threads unless they stay here whatever they cost. */
async function passing(
  residual: Predicate,
  run: Pick<PlanRun, 'columns' | 'rowCount'> & Partial<PlanRun>,
): Promise<{ readonly rows: number[]; readonly result: Awaited<ReturnType<typeof runPlan>> }> {
  const plan = { candidates: undefined, residual };
  const result = await runPlan({ plan, kept: undefined, pace: pace(), ...run });
  const all = Array.from({ length: run.rowCount }, (_, row) => row);
  const rows = all.filter((row) => isBitSet(result.bits, row));
  expect(result.passing).toBe(rows.length);
  return { rows, result };
}

async function expectSame(predicate: Predicate, rows: readonly Row[]): Promise<void> {
  const workers = new Unordered();
  const threads = { workers, minNanos: 0 };
  const columns = sourceOf(rows);
  const wanted = rows.flatMap((row, at) => (evaluate(predicate, row) === true ? [at] : []));
  const all = await passing(predicate, { columns, rowCount: rows.length, threads });
  expect(all.rows).toEqual(wanted);
  expect(all.result.scanned).toBe(rows.length);
  expect(workers.asked).toBeGreaterThan(0);
  const rowCount = rows.length >> 1;
  const early = await passing(predicate, { columns: sourceOf(rows.slice(0, rowCount)), rowCount, threads });
  const grown = await passing(predicate, { columns, rowCount: rows.length, threads, kept: early.result });
  expect(grown.rows).toEqual(wanted);
}

const someRows = fc.array(anyRow, { minLength: 2, maxLength: 80 });

describe('a scan on threads', () => {
  for (const [family, leaf] of Object.entries(leafFamilies)) {
    it(`says what row by row evaluation says: ${family}`, async () => {
      const predicates = fc.oneof(
        leaf,
        leaf.map((operand): Predicate => ({ kind: 'not', operand })),
      );
      await fc.assert(fc.asyncProperty(predicates, someRows, expectSame), { numRuns: 60 });
    });
  }

  it('says so of and, or and not over all of them', async () => {
    await fc.assert(fc.asyncProperty(anyPredicate, someRows, expectSame), { numRuns: 200 });
  });
});

const words = Array.from({ length: 40_000 }, (_, row) => `word ${(row * 7919) % 40_009} of ${row}`);
const rowCount = words.length;
const rowsOfWords = words.map((word, row): Row => {
  const values: [bigint, unknown][] = [
    [text.fieldId, word],
    [int64.fieldId, BigInt(row)],
  ];
  return new Map(values);
});

/** As a segment has them. */
function storedColumns(): ColumnSource {
  const views = new Map(
    [text, int64].map((field) => {
      const store = new ColumnStore(field.fieldId, field.dataType, 0);
      store.append(columnOf(field, rowsOfWords), rowCount);
      return [field.fieldId, viewOf(store.view())];
    }),
  );
  return { view: (fieldId) => views.get(fieldId) };
}

const regex: Predicate = {
  kind: 'regex',
  operand: { kind: 'field', type: 'text', field: text },
  source: '\\b1[0-9]*7\\b',
};
const isMatched = (word: string): boolean => /\b1[0-9]*7\b/.test(word);

describe('on real threads', () => {
  const workers = new NodeWorkers({ parallelism: 2 });
  const threads = { workers, minNanos: 0 };
  afterAll(() => workers.close());

  it('columns of a segment are read where they lie', async () => {
    const columns = storedColumns();
    expect(columns.view(int64.fieldId)).toMatchObject({ values: { buffer: expect.any(SharedArrayBuffer) } });
    const { rows, result } = await passing(regex, { columns, rowCount, threads });
    expect(rows).toEqual(words.flatMap((word, row) => (isMatched(word) ? [row] : [])));
    expect(result.scanned).toBe(rowCount);
  });

  it('rows that indexes named are asked alone', async () => {
    const bits = new Uint32Array(rowCount / 32).fill(0x10101010);
    const blocks = { name: 'blocks', rows: rowCount / 8, addTo: (to: Uint32Array) => to.set(bits) };
    const estimate = { estimated: rowCount / 8, isExact: false, nanos: 1 } as const;
    const plan = {
      candidates: { kind: 'blocks', blocks, leaf: regex, ...estimate },
      residual: regex,
    } as const;
    const { rows, result } = await passing(regex, { plan, columns: storedColumns(), rowCount, threads });
    expect(rows).toEqual(words.flatMap((word, row) => (row % 8 === 4 && isMatched(word) ? [row] : [])));
    expect(result.scanned).toBe(rowCount / 8);
  });
});

describe('what stays on the thread', () => {
  const tasksOf = async (predicate: Predicate, columns: ColumnSource, minNanos?: number): Promise<number> => {
    const workers = new Unordered();
    await passing(predicate, {
      ...{ columns, rowCount },
      threads: { workers, ...(minNanos !== undefined && { minNanos }) },
    });
    return workers.asked;
  };
  const less: Predicate = {
    kind: 'compare',
    op: '<',
    operand: { kind: 'field', type: 'int', field: int64 },
    value: { type: 'int', value: 5n },
  };

  it('is what takes a moment', async () => {
    expect(await tasksOf(less, storedColumns())).toBe(0);
    expect(await tasksOf(regex, storedColumns())).toBeGreaterThan(0);
  });

  it('is what would have to be copied', async () => {
    const stored = storedColumns();
    const copied: ColumnSource = {
      view: (fieldId) => {
        const view = stored.view(fieldId);
        return view?.kind === 'variable' ? { ...view, data: view.data.slice() } : view;
      },
    };
    expect(await tasksOf(regex, copied, 0)).toBe(0);
  });

  it('is what many parts make, and what keeps what it finds in JSON', async () => {
    const many: Predicate = { kind: 'or', operands: Array.from({ length: 1200 }, () => less) };
    expect(await tasksOf(many, storedColumns(), 0)).toBe(0);
    const exists: Predicate = {
      kind: 'exists',
      operand: { kind: 'json', type: 'json', field: json, path: ['a'] },
    };
    const store = new ColumnStore(json.fieldId, json.dataType, 0);
    store.appendMissing(rowCount);
    const documents: ColumnSource = { view: () => viewOf(store.view()) };
    expect(await tasksOf(exists, documents, 0)).toBeGreaterThan(0);
    expect(await tasksOf(exists, new KeptPaths().over(documents), 0)).toBe(0);
  });
});

describe('regular expressions that follow many ways at once', () => {
  const random = seededRandom(5);
  const letters = (length: number): string =>
    `c${Array.from({ length: length - 1 }, () => (nextBelow(random, 2) === 0 ? 'a' : 'b')).join('')}`;
  const costly: Predicate = { ...regex, source: '(?:a[ab]{300}a|b[ab]{300}b)[ab]*c' };
  const columnsOf = (values: readonly string[]): ColumnSource => {
    const store = new ColumnStore(text.fieldId, text.dataType, 0);
    const rows = values.map((value) => new Map([[text.fieldId, value]]));
    store.append(columnOf(text, rows), rows.length);
    return { view: () => viewOf(store.view()) };
  };

  it('never meet a long text on the thread that serves everyone, however few there are', async () => {
    for (const [length, isHanded] of [
      // The longest that an expression of 610 steps meets at all.
      [55_000, true],
      [100, false],
    ] as const) {
      const workers = new Unordered();
      const columns = columnsOf(['abc', letters(length)]);
      const { rows } = await passing(costly, { columns, rowCount: 2, threads: { workers } });
      expect(rows).toEqual([]);
      expect(workers.asked > 0, `${length} letters`).toBe(isHanded);
    }
    const columns = columnsOf(['abc', letters(65_535)]);
    const refused = passing(costly, { columns, rowCount: 2, threads: { workers: new Unordered() } });
    await expect(refused).rejects.toMatchObject({ key: 'invalid_parameter' });
  });
});

it('ends at the deadline: nothing more is handed over', async () => {
  const workers = new Unordered();
  let now = 0;
  const tick = (): number => {
    now += 10;
    return now;
  };
  const clock = { now: tick, monotonic: tick };
  const late = new Pace({ clock, timers: nodeTimers }, { signal: neverAborted, deadlineMs: 200 });
  const threads = { workers, minNanos: 0 };
  const run = passing(regex, { columns: storedColumns(), rowCount, threads, pace: late });
  await expect(run).rejects.toMatchObject({ key: 'deadline_exceeded' });
  const { asked } = workers;
  expect(asked).toBeLessThan(25);
  await nodeTimers.yield();
  expect(workers.asked).toBe(asked);
});
