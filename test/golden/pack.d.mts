export function pack(folder: string, file: string): Promise<void>;
export function unpack(file: string, folder: string): Promise<void>;
