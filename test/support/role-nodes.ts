// Nodes of roles as a role under test sees them that does not care which there are.
import type { RoleNodes } from '#rpc/role-nodes.js';

export const anyNodes: RoleNodes = {
  of: () => [],
  asked: (role) => ({ name: `${role} 1`, silence: '' }),
  isAway: () => false,
  lookAgain: () => {},
  onChange: () => {},
};
