import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config } from '#config';
import { RootRing, addRoot } from '#crypto';
import { Database, createDataSource } from '#database';
import type { EngineDriver, PinLedger } from '#engines';
import { Authenticator, DevelopmentIssuer, IssuerRegistry } from '#identity';
import { PERMISSIONS, type Clock, type RequestContext } from '#kernel';
import { Metrics, createLogger } from '#observability';
import { TenantService } from '#tenants';
import { AuditLog } from '#audit';
import type { JobKind } from '#jobs';
import { ENTITIES } from '#platform';
import { composeApi, type ApiServices } from '../../apps/api/src/api-services.js';
import { createHttpApp } from '../../apps/api/src/http-app.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';

export interface TestAppOptions {
  readonly env?: Record<string, string>;
  /** Shared by several apps, which are then processes of one installation. */
  readonly installation?: Installation;
  /** What registered engines are made by. */
  readonly drivers?: readonly EngineDriver[] | ((pins: PinLedger) => readonly EngineDriver[]);
  readonly clock?: Clock;
  /** Makes the process run jobs, of these kinds. */
  readonly jobKinds?: readonly JobKind[];
}

/** What the processes of one installation share: database, root keys, development issuer. */
export class Installation {
  private constructor(
    readonly dataDir: string,
    readonly database: TestDatabase,
    readonly root: RootRing,
    readonly issuer: DevelopmentIssuer,
  ) {}

  static async create(): Promise<Installation> {
    const dataDir = await mkdtemp(join(tmpdir(), 'claviger-app-'));
    const rootFile = join(dataDir, 'root.key');
    addRoot(rootFile, 'root-1');
    return new Installation(
      dataDir,
      await createTestDatabase(),
      new RootRing(rootFile),
      await DevelopmentIssuer.open(dataDir),
    );
  }

  async remove(): Promise<void> {
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** Who calls as nobody's request: tests that set the stage. */
export const operator: Pick<RequestContext, 'principal' | 'requestId'> & RequestContext = {
  tenantId: '_platform',
  requestId: 'test',
  principal: {
    issuer: 'urn:test',
    subject: 'operator',
    tenantId: '_platform',
    permissions: new Set(PERMISSIONS),
  },
};

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
  readonly text: string;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body` as JSON. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}

/** A process of Claviger, run in the test's own process but reached over HTTP as any client reaches it. */
export class TestApp {
  private constructor(
    readonly url: string,
    readonly config: Config,
    readonly installation: Installation,
    readonly services: ApiServices,
    readonly database: Database,
    /** Every line logged. */
    readonly logs: string[],
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  static async start(options: TestAppOptions = {}): Promise<TestApp> {
    const installation = options.installation ?? (await Installation.create());
    const config = loadConfig({
      CLAVIGER_DATA_DIR: installation.dataDir,
      CLAVIGER_LOG_LEVEL: 'info',
      ...options.env,
    });
    const dataSource = createDataSource({
      url: installation.database.appUrl,
      poolSize: 8,
      applicationName: 'test',
      entities: ENTITIES,
    });
    await dataSource.initialize();
    const database = new Database(dataSource);
    const logs: string[] = [];
    const logger = createLogger({
      level: config.logLevel,
      destination: { write: (line) => void logs.push(line) },
    });
    const metrics = new Metrics();
    const registry = new IssuerRegistry(
      config.issuers,
      config.issuers.length > 0 ? {} : { development: installation.issuer },
    );
    const authenticator = new Authenticator(registry);
    const { root } = installation;
    const { jobKinds, drivers = [] } = options;
    const databaseUrl = installation.database.appUrl;
    const services = await composeApi(
      {
        config,
        database,
        databaseUrl,
        root,
        logger,
        metrics,
        jobKinds,
        drivers: typeof drivers === 'function' ? drivers : () => drivers,
        clock: options.clock,
      },
      authenticator,
    );
    if (jobKinds) await services.jobWorker.start();
    const app = await createHttpApp(config, services, logger);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    return new TestApp(`http://127.0.0.1:${port}`, config, installation, services, database, logs, [
      () => app.close(),
      () => (jobKinds ? services.jobWorker.close(0) : Promise.resolve()),
      () => services.close(),
    ]);
  }

  /** Makes a tenant, unless it is there. */
  async tenant(id: string): Promise<void> {
    const tenants = new TenantService(this.database, this.installation.root, new AuditLog(this.database));
    await tenants.create(operator, id).catch((error: { code?: string }) => {
      if (error.code !== 'tenant_exists') throw error;
    });
  }

  /** A token of the development issuer with every permission, unless `scope` says less. */
  token(
    tenant: string,
    scope = PERMISSIONS.join(' '),
    narrowing?: { keys?: string[]; aliases?: string[]; tags?: string[] },
  ): Promise<string> {
    return this.installation.issuer.mint({ tenant, scope, ttlS: 3_600, subject: 'tester', narrowing });
  }

  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer<T>> {
    const payload = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(options.token && { authorization: `Bearer ${options.token}` }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      body: payload,
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      body: (json ? JSON.parse(text) : {}) as T,
      text,
      headers: response.headers,
    };
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
