import 'reflect-metadata';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppModule } from '../../../apps/api/src/app.module.js';
import { guardRoutes } from '../../../apps/api/src/edge/access-hook.js';
import { createFastifyAdapter } from '../../../apps/api/src/edge/fastify-adapter.js';
import { Public, RequirePermission } from '../../../apps/api/src/edge/permission.decorator.js';
import { createLogger } from '#observability';
import { TestApp } from '../../harness/app.js';
import { readOperations } from './api-surface.js';

@Controller('forgotten')
class ForgottenController {
  @Get()
  list(): string {
    return 'seen by everybody';
  }
}

@Controller('halfway')
class HalfwayController {
  @Get()
  @RequirePermission('kms:keys:read')
  list(): string {
    return '';
  }

  @Post(':id')
  change(): string {
    return '';
  }
}

@Controller('declared')
class DeclaredController {
  @Get()
  @RequirePermission('kms:keys:read')
  list(): string {
    return '';
  }

  @Get('open')
  @Public()
  open(): string {
    return '';
  }
}

describe('routes and what they ask for', () => {
  let app: TestApp;

  /** Starts Nest with the edge of the product around other controllers; gives every route that came to be. */
  async function boot(module: Parameters<typeof NestFactory.create>[0]): Promise<RouteOptions[]> {
    const logger = createLogger({ level: 'silent' });
    const adapter: FastifyAdapter = createFastifyAdapter(app.config, logger, app.services.metrics);
    const fastify = adapter.getInstance<FastifyInstance>();
    const routes: RouteOptions[] = [];
    guardRoutes(fastify, app.services);
    fastify.addHook('onRoute', (route) => void routes.push(route));
    const options = { logger: false, abortOnError: false, bodyParser: false } as const;
    const nest = await NestFactory.create<NestFastifyApplication>(module, adapter, options);
    try {
      await nest.init();
      return routes;
    } finally {
      await nest.close();
    }
  }

  const moduleOf = (...controllers: (new () => object)[]): new () => object => {
    @Module({ controllers })
    class Probe {}
    return Probe;
  };

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('stop the start where one declares nothing, naming it', async () => {
    await expect(boot(moduleOf(ForgottenController))).rejects.toThrow(
      'route GET /forgotten declares no permission',
    );
  });

  it('stop the start where one method of a controller declares nothing', async () => {
    await expect(boot(moduleOf(HalfwayController))).rejects.toThrow(
      /route POST .*halfway.* declares no permission/,
    );
  });

  it('start where all declare something', async () => {
    const routes = await boot(moduleOf(DeclaredController));
    expect(routes.map(({ url }) => url)).toEqual(expect.arrayContaining(['/declared', '/declared/open']));
  });

  it('are in the description, but for the pages and numbers that name no tenant', async () => {
    const routes = await boot(AppModule.of(app.services.providers, { metricsOnMainPort: true }));
    const described = (await readOperations(app)).map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    const undescribed = routes
      .flatMap(({ method, url }) => [method].flat().map((one) => `${one} ${url}`))
      .filter((route) => !route.startsWith('HEAD ') && !described.includes(route));
    expect(described.length).toBeGreaterThanOrEqual(27);
    expect([...new Set(undescribed)].sort()).toEqual(['GET /docs/errors/:code', 'GET /metrics']);
  });
});
