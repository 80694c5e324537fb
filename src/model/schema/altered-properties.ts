// What a request that changes properties asks for: checked as a whole, and two keys of collections that are no properties but parts of the
// collection, by the names under which Milvus takes them.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';

const DESCRIPTION = 'collection.description';
const CONSISTENCY_LEVEL = 'consistency_level';
const DYNAMIC_FIELD = 'dynamicfield.enabled';
const LEVELS: readonly string[] = ['Strong', 'Session', 'Bounded', 'Eventually', 'Customized'];
const KEYS_MAX = 256;
const BYTES_MAX = 65_536;

export interface SplitProperties {
  readonly properties: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly consistencyLevel?: number;
}

/** @throws invalid_parameter */
export function splitCollectionProperties(changed: Readonly<Record<string, string>>): SplitProperties {
  const { [DESCRIPTION]: description, [CONSISTENCY_LEVEL]: level, ...properties } = changed;
  return {
    properties,
    ...(description !== undefined && { description }),
    ...(level !== undefined && { consistencyLevel: levelOf(level) }),
  };
}

function levelOf(text: string): number {
  const number = /^\d$/.test(text) ? Number(text) : LEVELS.indexOf(text);
  checkConsistencyLevel(number, text);
  return number;
}

/** Enums of the wire are open: a number that is no level would be kept, and shown to clients that have no name for it. @throws invalid_parameter */
export function checkConsistencyLevel(level: number, sent = String(level)): void {
  if (LEVELS[level] !== undefined) return;
  throw new ElanusError(
    'invalid_parameter',
    `invalid consistency level: ${sent.slice(0, 64)}, expected one of ${LEVELS.join(', ')}`,
  );
}

/**
 * Whether the dynamic field is asked for, which Milvus takes as a property although it changes the schema.
 * @throws invalid_parameter with Milvus's texts
 */
export function enablesDynamicField(properties: readonly KeyValuePair[]): boolean {
  const wanted = properties
    .find(({ key }) => key === DYNAMIC_FIELD)
    ?.value.trim()
    .toLowerCase();
  if (wanted === undefined) return false;
  const refuse = (text: string): never => {
    throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
  };
  if (properties.length > 1) refuse('cannot alter dynamic schema with other properties at the same time');
  if (['false', '0', 'f'].includes(wanted)) refuse('dynamic schema cannot supported to be disabled');
  if (!['true', '1', 't'].includes(wanted))
    refuse(`invalid dynamic schema property value: ${wanted.slice(0, 64)}, expected true`);
  return true;
}

/** Either properties or keys to delete, not both. @param what as the sentence names it. @throws invalid_parameter */
export function checkAlteration(
  what: 'collection' | 'database',
  properties: readonly KeyValuePair[],
  deletedKeys: readonly string[],
): void {
  const refuse = (text: string): never => {
    throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
  };
  if (properties.length === 0 && deletedKeys.length === 0)
    refuse(`The ${what} properties to alter and keys to delete must not be empty at the same time`);
  if (properties.length > 0 && deletedKeys.length > 0)
    refuse('can not provide properties and deletekeys at the same time');
  if (properties.length > KEYS_MAX || deletedKeys.length > KEYS_MAX)
    refuse(
      `${Math.max(properties.length, deletedKeys.length)} properties in one request, the limit is ${KEYS_MAX}`,
    );
  const long = properties.find(({ key, value }) => key.length + value.length > BYTES_MAX);
  if (long !== undefined)
    refuse(`property ${long.key.slice(0, 64)} takes more than ${BYTES_MAX} characters; make it shorter`);
}
