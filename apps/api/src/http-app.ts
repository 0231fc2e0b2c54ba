import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Config } from '#config';
import type { Logger } from '#observability';
import type { ApiServices } from './api-services.js';
import { AppModule } from './app.module.js';
import { guardRoutes } from './edge/access-hook.js';
import { createFastifyAdapter } from './edge/fastify-adapter.js';
import { ProblemFilter } from './edge/problem.filter.js';
import { Refusals } from './edge/refusals.js';
import { buildOpenApi } from './openapi.js';

/** The HTTP application, ready to listen. `surround` may put its module into another, which has routes of its own. */
export async function createHttpApp(
  config: Config,
  services: ApiServices,
  logger: Logger,
  surround: (api: DynamicModule) => DynamicModule = (api) => api,
): Promise<NestFastifyApplication> {
  const adapter = createFastifyAdapter(config, logger, services.metrics);
  guardRoutes(adapter.getInstance<FastifyInstance>(), services);
  const api = AppModule.of(services.providers, { metricsOnMainPort: config.metricsPort === undefined });
  const app = await NestFactory.create<NestFastifyApplication>(surround(api), adapter, {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  app.useGlobalFilters(new ProblemFilter(new Refusals(services.audit, services.tenants)));
  describeApi(app);
  await app.init();
  return app;
}

/** The description is made once and kept as text: anyone may ask for it, and Nest would render it for every request. */
function describeApi(app: NestFastifyApplication): void {
  const document = buildOpenApi(app);
  const text = JSON.stringify(document);
  SwaggerModule.setup('docs', app, document, { raw: false, customSiteTitle: 'Claviger API' });
  app
    .getHttpAdapter()
    .getInstance()
    .get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
}
