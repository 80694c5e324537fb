// Packages that analyzers use where they are asked for: stems and lists of stop words, which come with the product, and dictionaries, which
// users install. They are loaded by the outside world, when the first analyzer needs one, so nobody else pays for them.
import { ElanusError } from '#base/errors.js';

/** Loads a package by its name. @throws where there is none */
export type LoadPackage = (name: string) => unknown;

let load: LoadPackage | undefined;

/** Called once in each thread that analyzes texts, by the platform. */
export function setTextPackages(loader: LoadPackage): void {
  load = loader;
}

/** @throws unsupported, with what to install */
export function textPackage(name: string, wanted: string): unknown {
  try {
    if (load === undefined) throw new Error('this platform loads no packages');
    return load(name);
  } catch (cause) {
    throw new ElanusError(
      'unsupported',
      `${wanted} needs the package ${name}, which cannot be loaded; install it beside elanus: npm install ${packageOf(name)}`,
      { cause },
    );
  }
}

const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

/** A property of a loaded package, which is of unknown shape. */
export function memberOf(loaded: unknown, name: string): unknown {
  if ((typeof loaded !== 'object' && typeof loaded !== 'function') || loaded === null) return undefined;
  return Reflect.get(loaded, name);
}

/** Calls a function of a loaded package. @throws unsupported where it has none of this name: it is of another version */
export function callMember(loaded: unknown, name: string, ...args: readonly unknown[]): unknown {
  const member = memberOf(loaded, name);
  if (typeof member !== 'function')
    throw new ElanusError(
      'unsupported',
      `the package has no function ${name}; install another version of it`,
    );
  return Reflect.apply(member, loaded, args);
}
