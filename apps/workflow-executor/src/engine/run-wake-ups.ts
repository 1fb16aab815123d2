import { RUN_POKED_SUBJECT, RUN_READY_SUBJECT } from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';

/**
 * Tells the executors, this one included, to look now: at runs that wait to be taken up, or at what happened to a run. What
 * must be looked at is in the database, and found a little later where the word is lost.
 */
@Injectable()
export class RunWakeUps {
  constructor(private readonly bus: Bus) {}

  ready(): void {
    this.bus.publish(RUN_READY_SUBJECT, {});
  }

  poked(runIds: readonly string[]): void {
    this.bus.publish(RUN_POKED_SUBJECT, { runIds });
  }

  onReady(listener: () => void): void {
    this.bus.subscribe(RUN_READY_SUBJECT, () => listener());
  }

  onPoked(listener: (runIds: readonly string[]) => void): void {
    this.bus.subscribe(RUN_POKED_SUBJECT, (message) => listener(message.json<{ runIds: string[] }>().runIds));
  }
}
