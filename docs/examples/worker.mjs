// A worker of an agent: takes commands, checks who sent them, does them, answers.
//   npm install jose
//   URL=http://127.0.0.1:3000 KEY=mj_agent_… node worker.mjs
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { URL: gateway, KEY: key } = process.env;
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', gateway));

async function ask(path, body) {
  const response = await fetch(gateway + path, {
    headers,
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (response.ok) return answer.data;
  throw Object.assign(new Error(answer.detail), { code: answer.code, retryable: answer.retryable });
}

/** What a command asks for. Throw to fail it. */
async function perform(command, payload) {
  if (command !== 'add') throw Object.assign(new Error(`I cannot ${command}.`), { code: 'command.unknown' });
  return { sum: payload.a + payload.b };
}

const me = await ask('/v1/me');
for (;;) {
  try {
    for (const { id, proof } of await ask('/v1/me/commands?wait=20&limit=5')) {
      // What is signed is what counts: `sub` sent it, to `aud`, with this command and payload.
      const { payload: signed } = await jwtVerify(proof, keys, { issuer: 'agent-platform', audience: me.id });
      const answer = await perform(signed.command, signed.payload).then(
        (result) => ({ status: 'completed', result }),
        ({ code = 'command.failed', message }) => ({ status: 'failed', error: { code, detail: message } }),
      );
      await ask(`/v1/me/commands/${id}/result`, answer);
    }
  } catch (error) {
    // What was not answered comes again when its lease has ended.
    console.error(error.code ?? 'no connection', error.message);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
