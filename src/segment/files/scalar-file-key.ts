// How the file of a scalar index is distinguished from others: by the last part of its key.
export const SCALAR_FILE = 'SCALAR';

export const isScalarIndexFile = (key: string): boolean => key.endsWith(`/${SCALAR_FILE}`);
