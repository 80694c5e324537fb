// Inputs that others' databases fell over, by topic, each with the test here that tries it and words of that test. A row whose words are gone is a
// bad input that nothing tries any longer.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const integration = (name: string): string => `test/integration/${name}.test.ts`;
const cases = 'test/integration/bad-input-cases.ts';
const writes = integration('bad-writes');
const identities = integration('bad-identities');
const searches = integration('bad-searches');
const messages = integration('attack-messages');
const attacks = integration('attacks');
const rest = integration('rest-attacks');
const restRaw = integration('rest-raw');
const wrong = integration('client-wrong');
const walk = integration('users-walk');
const day = integration('users-day');
const outlived = integration('iterators-outlived');
const confined = integration('import-confined');
const names = 'src/roles/data-node/import/import-files.test.ts';
const formats = 'src/roles/data-node/import/import-formats.test.ts';
const journal = 'src/roles/data-coord/imports/import-journal.test.ts';

type Row = readonly [input: string, file: string, words: string];
const topics: Readonly<Record<string, readonly Row[]>> = {
  transport: [
    ['random bytes', attacks, "['noise'"],
    ['a message shorter than its length', messages, 'shorter than its length'],
    ['a length of 4 GB', messages, 'of 4 GB, it says'],
    ['bombs of gzip and deflate', messages, 'of a bomb of deflate'],
    ['more than the largest message', messages, 'of 65 MB, it says'],
    ['a message of nothing', messages, "['of nothing'"],
    ['fields there are not', identities, 'a field there is not, of every wire type'],
    ['a field of the wrong wire type', messages, 'with a field of the wrong kind'],
    ['100,000 messages in each other', messages, 'nested 100000 deep'],
    ['numbers packed and not', identities, 'numbers that are packed, and numbers that are not'],
    ['numbers without an end', messages, 'with a number that does not end'],
    ['texts that are no UTF-8', messages, 'with a text that is no UTF-8'],
    ['a million elements', messages, 'with a million empty elements'],
    ['headers beyond 16 KB', messages, 'more than 16 KB'],
    ['pseudo-headers twice', messages, "'two paths'"],
    ['binary headers of garbage', messages, 'x-garbage-bin'],
    ['rapid resets', attacks, 'streams that are opened and reset'],
    ['floods of continuations', attacks, 'continuations that never end'],
    ['floods of pings', attacks, 'pings whose answers nobody reads'],
    ['requests hidden in requests', messages, 'a request that is hidden behind'],
    ['JSON with a key twice', rest, ',"a":1,"a":2'],
    ['keys of the prototype', rest, '"__proto__":{"limit":1}'],
    ['1e308, -0, 2^53 + 1, 1e400', cases, '[1e308, -0, 9007199254740993, 1e400]'],
    ['1e400 as a limit', rest, '"limit":1e400'],
    ['NaN as a word', rest, '[1,NaN]'],
    ['half characters', integration('half-characters'), 'not valid UTF-8'],
    ['bodies beyond the limit', restRaw, 'a body that is too large'],
    ['bodies nested without end', restRaw, "'['.repeat(500_000)"],
    ['a mark of the byte order', rest, '\\ufeff{'],
    ['something behind a body', rest, '{"collectionName":"c"}{"collectionName":"c"}'],
    ['another content type', rest, 'text/xml'],
    ['another character set', rest, 'charset=utf-16'],
  ],
  identity: [
    ['forged sources', walk, '@@milvus-member@@'],
    ['no, empty, garbled or wrong credentials', walk, 'is for nobody who does not show who they are'],
    ['credentials that are too long', walk, "'x'.repeat(5000)"],
    ['the password of a new root', integration('root-password'), 'nor where somebody set that one again'],
    ['names with NUL, colon, slash, dots, look-alikes, 10,000 letters', identities, "['a:b'"],
    ['a token after its password changed', identities, 'the old one opens nothing'],
    ['a token of a user that was dropped', identities, 'what comes after it under its name is another'],
    ['a role that goes while somebody reads', identities, 'the next page is refused'],
    ['names in other letters', identities, 'count as they are written'],
    ['a database in the header and in the body', identities, 'a database that is named twice'],
    ['grants and names that move', day, 'grants go with what they name'],
    ['grants and names that come', day, 'a grant waits for its name'],
    ['guesses of a password', 'src/roles/proxy/users/authentication.test.ts', 'stops who guesses'],
  ],
  'names and schema': [
    ['no name', cases, "['', 'collection name should not be empty'"],
    ['256 letters', cases, "'a'.repeat(256)"],
    ['a digit first', cases, "['1a', 'the first character"],
    ['$meta', cases, "['$meta', 'The first character'"],
    ['RowID, Timestamp', cases, 'Timestamp is keyword in milvus'],
    ['dots and slashes', cases, "['a/b'"],
    ['encoded dots', cases, "['%2e%2e'"],
    ['devices of Windows', cases, "['AUX'"],
    ['emoji', cases, 'smile😀'],
    ['from right to left', cases, '\\u202eabc'],
    ['no vectors', cases, "['no vector'"],
    ['100 vectors', cases, "'a hundred vectors'"],
    ['dim 0', wrong, "['dim 0'"],
    ['dim 1', cases, "['dim 1'"],
    ['dim 32769 and 2^31', cases, "['dim 2^31'"],
    ['odd dim of binary', cases, 'dim of binary that is no whole bytes'],
    ['max_length 0 and 65536', cases, "['max_length 65536'"],
    ['max_capacity 4097', cases, "['max_capacity 4097'"],
    ['a default of another type', cases, 'a default of another type'],
    ['two keys', cases, "['two keys'"],
    ['a nullable key', cases, "['a nullable key'"],
    ['functions without input', 'src/model/functions/schema-functions.test.ts', "['no input'"],
    [
      'functions of what is no text',
      'src/model/functions/schema-functions.test.ts',
      "inputFieldNames: ['number']",
    ],
    ['100,000 partitions', cases, '100,000 partitions'],
    ['0, 17 and 2^31 shards', cases, '2^31 - 1 shards'],
  ],
  data: [
    ['NaN and infinities in vectors', cases, 'a bfloat16 that is infinite'],
    ['NaN and infinities in numbers', cases, 'a Float that is infinite'],
    ['denormals', cases, "['denormals'"],
    ['a zero vector and COSINE', cases, 'a zero vector under COSINE'],
    ['a length in bytes that does not fit', wrong, 'a vector cut short'],
    ['columns of different lengths', writes, "['a number too many'"],
    ['more rows said than sent', writes, '4 Gi rows, and columns of one'],
    ['no rows', writes, 'no rows, and columns of none'],
    ['a key twice', writes, 'takes a key twice: its last row is the row'],
    ['a key twice, on every path', integration('client-answers'), 'are one, the newest, on every path'],
    ['a key twice, in imports, compacted, restarted', integration('duplicate-keys'), 'imported_over'],
    ['keys at the ends of Int64', writes, 'takes keys at the ends of Int64'],
    ['NUL in a key', writes, 'takes NUL and odd characters in a key'],
    ['JSON beyond 65,536 bytes', cases, 'JSON too large'],
    ['keys with dots, quotes and brackets', cases, 'JSON with odd keys'],
    ['JSON without an end of depth', cases, 'JSON, very deep'],
    ['sparse vectors that break their rules', cases, 'sparse, index 2^32 - 1'],
    ['sparse vectors of nothing', cases, 'sparse, empty'],
    ['geometries that are none', cases, 'a point without y'],
    ['years 0 and 10000', cases, 'the year 10000'],
    ['leap seconds', cases, 'a leap second'],
    ['zones that are none', cases, 'a zone of 99 hours'],
    ['dynamic keys that shadow fields', cases, 'a dynamic field of the name of a field'],
  ],
  search: [
    ['no queries', searches, "['no vectors'"],
    ['as many queries as there may be', searches, 'as many vectors as a search may have'],
    ['one more', searches, 'too many vectors'],
    ['topk 0, -1 and 16385', searches, "['topk 16385'"],
    ['a window beyond 16384', searches, 'a window too large'],
    ['limits beyond all numbers', writes, 'limit 2^64'],
    ['a group of nothing', searches, "'no placeholders'"],
    ['a group that is cut', searches, 'a group cut off'],
    ['another type of query', searches, "'another type'"],
    ['ef -1', searches, "['ef -1'"],
    ['nprobe 1e9', searches, "['nprobe 1e9'"],
    ['ef below k', 'src/model/params/vector-search-params.test.ts', 'ef(9) should be larger than k(10)'],
    ['a range turned round', searches, 'a range turned round'],
    ['groups of 0', searches, "['group_size 0'"],
    ['a metric there is not', searches, 'no such metric'],
    ['a ranker there is not', searches, 'a ranker of nobody'],
    ['weights that are NaN, negative, too few', searches, 'a negative weight'],
    ['iterators after a truncate, a release, a drop', outlived, 'was released, and dropped'],
    ['iterators after a restart', outlived, 'fail where a restart came after the truncate'],
    ['a time far ahead', integration('drops'), 'one far ahead ends with the deadline'],
    ['no such partition', searches, 'no such partition'],
    ['partitions that are released and dropped', integration('client-answers'), 'released or dropped'],
    ['collections that are renamed', integration('rename'), 'index, load and aliases stay'],
  ],
  expressions: [
    ['or 1 == 1', cases, 'or 1 == 1'],
    ['brackets without an end', cases, "['(id == 1'"],
    ['quotes without an end', cases, "['id == \"'"],
    ['a megabyte', cases, 'a megabyte of or'],
    ['100,000 brackets', cases, '100,000 brackets'],
    ['a million values', writes, "['a million numbers'"],
    ['a million texts', writes, "['a million texts'"],
    ['one more than a million', writes, 'a million numbers and one'],
    ['like of nothing but %', cases, 'like with 60,000 %'],
    ['regular expressions that run away', cases, '(a+)+$'],
    ['numbers beyond 64 bits', cases, 'int64 overflow'],
    ['a division by zero', cases, 'id % 0 == 1'],
    ['a path of 1,000 steps', cases, 'a path of 1,000 steps'],
    ['comments and ends of statements', cases, 'id == 1 /* all */'],
    ['escapes', cases, '\\\\u0000'],
    ['a template that is missing', writes, "['none of that name'"],
    ['a template that is not used', writes, 'one that the filter does not use'],
    ['a template of another type', writes, 'a text for a number'],
    ['a filter inside a template', writes, 'a filter in a text'],
    ['not, 100,000 times', cases, 'not, 100,000 times'],
    ['comparisons of two types', cases, "['name == 1'"],
    ['text_match without an analyzer', cases, 'text_match(name, "a")'],
    ['a polygon of 100,000 corners', cases, 'a polygon of 100,000 corners'],
    ['cost by size', writes, 'what a request costs grows no faster than its size'],
  ],
  'import and backup': [
    ['paths that climb', names, '../f.json'],
    ['encoded paths', names, 'a/%2e%2e%5cf.json'],
    ['links', confined, 'link.json'],
    ['a name that changes while it is read', confined, 'a name that changes all the time'],
    ['files that are empty, cut, of other types', formats, 'damaged anywhere is refused with a reason'],
    ['bombs', formats, 'end when they unpack to more than a file may have'],
    ['NumPy with objects', formats, 'NumPy'],
    ['a line without an end', 'src/segment/imports/csv-splitter.test.ts', 'of more than 32 MiB are refused'],
    ['the same job twice', journal, 'one key is one job for a day'],
    ['a cancel at each stage', journal, 'a cancel that comes between the commit and its end'],
    ['a death at each write', 'src/roles/data-coord/imports/import-jobs.test.ts', 'killed at any write'],
    ['a backup that is no such', 'src/model/rights/users-record.test.ts', 'or not at all'],
  ],
  load: [
    ['300 writers', integration('storms'), 'of 300 writers'],
    ['flushes', integration('storms'), 'of flushes without anything to flush'],
    ['collections made and dropped', integration('storms'), 'made and dropped under one name'],
    ['load and release', integration('memory'), 'load and release, again and again'],
    ['pings without calls', integration('http2-wire'), 'pings without calls are welcome'],
    ['pings of grpc-js', integration('keepalive'), 'a client of grpc-js that pings without calls'],
    ['slow peers', attacks, 'a hundred slow peers'],
  ],
};

const rows = Object.entries(topics).flatMap(([topic, all]) =>
  all.map(([input, file, words]) => [topic, input, file, words] as const),
);

it.each(rows)('%s: %s', async (_topic, _input, file, words) => {
  expect(await readFile(file, 'utf8')).toContain(words);
});
