// Tags of users: names and values that administrators note beside a user, and find users by.
import { ElanusError } from '#base/errors.js';
import type { UserRecord } from '#proto/elanus/data.js';

const TAGS_MAX = 50;
const KEY_LENGTH_MAX = 255;
const VALUE_LENGTH_MAX = 1024;

const refuse = (fact: string): ElanusError =>
  new ElanusError('invalid_parameter', `${fact}: invalid parameter`);

/**
 * The tags of a user after some were set, over those that are there, and some deleted. One that is not there is gone already.
 * @throws invalid_parameter
 */
export function changedTags(
  { name, tags }: UserRecord,
  set: Readonly<Record<string, string>>,
  deletedKeys: readonly string[],
): Record<string, string> {
  for (const [key, value] of Object.entries(set)) checkTag(key, value);
  const left = Object.entries({ ...tags, ...set }).filter(([key]) => !deletedKeys.includes(key));
  if (left.length > TAGS_MAX)
    throw refuse(`user ${name} would have ${left.length} tags, expected at most ${TAGS_MAX}`);
  return Object.fromEntries(left);
}

function checkTag(key: string, value: string): void {
  if (key.trim() === '') throw refuse('the key of a tag is empty');
  if (key === '__proto__') throw refuse('the key of a tag is __proto__, which is no name');
  if (key.length > KEY_LENGTH_MAX)
    throw refuse(`the key of a tag has ${key.length} characters, expected at most ${KEY_LENGTH_MAX}`);
  if (value.length > VALUE_LENGTH_MAX)
    throw refuse(
      `the value of tag ${JSON.stringify(key.slice(0, 64))} has ${value.length} characters, expected at most ${VALUE_LENGTH_MAX}`,
    );
}

/** @param value empty: any value of that key */
export const usersWithTag = (users: readonly UserRecord[], key: string, value: string): string[] =>
  users
    .filter(({ tags }) => Object.hasOwn(tags, key) && (value === '' || tags[key] === value))
    .map(({ name }) => name);
