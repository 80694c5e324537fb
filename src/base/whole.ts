// The mark of a message that has every field. It is light, as the typed client sets it too.

const WHOLE = Symbol('whole');
interface Markable {
  [WHOLE]?: object;
}

/** Marks a message that has every field, as the compiler checks: it goes on as it is, not as a copy with defaults filled in. */
export function whole<T extends object>(message: T): T {
  // A copy that gets the mark along with the fields is not the message that the mark names.
  (message as Markable)[WHOLE] = message;
  return message;
}

export const isWhole = (message: object): boolean => (message as Markable)[WHOLE] === message;
