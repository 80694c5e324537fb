// Requests to services outside, by the runtime's fetch.
import { ElanusError, messageOf } from '#base/errors.js';
import type { HttpClient, OutboundRequest, OutboundResponse } from '#platform/outside/http-client.js';

export const nodeHttpClient: HttpClient = {
  async post(request, signal) {
    const { url, headers, body } = request;
    try {
      const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await readBody(response, request),
      };
    } catch (error) {
      if (error instanceof ElanusError) throw error;
      signal.throwIfAborted();
      throw new ElanusError('service_unavailable', `${originOf(url)} gave no answer: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  },
};

/** What fetch says is "fetch failed"; why is in its cause. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);

/** A path may name what is nobody else's matter. */
const originOf = (url: string): string => new URL(url).origin;

async function readBody(
  { body }: Response,
  { url, answerBytesMax }: OutboundRequest,
): Promise<OutboundResponse['body']> {
  if (body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > answerBytesMax) {
      await reader.cancel();
      throw new ElanusError(
        'function_failed',
        `${originOf(url)} answered more than ${answerBytesMax} bytes; ask for fewer texts at once`,
      );
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
