// What goes wrong in a REST call, with the codes that only REST has. Whatever an RPC answers keeps its own code and text.

/** Codes of REST alone; all others are those of the RPCs. */
export const restCodes = {
  not_authenticated: 1800,
  not_json: 1801,
  missing_parameter: 1802,
  bad_schema: 1803,
  bad_rows: 1804,
} as const;

export class RestFailure extends Error {
  override readonly name = 'RestFailure';
  readonly code: number;
  /** Status of HTTP: 200 for whatever was understood as a call, as clients of Milvus expect. */
  readonly status: number;
  /** The method that the path is served for, where another one was used. */
  readonly allow: string | undefined;

  /** @param how the status, with what is beside it */
  constructor(
    code: number,
    message: string,
    how: number | { readonly status: number; readonly allow: string } = 200,
  ) {
    super(message);
    this.code = code;
    this.status = typeof how === 'number' ? how : how.status;
    this.allow = typeof how === 'number' ? undefined : how.allow;
  }
}

export const notJson = (text: string): never => {
  throw new RestFailure(restCodes.not_json, `can only accept json format request, error: ${text}`);
};

export const missing = (text: string): never => {
  throw new RestFailure(restCodes.missing_parameter, `missing required parameters, error: ${text}`);
};
