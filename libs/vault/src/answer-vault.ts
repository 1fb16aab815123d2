import { decrypt, encrypt } from '@agent-platform/shared-security';
import type { MasterKeys } from './master-keys';

const PURPOSE = 'kept answers';

/** Encrypts answers that hold a secret while they are kept for a repetition, under a key made of the master key in use. */
export class AnswerVault {
  constructor(private readonly keys: MasterKeys) {}

  /** @param identity the answer opens for this identity alone */
  seal(body: string, identity: string): string {
    const version = this.keys.current;
    return `${version}.${encrypt(Buffer.from(body), this.keys.derived(version, PURPOSE), identity).toString('base64')}`;
  }

  /** @throws Error for another identity, where anything was changed, or where the master key it was sealed under is gone */
  open(sealed: string, identity: string): string {
    const [version, message = ''] = sealed.split('.');
    return decrypt(Buffer.from(message, 'base64'), this.keys.derived(Number(version), PURPOSE), identity).toString(
      'utf8',
    );
  }
}
