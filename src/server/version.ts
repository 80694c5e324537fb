// The version of this build, as package.json has it (a test keeps the two equal).
export const VERSION = '0.1.0';
/** What Milvus clients read as the server's version: the protocol line we speak. */
export const MILVUS_VERSION = 'v3.0.0-elanus-0.1.0';
