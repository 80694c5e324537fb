// Properties of collections and databases. Each that Milvus gives a meaning is listed: it works here, or is a hint that changes no answer
// and is kept to be shown, or it is refused. Keys that have no meaning for Milvus either are kept and shown, as Milvus does.
import { ElanusError } from '#base/errors.js';
import { checkCount, checkNumber, checkRate } from '#model/properties/limits.js';
import { checkModeName } from '#model/properties/namespaces.js';
import { checkZone } from '#model/time/timestamptz.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

const TTL_SECONDS_MAX = 3_155_760_000;
export const DEFAULT_RESOURCE_GROUP = '__default_resource_group';

/** Checks a value: returns what is wrong with it for us although Milvus takes it; throws what Milvus would say. */
type PropertyCheck = (
  value: string,
  schema: CollectionSchema | undefined,
  key?: string,
) => string | undefined;
interface PropertyRule {
  readonly key: RegExp;
  readonly check: PropertyCheck;
}

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

const kept: PropertyCheck = () => undefined;
const never =
  (why: string): PropertyCheck =>
  () =>
    why;
const flag = (value: string, key: string): boolean => {
  const word = value.trim().toLowerCase();
  if (['true', '1', 't'].includes(word)) return true;
  return ['false', '0', 'f'].includes(word)
    ? false
    : refuse(`property ${key} has the value ${value.slice(0, 64)}, expected true or false`);
};

const hintFlag =
  (key: string): PropertyCheck =>
  (value) => {
    flag(value, key);
    return undefined;
  };
const onlyFalse =
  (key: string, why: string): PropertyCheck =>
  (value) =>
    flag(value, key) ? why : undefined;
const only =
  (allowed: string, why: string): PropertyCheck =>
  (value) =>
    value.trim() === allowed ? undefined : why;

/** 0: no number of its own. */
const checkReplicas: PropertyCheck = (value) =>
  /^[01]$/.test(value.trim()) ? undefined : 'there is one replica';

const numberOf =
  (check: (key: string, value: string) => void): PropertyCheck =>
  (value, _schema, key = '') => {
    check(key, value);
    return undefined;
  };

const checkTtl: PropertyCheck = (value) => {
  if (!/^[+-]?\d{1,18}$/.test(value)) refuse('collection TTL is not a valid positive integer');
  const seconds = Number(value);
  if (seconds < -1 || seconds > TTL_SECONDS_MAX)
    refuse(`collection TTL is out of range, expect [-1, ${TTL_SECONDS_MAX}], got ${seconds}`);
  return undefined;
};

const checkTimezone: PropertyCheck = (value) => {
  checkZone(value);
  return undefined;
};

const checkMode: PropertyCheck = (value) => {
  checkModeName(value);
  return undefined;
};

const collectionRules: readonly PropertyRule[] = [
  { key: /^collection\.ttl\.seconds$/, check: checkTtl },
  // Which needs the schema and the other properties as they will be: `checkExpiry`.
  { key: /^ttl_field$/, check: kept },
  { key: /^timezone$/, check: checkTimezone },
  { key: /^allow_insert_auto_id$/, check: hintFlag('allow_insert_auto_id') },
  // Which needs the schema: `checkIsolation`.
  { key: /^partitionkey\.isolation$/, check: hintFlag('partitionkey.isolation') },
  { key: /^mmap\.enabled$/, check: hintFlag('mmap.enabled') },
  { key: /^lazyload\.enabled$/, check: hintFlag('lazyload.enabled') },
  { key: /^warmup\./, check: kept },
  { key: /^collection\.segment\.rowLimit$/, check: kept },
  { key: /^collection\.autocompaction\.enabled$/, check: hintFlag('collection.autocompaction.enabled') },
  { key: /^collection\.replica\.number$/, check: checkReplicas },
  {
    key: /^collection\.resource_groups$/,
    check: only(DEFAULT_RESOURCE_GROUP, 'there is one resource group'),
  },
  { key: /^collection\.\w+Rate\.(?:max|min)\./, check: numberOf(checkRate) },
  { key: /^collection\.diskProtection\.diskQuota\.mb$/, check: numberOf(checkNumber) },
  { key: /^dynamicfield\.enabled$/, check: never('the schema says whether there are dynamic fields') },
  {
    key: /^namespace\.enabled$/,
    check: onlyFalse('namespace.enabled', 'enable_namespace of the schema says whether there are namespaces'),
  },
  // Both need the schema: `checkNamespaces`.
  { key: /^namespace\.mode$/, check: checkMode },
  { key: /^namespace\.sharding\.enabled$/, check: hintFlag('namespace.sharding.enabled') },
  { key: /^(?:replicate|cipher)\./, check: never('neither replication nor encryption is supported') },
];
const databaseRules: readonly PropertyRule[] = [
  { key: /^timezone$/, check: checkTimezone },
  { key: /^database\.replica\.number$/, check: checkReplicas },
  { key: /^database\.resource_groups$/, check: only(DEFAULT_RESOURCE_GROUP, 'there is one resource group') },
  { key: /^database\.diskQuota\.mb$/, check: numberOf(checkNumber) },
  { key: /^database\.max\.collections$/, check: numberOf(checkCount) },
  {
    key: /^database\.force\.deny\.(?:reading|writing|ddl|collectionDDL|partitionDDL|index|flush|compaction)$/,
    check: hintFlag('database.force.deny'),
  },
  {
    key: /^database\.force\.deny\./,
    check: onlyFalse('database.force.deny', 'there are no such requests that could be denied by database'),
  },
  { key: /^(?:replicate|cipher)\./, check: never('neither replication nor encryption is supported') },
];

function checkAll(
  rules: readonly PropertyRule[],
  what: string,
  properties: readonly KeyValuePair[],
  schema?: CollectionSchema,
): void {
  const seen = new Set<string>();
  for (const { key, value } of properties) {
    if (seen.has(key)) refuse(`duplicated property key ${key.slice(0, 200)} of the ${what}; send it once`);
    seen.add(key);
    // Maps of this name would lose it.
    if (key === '__proto__') refuse(`property key ${key} of the ${what} is not valid; choose another`);
    const why = rules.find((rule) => rule.key.test(key))?.check(value, schema, key);
    if (why !== undefined) {
      throw new ElanusError(
        'unsupported',
        `${what} property ${key.slice(0, 200)} = ${value.slice(0, 64)} is not supported in this version: ${why}; leave the property out`,
      );
    }
  }
}

/** @throws invalid_parameter, unsupported */
export const checkCollectionProperties = (
  properties: readonly KeyValuePair[],
  schema?: CollectionSchema,
): void => checkAll(collectionRules, 'collection', properties, schema);
/** @throws invalid_parameter, unsupported */
export const checkDatabaseProperties = (properties: readonly KeyValuePair[]): void =>
  checkAll(databaseRules, 'database', properties);
