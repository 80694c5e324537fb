// What an answer of HTTP may hold, and the answers that say that something did not fit.
import { type ErrorKey, errorSpecs } from '#base/errors.js';
import type { HttpResponse } from '#platform/transport.js';
import type { Charge } from './held-bytes.js';

/** Text up to so many characters goes out in one piece with the headers; longer text would be copied to join them. */
const JOINED_LENGTH_MAX = 16 * 1024;

/** An answer that there is room for, and the length of its body in bytes. */
export interface FittingAnswer {
  readonly answer: HttpResponse;
  readonly length: number;
}

export const textAnswer = (status: number, body: string): HttpResponse => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});

/** In the form of REST, where most bodies go. */
export const refusal = (status: number, key: ErrorKey, message: string): HttpResponse => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify({ code: errorSpecs[key].code, message }),
});

/** What the body of the request held, the answer holds until it is read; where that does not fit, a refusal is answered. */
export function fitting(answer: HttpResponse, charge: Charge, bytesMax: number): FittingAnswer {
  const body = sendable(answer.body);
  const length = Buffer.byteLength(body);
  if (length > bytesMax)
    return measured(
      refusal(
        200,
        'parameter_too_large',
        `the answer has ${length} bytes, at most ${bytesMax} are sent: ask for fewer rows or fields`,
      ),
    );
  if (charge.resize(length)) return { answer: body === answer.body ? answer : { ...answer, body }, length };
  return measured(
    refusal(
      429,
      'queue_full',
      `there is no room for an answer of ${length} bytes now: ask again in a moment`,
    ),
  );
}

const measured = (answer: HttpResponse): FittingAnswer => ({
  answer,
  length: Buffer.byteLength(answer.body),
});

const sendable = (body: string | Uint8Array): string | Uint8Array =>
  typeof body === 'string' && body.length > JOINED_LENGTH_MAX ? Buffer.from(body) : body;
