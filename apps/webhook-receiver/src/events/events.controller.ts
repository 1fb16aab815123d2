import {
  emitEvent,
  INTERNAL_CALLS,
  listEvents,
  type CloudEvent,
  type EmitEventRequest,
  type ListEventsRequest,
  type ReadEventsReply,
  type ReadEventsRequest,
  type StoreEventsRequest,
} from '@agent-platform/contracts';
import { HandlesAction, HandlesInternal, type Call, type Reply } from '@agent-platform/messaging';
import { Controller } from '@nestjs/common';
import { EventLog } from './event-log';
import { EventReaders } from './event-readers';
import { EventsService } from './events.service';

@Controller()
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly log: EventLog,
    private readonly readers: EventReaders,
  ) {}

  @HandlesAction(emitEvent)
  emit(request: EmitEventRequest, call: Call): Promise<Reply> {
    return this.events.emit(call, request);
  }

  @HandlesAction(listEvents)
  list(request: ListEventsRequest, call: Call): Promise<Reply> {
    return this.events.list(call, request);
  }

  @HandlesInternal(INTERNAL_CALLS.storeEvents.subject)
  async store({ events }: StoreEventsRequest): Promise<object> {
    await this.log.store(events as readonly CloudEvent[]);
    return {};
  }

  @HandlesInternal(INTERNAL_CALLS.readEvents.subject, { waits: true })
  read(request: ReadEventsRequest): Promise<ReadEventsReply> {
    return this.readers.read(request);
  }
}
