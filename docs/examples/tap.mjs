// A tap: prints every event of the platform, one a line.
//
//   node docs/examples/tap.mjs                                  from now on
//   node docs/examples/tap.mjs --since 2026-11-24T09:30:00Z     first what has come since then, at most a day ago
//
// Where NATS is stands in urls.json, which npm start writes to its data folder (DATA_DIR, default .data).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, DeliverPolicy } from 'nats';

const [option, since] = process.argv.slice(2);
const { nats } = JSON.parse(readFileSync(join(process.env.DATA_DIR ?? '.data', 'urls.json'), 'utf8'));
const { host, username, password } = new URL(nats);
const connection = await connect({
  servers: host,
  user: username,
  pass: decodeURIComponent(password),
  // The one inbox that this user may listen to.
  inboxPrefix: `_INBOX.${username}`,
  maxReconnectAttempts: -1,
});
process.once('SIGINT', () => void connection.drain());

const events = option === '--since' ? await eventsSince(since) : connection.subscribe('events.>');
await connection.flush();
console.error(`reading ${host}`);
for await (const message of events) console.log(message.string());

/** An ordered consumer: it leaves nothing behind on the server, and goes on by itself after a reconnection. */
async function eventsSince(time) {
  const consumer = await connection.jetstream().consumers.get('EVENTS', {
    filterSubjects: 'events.>',
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(time).toISOString(),
  });
  return consumer.consume();
}
