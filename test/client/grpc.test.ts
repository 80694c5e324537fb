// The suite of the typed client over gRPC, against a server of this process.
import { connect } from '#client/connect.js';
import { open } from '#server/open.js';
import { clientSuite } from './suite.js';

clientSuite('gRPC', async () => {
  const elanus = await open(undefined, { logLevel: 'silent' });
  const client = connect(elanus.address);
  return {
    client,
    close: async () => {
      await client.close();
      await elanus.close();
    },
  };
});
