// Files of models that the operator names, outside the data folder.
export interface ModelFileStore {
  /**
   * A file of a model, in shared memory.
   * @param source a folder, or the name of a package
   * @returns undefined where there is none
   */
  read(source: string, file: string): Promise<Uint8Array | undefined>;
}
