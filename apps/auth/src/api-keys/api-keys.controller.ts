import {
  INTERNAL_CALLS,
  revokeKey,
  rotateKey,
  type RevokeKeyRequest,
  type RotateKeyRequest,
  type VerifyKeyReply,
  type VerifyKeyRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AuthMetrics } from '../metrics/auth-metrics';
import { ApiKeysService } from './api-keys.service';

@Controller()
export class ApiKeysController {
  constructor(
    private readonly apiKeys: ApiKeysService,
    private readonly measured: AuthMetrics,
  ) {}

  @HandlesAction(rotateKey)
  rotate(request: RotateKeyRequest, call: Call): Promise<Reply> {
    return this.apiKeys.rotate(call, request);
  }

  @HandlesAction(revokeKey)
  revoke(request: RevokeKeyRequest, call: Call): Promise<Reply> {
    return this.apiKeys.revoke(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.verifyKey.subject)
  async verify({ hash }: VerifyKeyRequest): Promise<VerifyKeyReply> {
    const reply = await this.apiKeys.verify(Buffer.from(hash, 'base64url'));
    this.measured.keyVerified('refused' in reply ? reply.refused : undefined);
    return reply;
  }
}
