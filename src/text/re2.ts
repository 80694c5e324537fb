// The package of regular expressions, behind one function: a build makes a file of its own of it, read with the first expression (scripts/bundle.mjs).
import { RE2JS } from 're2js';

/** @throws for what is no regular expression */
export function compileRe2(source: string): RE2JS {
  return RE2JS.compile(source);
}
