import { Module } from '@nestjs/common';
import { runApi } from '../../apps/api/src/run-api.js';
import { EmptyController } from './empty.controller.js';

/** The API with one route more. */
@Module({ controllers: [EmptyController] })
class BenchModule {}

runApi((api) => ({ module: BenchModule, imports: [api] }));
