// Which field of a message has a value that the protocol has no place for. Messages are not checked before they are worked on, as callers in
// TypeScript cannot give such values, and looking costs more than many calls; it is asked when a call has failed in a way that it must not.
import { messageOf } from '#base/errors.js';
import { codec, type MessageType } from '#rpc/service.js';

/** Longest text about one field. */
const SHOWN_MAX = 200;

/** @returns what is wrong with the first such field, undefined when all fit */
export function wrongField(type: unknown, message: object): string | undefined {
  const messages = codec(type);
  for (const [name, value] of Object.entries(message)) {
    const wrong = value === undefined ? undefined : wrongIn(messages, name, value);
    if (wrong !== undefined) return wrong.slice(0, SHOWN_MAX);
  }
  return undefined;
}

/** A message with this field alone goes to bytes and comes back: what it is then is what it should have been. */
function wrongIn(type: MessageType<object>, name: string, value: unknown): string | undefined {
  try {
    const sent = type.decode(type.encode({ ...type.fromPartial({}), [name]: value }).finish());
    return difference(name, value, Reflect.get(sent, name));
  } catch (error) {
    return `field "${name}" cannot be sent (${messageOf(error)})`;
  }
}

function difference(path: string, given: unknown, sent: unknown): string | undefined {
  const [is, expected] = [kindOf(given), kindOf(sent)];
  // What is as when it was not given is not sent, and a list of bytes may have come as a list of numbers.
  if (is === 'nothing') return undefined;
  if (is !== expected) return `field "${path}" is ${is}, expected ${expected}`;
  if (Array.isArray(given) && Array.isArray(sent)) {
    for (const [at, item] of given.entries()) {
      const wrong = at < sent.length ? difference(`${path}[${at}]`, item, sent[at]) : undefined;
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if (is !== 'an object') return undefined;
  for (const [name, value] of Object.entries(given as object)) {
    const wrong = difference(`${path}.${name}`, value, Reflect.get(sent as object, name));
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
