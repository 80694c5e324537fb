// What a class of errors is, written on the class: a program that a bundler put together may have several copies of it, and by the chain of
// prototypes alone `instanceof` of one copy would not know the errors of another.
export const ERROR_KIND: unique symbol = Symbol.for('elanus.error');

interface ErrorClass {
  readonly prototype: object;
  readonly [ERROR_KIND]: string;
}

/** What `instanceof` asks a class: whether the value is of this class or one below it, of this copy or another. */
export function isOfKind(errors: ErrorClass, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.prototype.isPrototypeOf.call(errors.prototype, value)) return true;
  // A class that a program made below one of ours has the kind of ours, and is nobody else's.
  if (!Object.hasOwn(errors, ERROR_KIND)) return false;
  for (let one: unknown = value.constructor; typeof one === 'function'; one = Object.getPrototypeOf(one))
    if (Object.hasOwn(one, ERROR_KIND) && Reflect.get(one, ERROR_KIND) === errors[ERROR_KIND]) return true;
  return false;
}
