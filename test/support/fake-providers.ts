// A service outside that speaks the shapes of all providers, by the path that it is asked at: vectors that depend on the letters of a text, and
// scores of documents by the letters that they share with a query. What it was asked is kept; it can be made to fail.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const EMBEDDING_DIM = 8;

/** Texts with the same letters have the same vector; whole numbers, so that they fit int8 too. */
export function letterVector(text: string): number[] {
  const vector = new Array<number>(EMBEDDING_DIM).fill(0);
  for (const letter of text.toLowerCase().replaceAll(/[^a-z]/g, '')) {
    const place = letter.charCodeAt(0) % EMBEDDING_DIM;
    vector[place] = Math.min(127, (vector[place] ?? 0) + 1);
  }
  return vector;
}

const sharedLetters = (query: string, text: string): number =>
  [...new Set(query)].filter((letter) => text.includes(letter)).length / 32;

interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, which the test knows
  readonly body: any;
}
type Answer = (body: Asked['body']) => unknown;

const vectors = (texts: readonly string[]): number[][] => texts.map(letterVector);
/** Backwards, as services may answer in any order. */
const indexed = (values: readonly unknown[], key: string, indexKey = 'index'): unknown[] =>
  values.map((value, at) => ({ [indexKey]: at, [key]: value })).reverse();
const scored = (query: string, texts: readonly string[], key: string): unknown[] =>
  indexed(
    texts.map((text) => sharedLetters(query, text)),
    key,
  );

const answers: readonly (readonly [RegExp, Answer])[] = [
  [/^\/(?:openai|voyage|silicon)$/, (body) => ({ data: indexed(vectors(body.input), 'embedding') })],
  [
    /^\/azure\/openai\/deployments\/small\/embeddings\?api-version=/,
    (body) => ({ data: indexed(vectors(body.input), 'embedding') }),
  ],
  [/^\/cohere$/, (body) => ({ embeddings: { [body.embedding_types[0]]: vectors(body.texts) } })],
  [/^\/tei\/embed$/, (body) => vectors(body.inputs)],
  [/^\/hf\/hf-inference\/models\/org\/small\/pipeline\/feature-extraction$/, (body) => vectors(body.inputs)],
  [
    /^\/dash$/,
    (body) => ({ output: { embeddings: indexed(vectors(body.input.texts), 'embedding', 'text_index') } }),
  ],
  [
    /^\/gemini\/v1beta\/models\/small:batchEmbedContents$/,
    (body) => ({
      embeddings: body.requests.map((one: { content: { parts: { text: string }[] } }) => ({
        values: letterVector(one.content.parts[0]?.text ?? ''),
      })),
    }),
  ],
  [/^\/rerank-tei\/rerank$/, (body) => scored(body.query, body.texts, 'score')],
  [
    /^\/(?:rerank-vllm\/rerank|rerank-cohere|rerank-silicon)$/,
    (body) => ({ results: scored(body.query, body.documents, 'relevance_score') }),
  ],
  [/^\/rerank-voyage$/, (body) => ({ data: scored(body.query, body.documents, 'relevance_score') })],
  [
    /^\/rerank-ali$/,
    (body) => ({ output: { results: scored(body.input.query, body.input.documents, 'relevance_score') } }),
  ],
  [
    /^\/rerank-hf\/hf-inference\/models\/org\/small\/pipeline\/sentence-similarity$/,
    (body) => body.inputs.sentences.map((text: string) => sharedLetters(body.inputs.source_sentence, text)),
  ],
];

export interface FakeProviders {
  readonly url: string;
  readonly asked: Asked[];
  /** What the next requests are answered instead, one each. */
  readonly failures: { readonly status: number; readonly body: string; readonly headers?: object }[];
  /** Bodies that are refused (400), as long as it says so. */
  refuses: ((body: Asked['body']) => boolean) | undefined;
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<Asked['body']> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

export async function openFakeProviders(): Promise<FakeProviders> {
  const asked: Asked[] = [];
  const failures: FakeProviders['failures'] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? '';
      const body = await bodyOf(request);
      asked.push({ path, headers: request.headers, body });
      const isRefused = providers.refuses?.(body) === true;
      const failure = isRefused ? { status: 400, body: '{"error":"refused"}' } : failures.shift();
      if (failure !== undefined) {
        response
          .writeHead(failure.status, 'headers' in failure ? { ...failure.headers } : {})
          .end(failure.body);
        return;
      }
      const answer = answers.find(([pattern]) => pattern.test(path))?.[1];
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer === undefined ? { error: 'no such path' } : answer(body)));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const providers: FakeProviders = {
    refuses: undefined,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    failures,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return providers;
}
