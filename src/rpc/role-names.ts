// The roles a process can run.
export const roleNames = [
  'root-coord',
  'data-coord',
  'query-coord',
  'streaming-node',
  'data-node',
  'query-node',
  'proxy',
] as const;

export type RoleName = (typeof roleNames)[number];
export const isRoleName = (name: string): name is RoleName => (roleNames as readonly string[]).includes(name);
