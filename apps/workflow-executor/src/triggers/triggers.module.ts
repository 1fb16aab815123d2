import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module';
import { TriggerIntake } from './trigger-intake';

@Module({ imports: [EngineModule], providers: [TriggerIntake] })
export class TriggersModule {}
