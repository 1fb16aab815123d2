import { EgressClient } from '@agent-platform/egress';
import { Module } from '@nestjs/common';
import { ReceiverConfig } from './config';

/** Of what an endpoint answers only the status and the first KiB count. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** The one guarded client of this service. */
const egress = {
  provide: EgressClient,
  inject: [ReceiverConfig],
  useFactory: ({ egressAllow, egressDeny }: ReceiverConfig) =>
    new EgressClient({
      allow: egressAllow.split(','),
      deny: egressDeny.split(','),
      maxResponseBytes: MAX_RESPONSE_BYTES,
    }),
};

@Module({ providers: [egress], exports: [EgressClient] })
export class EgressModule {}
