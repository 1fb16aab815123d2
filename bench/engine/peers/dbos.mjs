// DBOS Transact: a workflow function whose steps are recorded in `dbos.operation_outputs`, with a row for its start and end.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { each, serve } from '../serve.mjs';

const { url } = JSON.parse(process.argv[2]);
const step = async (n) => ({ n });
const three = DBOS.registerWorkflow(
  async (n) => {
    for (let i = 0; i < 3; i++) await DBOS.runStep(() => step(n), { name: `s${i}` });
    return n;
  },
  { name: 'three' },
);
const hundred = DBOS.registerWorkflow(
  async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => DBOS.runStep(() => step(i), { name: `b${i}` })));
  },
  { name: 'hundred' },
);
DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: url,
  systemDatabasePoolSize: 20,
  logLevel: 'error',
  runAdminServer: false,
});
await DBOS.launch();

const one = async (n = 0) => (await DBOS.startWorkflow(three)(n)).getResult();
serve({
  throughput: (count) => each(count, 100, one),
  one,
  fanOut: async () => (await DBOS.startWorkflow(hundred)()).getResult(),
  end: () => DBOS.shutdown(),
});
