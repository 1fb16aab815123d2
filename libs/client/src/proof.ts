import { fromBase64 } from './base64';
import { AgentPlatformError } from './errors';
import type { Command, JsonObject } from './generated/types';
import type { Sender } from './sender';

/** What a proof says: `from` asked `to` for a command with this payload. */
export interface Proven {
  readonly from: string;
  readonly to: string;
  readonly command: string;
  readonly payload: JsonObject;
}

interface Jwk {
  readonly kid?: string;
  readonly kty?: string;
  readonly crv?: string;
  readonly x?: string;
}

/** Checks the proofs of commands (JSON Web Tokens, RFC 7519, with EdDSA) with the keys of the platform, which it remembers. */
export class Proofs {
  private keys: Promise<readonly Jwk[]> | undefined;

  constructor(private readonly sender: Sender) {}

  /** @throws AgentPlatformError `client.proof.invalid` where a command is not what its sender asked for */
  async verify({ id, proof, command, toAgentId, fromAgentId }: Command): Promise<Proven> {
    const [head = '', claims = '', signature = ''] = proof.split('.');
    const { alg, kid } = decode(head) as { alg?: string; kid?: string };
    const key = (await this.find(kid)) ?? (await this.find(kid, true));
    if (alg !== 'EdDSA' || !key) throw invalid('its key is not one of the platform');
    const publicKey = await crypto.subtle.importKey('jwk', key, 'Ed25519', false, ['verify']);
    const isGood = await crypto.subtle.verify(
      'Ed25519',
      publicKey,
      fromBase64(signature) ?? new Uint8Array(),
      new TextEncoder().encode(`${head}.${claims}`),
    );
    if (!isGood) throw invalid('its signature does not fit');
    const said = decode(claims) as {
      iss: string;
      sub: string;
      aud: string;
      jti: string;
      exp: number;
      command: string;
      payload: JsonObject;
    };
    if (
      said.iss !== 'agent-platform' ||
      said.jti !== id ||
      said.aud !== toAgentId ||
      said.sub !== fromAgentId ||
      said.command !== command
    )
      throw invalid('it is the proof of another command');
    if (said.exp * 1000 < Date.now()) throw invalid('it has expired');
    return { from: said.sub, to: said.aud, command: said.command, payload: said.payload };
  }

  private async find(kid: string | undefined, again = false): Promise<Jwk | undefined> {
    if (again || !this.keys) {
      this.keys = this.sender
        .send({ method: 'GET', path: '/.well-known/jwks.json', changes: false })
        .then(({ body }) => (body as { keys: Jwk[] }).keys);
      this.keys.catch(() => (this.keys = undefined));
    }
    return (await this.keys).find((key) => key.kid === kid);
  }
}

function decode(part: string): object {
  const bytes = fromBase64(part);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as object;
  } catch {
    throw invalid('it cannot be read');
  }
}

function invalid(why: string): AgentPlatformError {
  return new AgentPlatformError(
    'client.proof.invalid',
    `The proof of the command cannot be trusted: ${why}. Do not do what it asks for.`,
  );
}
