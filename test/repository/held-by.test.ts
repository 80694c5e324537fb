// docs/coordination-tests.md names the tests that hold what coordination promises: each is there, by file and title, and nothing is left out.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sabotages } from '../../sim/planted.js';
import { plantNames } from '../../sim/plants.js';
import { codesIn, rowsOf, section } from './documents.js';

const root = join(import.meta.dirname, '../..');
const document = readFileSync(join(root, 'docs/coordination-tests.md'), 'utf8');
const files = ['src', 'test', 'sim', 'torture'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
);

const faults: ReadonlySet<string> = new Set([...plantNames, ...Object.keys(sabotages)]);

/** Titles of tests and of groups, also of those that run over a table of cases; none of what is skipped. */
function titlesOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(/(?:\b(?:test|it|describe)|\))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g);
  return [...found].map(([, , title = '']) => title.replaceAll('\\', ''));
}

/** What is wrong with the tests that a cell names: `file` "words of a title", "words of another". */
function wrongIn(cell: string): string[] {
  return [...cell.matchAll(/`([a-z0-9.-]+\.ts)`((?:,? "[^"]+")*)/g)].flatMap(([, name = '', quoted = '']) => {
    const [file, ...others] = files.filter((path) => basename(path) === name);
    if (file === undefined || others.length > 0)
      return [`${name}: ${file === undefined ? 'is not there' : 'is not one file'}`];
    const titles = titlesOf(file);
    const words = [...quoted.matchAll(/"([^"]+)"/g)].map(([, word = '']) => word);
    if (words.length === 0) return [`${name}: names no test`];
    return words
      .filter((word) => !titles.some((title) => title.includes(word)))
      .map((word) => `${name}: no test "${word}"`);
  });
}

const calls = {
  'RootCoord is handed a DataCoord': 7,
  GetInsertBinlogPaths: 7,
  GetSegmentInfo: 7,
  GetFlushedSegments: 6,
  WatchChannels: 8,
  Import: 9,
  Flush: 9,
};

describe('what coordination is held to', () => {
  it.each(Object.entries(calls))('%s: %i promises, each with tests that are there', (heading, count) => {
    const [, ...rows] = rowsOf(section(document, `## ${heading}`));
    expect(rows.map(([what = '']) => Number(what.split(' ')[0]))).toEqual(
      Array.from({ length: count }, (_, at) => at + 1),
    );
    for (const [what = '', here = '', between = ''] of rows) {
      expect({ what, wrong: [...wrongIn(here), ...wrongIn(between)] }).toEqual({ what, wrong: [] });
      expect({ what, codes: codesIn(here).length > 0 }).toEqual({ what, codes: true });
      // A test, or why there is none.
      expect({ what, says: between.length > 10 }).toEqual({ what, says: true });
    }
  });

  it('classes of failure and faults: tests and plants that are there', () => {
    const headings = [
      'The rest of the tier',
      'Classes of failure that others had',
      'Faults that are injected',
    ];
    for (const heading of headings) {
      const [, ...rows] = rowsOf(section(document, `## ${heading}`));
      expect(rows.length).toBeGreaterThan(7);
      for (const row of rows) {
        const [what = ''] = row;
        const planted = codesIn(row.at(-1) ?? '').filter((name) => !name.endsWith('.ts'));
        const wrong = [...row.flatMap(wrongIn), ...planted.filter((name) => !faults.has(name))];
        expect({ what, wrong }).toEqual({ what, wrong: [] });
      }
    }
  });

  it('what the tier is asked for names a test in every row', () => {
    const [, ...rows] = rowsOf(section(document, '## The rest of the tier'));
    for (const [what = '', tests = ''] of rows)
      expect({ what, names: /`[a-z0-9.-]+\.ts` "/.test(tests) }).toEqual({ what, names: true });
  });

  it('finds a test that is not there', () => {
    expect(wrongIn('`kill.test.ts` "no such test"')).toEqual(['kill.test.ts: no test "no such test"']);
    expect(wrongIn('`nowhere.test.ts` "x"')).toEqual(['nowhere.test.ts: is not there']);
    expect(wrongIn('`kill.test.ts`')).toEqual(['kill.test.ts: names no test']);
  });
});
