import { PROOF_ISSUER, type IssueCommandRequest, type JsonObject } from '@agent-platform/contracts';
import { Injectable } from '@nestjs/common';
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { Vault } from '../signing-secrets/vault';

/** What comes before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410 section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

interface ProofKey {
  readonly privateKey: KeyObject;
  readonly publicJwk: JsonObject & { readonly kid: string };
}

/**
 * Signs who sent a command, to whom, and what: a JSON Web Token (RFC 7519) with EdDSA over Ed25519 (RFC 8037). Its key is made of a
 * key of the vault, and so is the same in every replica and as safe as that one.
 */
@Injectable()
export class ProofSigner {
  private keys: readonly ProofKey[] | undefined;

  constructor(private readonly vault: Vault) {}

  sign(
    { fromAgentId, commandId, command, payload, issuedAt, expiresAt }: IssueCommandRequest,
    toAgentId: string,
  ): string {
    const key = this.all().at(-1);
    if (!key) throw new Error('the vault is locked');
    const header = { alg: 'EdDSA', typ: 'JWT', kid: key.publicJwk.kid };
    const claims = {
      iss: PROOF_ISSUER,
      sub: fromAgentId,
      aud: toAgentId,
      jti: commandId,
      iat: issuedAt,
      exp: expiresAt,
      command,
      payload,
    };
    const signed = `${encode(header)}.${encode(claims)}`;
    return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`;
  }

  /** As a JWK Set (RFC 7517) holds them. */
  publicKeys(): readonly JsonObject[] {
    return this.all().map(({ publicJwk }) => publicJwk);
  }

  private all(): readonly ProofKey[] {
    return (this.keys ??= this.vault.seeds('command proofs').map(keyOf));
  }
}

function keyOf(seed: Buffer): ProofKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
  const { crv = '', kty = '', x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  // RFC 7638 section 3: the required members in this order.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { privateKey, publicJwk: { kty, crv, x, kid, alg: 'EdDSA', use: 'sig' } };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
