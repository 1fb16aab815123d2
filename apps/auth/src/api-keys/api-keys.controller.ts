import { INTERNAL_CALLS, type VerifyKeyReply, type VerifyKeyRequest } from '@agent-platform/contracts';
import { HandlesInternal } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { ApiKeysService } from './api-keys.service';

@Controller()
export class ApiKeysController {
  constructor(private readonly apiKeys: ApiKeysService) {}

  @HandlesInternal(INTERNAL_CALLS.verifyKey.subject)
  verify({ hash }: VerifyKeyRequest): Promise<VerifyKeyReply> {
    return this.apiKeys.verify(Buffer.from(hash, 'base64url'));
  }
}
