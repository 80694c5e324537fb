// The suite of the typed client without a socket: in the thread of the database, and over a port as threads of a program have it.
import { clientOver, connectPort } from '#client/connect.js';
import { open } from '#server/open.js';
import { clientSuite } from './suite.js';

clientSuite('in process', async () => {
  const elanus = await open(undefined, { logLevel: 'silent', listen: false });
  return { client: elanus.client(), close: () => elanus.close() };
});

clientSuite('in process, over the transport that a bundle takes', async () => {
  const elanus = await open(undefined, { logLevel: 'silent', listen: false });
  return { client: clientOver(elanus.transport()), close: () => elanus.close() };
});

clientSuite('over a port', async () => {
  const elanus = await open(undefined, { logLevel: 'silent', listen: false });
  const client = connectPort(elanus.callPort());
  const close = async () => {
    await client.close();
    await elanus.close();
  };
  return { client, close };
});
