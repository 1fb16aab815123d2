import type { AgentWithFirstKey, CreateAgentRequest } from '@agent-platform/contracts';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { TestClient } from './client';

let counter = 0;

/** Registers an agent through the gateway, with a name of its own and a high rate limit unless another is given. */
export async function createTestAgent(
  admin: TestClient,
  wanted: Partial<CreateAgentRequest> = {},
): Promise<AgentWithFirstKey> {
  const name = `agent ${++counter} ${randomUUID().slice(0, 8)}`;
  const answer = await admin.post('/v1/agents', { name, type: 'tool', rateLimitRpm: 100_000, ...wanted });
  if (answer.status !== 201) throw new Error(`agent.create was answered with ${JSON.stringify(answer.body)}`);
  return answer.body.data as unknown as AgentWithFirstKey;
}

/** The headers of a signed request (SPEC section 3), written apart from the code that checks them. */
export function signatureHeaders(
  secret: string,
  method: string,
  path: string,
  body = '',
  options: { readonly timestamp?: string; readonly nonce?: string } = {},
): Record<string, string> {
  const { timestamp = String(Math.floor(Date.now() / 1000)), nonce = randomUUID() } = options;
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const text = ['v1', timestamp, nonce, method, path, bodyHash].join('\n');
  return {
    'x-agent-timestamp': timestamp,
    'x-agent-nonce': nonce,
    'x-agent-signature': `v1=${createHmac('sha256', secret).update(text).digest('hex')}`,
  };
}
