import { readFileSync, readdirSync } from 'node:fs';
import { RedisServer } from '../harness/redis.js';
import { eventually } from '../harness/eventually.js';
import { SOFTHSM_MODULE, SoftHsm } from '../harness/softhsm.js';
import { BuiltProcess } from '../program/built-process.js';
import { DatabaseServer } from '../program/database-server.js';
import { HttpClient, type HttpAnswer } from '../program/http-client.js';
import { killNow } from '../program/process-census.js';
import { Stage, freePort } from '../program/stage.js';
import type { Chance } from './chance.js';
import { DatabaseAddress } from './database-address.js';

/** What can be killed. `token` is the child process of one of the others that speaks to the token. */
export const PARTS = ['api', 'worker', 'token', 'redis', 'database'] as const;
export type Part = (typeof PARTS)[number];

export const TENANT = 'acme';
export const ENGINE = 'hsm';
const SCOPE =
  'kms:keys:read kms:keys:write kms:keys:sign kms:keys:verify kms:keys:delete kms:engines:admin audit:read';
const CHILD = '/pkcs11/child/main.js';
/** A request is sent again so long, while what it needs is killed and comes back. */
const PATIENCE_MS = 120_000;
/** Answers after which the same request may be sent again: nothing there yet, or somebody is at it. */
const TRY_AGAIN = new Set([409, 429, 502, 503]);

/** The processes whose parent is `pid`, and that run `program`. */
function childrenOf(pid: number, program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const parent = / (\d+) /.exec(readFileSync(`/proc/${one}/stat`, 'utf8').replace(/^.*\) \S/, ''))?.[1];
        return Number(parent) === pid && readFileSync(`/proc/${one}/cmdline`, 'utf8').includes(program);
      } catch {
        return false;
      }
    });
}

/** An API, a worker, a token, a Redis and a PostgreSQL, each of which can be killed and comes back by itself. */
export class ChaosStage {
  readonly softHsm = new SoftHsm().addToken(ENGINE);
  client!: HttpClient;
  #api!: BuiltProcess;
  #worker!: BuiltProcess;
  /** What processes printed that are no more. */
  #printed = '';

  private constructor(
    readonly database: DatabaseServer,
    private readonly address: DatabaseAddress,
    private readonly redis: RedisServer,
    readonly stage: Stage,
  ) {}

  static async open(): Promise<ChaosStage> {
    const database = await DatabaseServer.start();
    const address = await DatabaseAddress.open(() => database.port);
    const redis = await RedisServer.start();
    const stage = await Stage.open({
      DATABASE_URL: address.of(database.appUrl),
      REDIS_URL: redis.url,
      CLAVIGER_JOBS: 'external',
      CLAVIGER_PKCS11_MODULES: SOFTHSM_MODULE,
      CLAVIGER_PKCS11_ENVIRONMENT: 'SOFTHSM2_CONF',
    });
    const chaos = new ChaosStage(database, address, redis, stage);
    await chaos.#begin();
    return chaos;
  }

  /** What the worker has printed, whichever process it was. */
  get printed(): string {
    return this.#printed + this.#worker.printed;
  }

  /** Sends a request until it is answered by anything but that it may be sent again. Gives the body of a `status`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async patiently(status: number, ...request: Parameters<HttpClient['call']>): Promise<any> {
    let last: HttpAnswer | undefined;
    const answer = await eventually(
      () => `${request[0]} ${request[1]}: last ${last?.status} ${JSON.stringify(last?.body)}`,
      async () => {
        last = await this.client.call(...request).catch(() => undefined);
        return last && !TRY_AGAIN.has(last.status) && last;
      },
      PATIENCE_MS,
    );
    if (answer.status === status) return answer.body;
    throw new Error(`${request[0]} ${request[1]}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** kill -9, and the same again from its beginning, as whatever watches over it would do. */
  async kill(part: Part, chance: Chance): Promise<void> {
    switch (part) {
      case 'api':
        await this.#api.kill();
        this.#api = await this.#startApi();
        return;
      case 'worker':
        await this.#worker.kill();
        this.#printed += this.#worker.printed;
        this.#worker = await this.#startWorker();
        return;
      case 'token':
        return killNow([await this.#tokenChild(chance)]);
      case 'redis':
        await this.redis.kill();
        return this.redis.run();
      case 'database':
        this.database.kill();
        return this.database.recover();
    }
  }

  async close(): Promise<void> {
    await this.#api?.kill();
    await this.#worker?.kill();
    await this.stage.close();
    await this.redis.stop();
    this.address.close();
    await this.database.stop();
    this.softHsm.remove();
  }

  async #begin(): Promise<void> {
    await this.stage.must(['migrate'], { CLAVIGER_MIGRATION_DATABASE_URL: this.database.ownerUrl });
    const { token } = await this.stage.must(['token', '--tenant', TENANT, '--scope', SCOPE]);
    [this.#api, this.#worker] = await Promise.all([this.#startApi(), this.#startWorker()]);
    this.client = new HttpClient(this.#api.url, token);
    const config = { module: SOFTHSM_MODULE, token_label: ENGINE };
    const registration = { id: ENGINE, type: 'PKCS11', name: 'A token', config };
    await this.patiently(201, 'POST', '/api/kms/v1/engines', {
      ...registration,
      secrets: { pin: this.softHsm.pin },
    });
  }

  #startApi(): Promise<BuiltProcess> {
    const env = { ...this.#env, CLAVIGER_LOG_LEVEL: 'error' };
    return BuiltProcess.start('dist/apps/api/src/main.js', env, 'Claviger listens');
  }

  async #startWorker(): Promise<BuiltProcess> {
    const env = { ...this.#env, CLAVIGER_PORT: String(await freePort()) };
    return BuiltProcess.worker('dist/apps/worker/src/main.js', env);
  }

  get #env(): Record<string, string> {
    return { ...this.stage.env, ...this.softHsm.environment };
  }

  /** One of those that there are, as soon as there is one. */
  #tokenChild(chance: Chance): Promise<number> {
    return eventually('a child of the token', () => {
      const children = [this.#worker, this.#api].flatMap(({ pid }) => childrenOf(pid, CHILD));
      return children[chance.below(children.length)];
    });
  }
}
