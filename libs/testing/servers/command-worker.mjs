// A worker of an agent, in a process of its own: takes commands, and answers each with what it was given. It can be killed at any time.
//   command-worker.mjs <gateway> <key> <name>
const [gateway, key, name] = process.argv.slice(2);
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function ask(path, body) {
  try {
    const method = body === undefined ? 'GET' : 'POST';
    const response = await fetch(gateway + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 503, body: {} };
  }
}

async function answer({ id, payload }) {
  for (;;) {
    const { status, body } = await ask(`/v1/me/commands/${id}/result`, {
      status: 'completed',
      result: { n: payload.n, by: name },
    });
    // Another answer was first, perhaps this one's own, whose confirmation was lost.
    if (status === 200 || body.code === 'command.answered') return;
    if (status < 500) process.send?.({ refused: body });
    await pause(50);
  }
}

for (;;) {
  const { status, body } = await ask('/v1/me/commands?wait=5&limit=5&leaseSeconds=2');
  if (status !== 200) await pause(50);
  else {
    for (const command of body.data) {
      process.send?.({ took: command.id });
      await pause(30);
      await answer(command);
    }
  }
}
