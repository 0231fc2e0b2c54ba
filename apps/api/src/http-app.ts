import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Config } from '#config';
import type { Logger } from '#observability';
import { AppModule } from './app.module.js';
import { guardRoutes } from './edge/access-hook.js';
import { createFastifyAdapter } from './edge/fastify-adapter.js';
import { ProblemFilter } from './edge/problem.filter.js';
import { Refusals } from './edge/refusals.js';
import { createValidationPipe } from './edge/validation.pipe.js';
import { buildOpenApi } from './openapi.js';
import type { Services } from './services.js';

/** The HTTP application, ready to listen. */
export async function createHttpApp(
  config: Config,
  services: Services,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const adapter = createFastifyAdapter(config, logger, services.metrics);
  guardRoutes(adapter.getInstance<FastifyInstance>(), services);
  const module = AppModule.of(services.providers, { metricsOnMainPort: config.metricsPort === undefined });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  app.useGlobalFilters(new ProblemFilter(new Refusals(services.audit, services.tenants)));
  app.useGlobalPipes(createValidationPipe());
  SwaggerModule.setup('docs', app, () => buildOpenApi(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    customSiteTitle: 'Claviger API',
  });
  await app.init();
  return app;
}
