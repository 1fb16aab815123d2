import {
  INTERNAL_CALLS,
  issueSigningSecret,
  type IssueSigningSecretRequest,
  type VerifySignatureReply,
  type VerifySignatureRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { AuthMetrics } from '../metrics/auth-metrics';
import { SigningSecretsService } from './signing-secrets.service';

@Controller()
export class SigningSecretsController {
  constructor(
    private readonly secrets: SigningSecretsService,
    private readonly measured: AuthMetrics,
  ) {}

  @HandlesAction(issueSigningSecret)
  issue(request: IssueSigningSecretRequest, call: Call): Promise<Reply> {
    return this.secrets.issue(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.verifySignature.subject)
  async verify(request: VerifySignatureRequest): Promise<VerifySignatureReply> {
    const reply = await this.secrets.verify(request);
    this.measured.signatureVerified(reply.refused);
    return reply;
  }
}
