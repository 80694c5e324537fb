// Entries of the maps of messages, as the generated decoders, and what makes messages of parts, put them into objects.
import { ElanusError } from './errors.js';

/** @throws invalid_parameter for the one key that an object does not take as its own: the entry would be lost without a word */
export function putEntry<T>(map: { [key: string]: T }, key: string, value: T): void {
  if (key === '__proto__')
    throw new ElanusError(
      'invalid_parameter',
      'a map of the request has the key __proto__, which nothing is called; choose another: invalid parameter',
    );
  map[key] = value;
}
