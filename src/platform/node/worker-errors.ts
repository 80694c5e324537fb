// How tasks of compute threads fail.
import { ElanusError, type ErrorKey, errorSpecs } from '#base/errors.js';
import type { SentError } from './worker-entry.js';

export const gone = (): ElanusError =>
  new ElanusError('service_unavailable', 'the workers were closed: open the database again');

export const lost = (task: string, reason: string): ElanusError =>
  new ElanusError('internal', `task ${task}: its thread ended (${reason}); a new thread takes over: retry`);

export const cancelled = (task: string): ElanusError =>
  new ElanusError('cancelled', `task ${task}: cancelled before it started`);

export function rebuilt(error: SentError): Error {
  const known = error.key !== undefined && Object.hasOwn(errorSpecs, error.key);
  const result = known ? new ElanusError(error.key as ErrorKey, error.message) : new Error(error.message);
  if (error.stack !== undefined) result.stack = error.stack;
  return result;
}
