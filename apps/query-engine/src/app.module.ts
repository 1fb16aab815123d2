import { Module } from '@nestjs/common';

/** No feature yet: every action of this service answers 501 `action.not-implemented`. */
@Module({})
export class AppModule {}
