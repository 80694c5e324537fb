// How an endpoint is written: its path, what its body may say, the RPCs that it calls, and what it answers.
import type { z } from 'zod';
import type { Answer } from '#server/rest/answers/json-text.js';
import type { Request, RestCall, RestMethod } from './rest-calls.js';

/** What stands in an answer beside `code`. */
export type Members = { readonly data: Answer; readonly [member: string]: Answer | undefined };

export interface Endpoint {
  /** Behind `/v2/vectordb/`. */
  readonly path: string;
  readonly summary: string;
  readonly body: z.ZodObject;
  readonly calls: readonly RestMethod[];
  /** @param body as the schema has it */
  answer(body: unknown, call: RestCall): Promise<Members>;
}

interface Written<Body extends z.ZodObject> extends Omit<Endpoint, 'body' | 'answer'> {
  readonly body: Body;
  answer(body: z.output<Body>, call: RestCall): Promise<Answer | undefined | Whole>;
}

/** An answer that has more members than `data`. */
export class Whole {
  readonly members: Members;

  constructor(members: Members) {
    this.members = members;
  }
}

/** The handler gives `data`; nothing at all is an empty object, as clients expect. */
export const endpoint = <Body extends z.ZodObject>(written: Written<Body>): Endpoint => ({
  ...written,
  answer: async (body, call) => {
    const answer = await written.answer(body as z.output<Body>, call);
    if (answer instanceof Whole) return answer.members;
    return { data: answer ?? {} };
  },
});

/** An endpoint that is one RPC, and answers nothing but that it succeeded. */
export const command = <Body extends z.ZodObject, Method extends RestMethod>({
  rpc,
  request,
  ...written
}: Omit<Written<Body>, 'calls' | 'answer'> & {
  readonly rpc: Method;
  request(body: z.output<Body>, call: RestCall): Request<Method>;
}): Endpoint =>
  endpoint({
    ...written,
    calls: [rpc],
    answer: async (body: z.output<Body>, call: RestCall) => {
      await call.rpc(rpc, request(body, call));
      return undefined;
    },
  });
