// Starts a run of a workflow and watches it over WebSocket until it ends.
//   npm install graphql graphql-ws ws
//   URL=http://127.0.0.1:3000 KEY=mj_agent_… node watch-run.mjs
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const { URL: gateway, KEY: key } = process.env;
const authorization = `Bearer ${key}`;

async function ask(query, variables) {
  const response = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors, detail } = await response.json();
  if (errors || detail) throw new Error(detail ?? errors[0].message);
  return data;
}

const definition = {
  name: `watched-${Date.now()}`,
  steps: [
    { id: 'greet', type: 'transform', with: { value: 'Hello ${{ input.name }}' } },
    { id: 'pause', type: 'wait', with: { duration: '1s' } },
  ],
  output: '${{ steps.greet.output }}',
};
const { workflowCreate } = await ask('mutation ($d: JSON!) { workflowCreate(definition: $d) { id } }', {
  d: definition,
});
const { workflowExecute } = await ask(
  'mutation ($id: ID!, $in: JSON) { workflowExecute(id: $id, input: $in) { id } }',
  {
    id: workflowCreate.id,
    in: { name: 'Ada' },
  },
);

const client = createClient({
  url: `${gateway.replace('http', 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});
const query = 'subscription ($id: ID!) { runProgress(id: $id) { event run { status output } step { id status } } }';
for await (const { data, errors } of client.iterate({ query, variables: workflowExecute })) {
  if (errors) throw new Error(errors[0].message);
  const { event, run, step } = data.runProgress;
  if (step) console.log(`  ${step.id}: ${step.status}`);
  if (event === 'end') console.log(`${run.status}: ${JSON.stringify(run.output)}`);
}
await client.dispose();
