// Two JSON objects as text, made one: the members of the second over those of the first. Values stay the text they are.
import { forEachMember } from './json-members.js';

/** @param old, given objects; an empty text counts as one without members */
export function mergeObjects(old: string, given: string): string {
  const members = new Map<string, string>();
  for (const text of [old, given])
    if (text.trim() !== '') forEachMember(text, (key, raw) => void members.set(key, raw.trim()));
  return `{${[...members].map(([key, raw]) => `${JSON.stringify(key)}:${raw}`).join(',')}}`;
}
