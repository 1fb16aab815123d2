import {
  INTERNAL_CALLS,
  issueSigningSecret,
  type IssueSigningSecretRequest,
  type VerifySignatureReply,
  type VerifySignatureRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { SigningSecretsService } from './signing-secrets.service';

@Controller()
export class SigningSecretsController {
  constructor(private readonly secrets: SigningSecretsService) {}

  @HandlesAction(issueSigningSecret)
  issue(request: IssueSigningSecretRequest, call: Call): Promise<Reply> {
    return this.secrets.issue(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.verifySignature.subject)
  verify(request: VerifySignatureRequest): Promise<VerifySignatureReply> {
    return this.secrets.verify(request);
  }
}
