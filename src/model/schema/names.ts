// Checks of the names a client may choose. The texts are Milvus's own: its test suites compare them.
// A name starts with a letter or `_`, goes on with letters, digits and `_`, and has at most 255 characters.
import { ElanusError } from '#base/errors.js';

export type NameKind = 'database' | 'collection' | 'alias' | 'partition' | 'field' | 'index';
const NAME_LENGTH_MAX = 255;

interface NameSpec {
  /** How the thing is called in front of the bad name. */
  readonly label: string;
  /** How it is called inside the sentence, with its article. */
  readonly noun: string;
  readonly article: 'a' | 'an';
  readonly key: 'invalid_parameter' | 'invalid_database_name' | 'refused';
  /** Milvus writes some of these sentences with a capital. */
  readonly isCapital: boolean;
}

const nameSpecs = {
  database: {
    label: 'database name',
    noun: 'database name',
    article: 'a',
    key: 'invalid_database_name',
    isCapital: false,
  },
  collection: {
    label: 'collection name',
    noun: 'collection name',
    article: 'a',
    key: 'invalid_parameter',
    isCapital: false,
  },
  alias: {
    label: 'collection alias',
    noun: 'collection alias',
    article: 'a',
    key: 'invalid_parameter',
    isCapital: false,
  },
  partition: {
    label: 'partition name',
    noun: 'partition name',
    article: 'a',
    key: 'refused',
    isCapital: true,
  },
  field: { label: 'field name', noun: 'field name', article: 'a', key: 'invalid_parameter', isCapital: true },
  index: {
    label: 'index name',
    noun: 'index name',
    article: 'an',
    key: 'invalid_parameter',
    isCapital: true,
  },
} as const satisfies Record<NameKind, NameSpec>;

/** Words of the filter language and names of system columns: a field called so could not be addressed. */
const fieldKeywords: ReadonlySet<string> = new Set([
  'RowID',
  'Timestamp',
  'like',
  'LIKE',
  'exists',
  'EXISTS',
  'and',
  'AND',
  'or',
  'OR',
  'not',
  'NOT',
  'in',
  'IN',
  'is',
  'IS',
  'null',
  'NULL',
  'true',
  'True',
  'TRUE',
  'false',
  'False',
  'FALSE',
  'json_contains',
  'JSON_CONTAINS',
  'json_contains_all',
  'JSON_CONTAINS_ALL',
  'json_contains_any',
  'JSON_CONTAINS_ANY',
  'array_contains',
  'ARRAY_CONTAINS',
  'array_contains_all',
  'ARRAY_CONTAINS_ALL',
  'array_contains_any',
  'ARRAY_CONTAINS_ANY',
  'array_length',
  'ARRAY_LENGTH',
]);

/** @throws invalid_parameter (partitions: refused; databases: invalid_database_name). An empty index name is fine: the server then picks one. */
export function checkName(kind: NameKind, name: string): void {
  const spec: NameSpec = nameSpecs[kind];
  if (name.trim() === '') {
    if (kind === 'index') return;
    throw new ElanusError(
      spec.key,
      kind === 'partition'
        ? `Invalid partition name: ${name}. Partition name should not be empty.`
        : `${spec.noun} should not be empty`,
    );
  }
  const the = spec.isCapital ? 'The' : 'the';
  const noun = spec.isCapital ? `${spec.noun.charAt(0).toUpperCase()}${spec.noun.slice(1)}` : spec.noun;
  const refuse = (rule: string): never => {
    throw new ElanusError(spec.key, `Invalid ${spec.label}: ${name}. ${rule}`);
  };
  if (name.length > NAME_LENGTH_MAX)
    refuse(`${the} length of ${spec.article} ${spec.noun} must be less than ${NAME_LENGTH_MAX} characters`);
  if (!/^[A-Za-z_]/.test(name))
    refuse(`${the} first character of ${spec.article} ${spec.noun} must be an underscore or letter`);
  if (!/^\w+$/.test(name)) refuse(`${noun} can only contain numbers, letters and underscores`);
  if (kind === 'field' && fieldKeywords.has(name)) refuse(`${name} is keyword in milvus.`);
}
