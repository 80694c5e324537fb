// Rows and predicates of bench/filter-rivals.mjs: the same question in the words of each database.
import { nextBelow, nextFloat, seededRandom } from '../dist/base/random.js';

export function* makeRows(count) {
  const random = seededRandom(7);
  const word = () =>
    Array.from({ length: 4 + nextBelow(random, 9) }, () =>
      String.fromCharCode(97 + nextBelow(random, 26)),
    ).join('');
  for (let id = 0; id < count; id++) {
    const n = nextBelow(random, 1_000_000);
    yield {
      id,
      n,
      big: n,
      score: nextFloat(random),
      title: `${word()} ${word()} ${word()}`,
      meta: { lang: id % 3 === 0 ? 'en' : 'de', page: n % 500, source: `${word()}.pdf` },
      tags: Array.from({ length: 4 }, () => nextBelow(random, 1000)),
    };
  }
}

const some = (count, step, shift) => Array.from({ length: count }, (_, at) => at * step + shift).join(', ');
/** What it is, as our filter, for DuckDB, for SQLite (undefined: it has no such thing). `shift` makes each round's filter another one. */
export const predicates = [
  ['int32 < x', (x) => `n < ${500_000 + x}`, (x) => `n < ${500_000 + x}`, (x) => `n < ${500_000 + x}`],
  [
    'x <= int64 < y',
    (x) => `big >= ${250_000 + x} and big < 750000`,
    (x) => `big >= ${250_000 + x} and big < 750000`,
    (x) => `big >= ${250_000 + x} and big < 750000`,
  ],
  ['double < x', (x) => `score < 0.5${x}`, (x) => `score < 0.5${x}`, (x) => `score < 0.5${x}`],
  [
    'int64 in 10',
    (x) => `big in [${some(10, 100_003, x)}]`,
    (x) => `big in (${some(10, 100_003, x)})`,
    (x) => `big in (${some(10, 100_003, x)})`,
  ],
  [
    'int64 in 10,000',
    (x) => `big in [${some(10_000, 97, x)}]`,
    (x) => `big in (${some(10_000, 97, x)})`,
    (x) => `big in (${some(10_000, 97, x)})`,
  ],
  [
    "text == 'x'",
    (x) => `title == "hello again ${x}"`,
    (x) => `title = 'hello again ${x}'`,
    (x) => `title = 'hello again ${x}'`,
  ],
  [
    "like 'ab%'",
    (x) => `title like "a${'bcdefghijk'[x]}%"`,
    (x) => `title like 'a${'bcdefghijk'[x]}%'`,
    (x) => `title glob 'a${'bcdefghijk'[x]}*'`,
  ],
  [
    "like '%abc%'",
    (x) => `title like "%ab${'cdefghijkl'[x]}%"`,
    (x) => `title like '%ab${'cdefghijkl'[x]}%'`,
    (x) => `title glob '*ab${'cdefghijkl'[x]}*'`,
  ],
  [
    "regex '[xy]z'",
    (x) => `title =~ "[xy]${'zabcdefghi'[x]}"`,
    (x) => `regexp_matches(title, '[xy]${'zabcdefghi'[x]}')`,
    undefined,
  ],
  [
    'json["page"] < x',
    (x) => `meta["page"] < ${250 + x}`,
    (x) => `(meta->>'page')::int < ${250 + x}`,
    (x) => `meta->>'page' < ${250 + x}`,
  ],
  [
    'json["lang"] == \'en\'',
    (x) => `meta["lang"] == "en${x}"`,
    (x) => `meta->>'lang' = 'en${x}'`,
    (x) => `meta->>'lang' = 'en${x}'`,
  ],
  [
    'array_contains(tags, x)',
    (x) => `array_contains(tags, ${x})`,
    (x) => `list_contains(tags, ${x})`,
    undefined,
  ],
  [
    'int and double and int64',
    (x) => `n < ${500_000 + x} and score < 0.5 and big > 250000`,
    (x) => `n < ${500_000 + x} and score < 0.5 and big > 250000`,
    (x) => `n < ${500_000 + x} and score < 0.5 and big > 250000`,
  ],
];
