import { HEALTH_CHANGED_SUBJECT, INTEGRATIONS_CHANGED_SUBJECT, type HealthState } from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';

/** Tells others that something of an integration was committed. What changed is in the database, and found by their polls too. */
@Injectable()
export class IntegrationChanges {
  constructor(private readonly bus: Bus) {}

  /** Its definition, its grants or its connection. */
  changed(integrationId: string): void {
    this.bus.publish(INTEGRATIONS_CHANGED_SUBJECT, { integrationIds: [integrationId] });
  }

  healthChanged(integrationId: string, state: HealthState): void {
    this.bus.publish(HEALTH_CHANGED_SUBJECT, { integrationId, state });
  }
}
