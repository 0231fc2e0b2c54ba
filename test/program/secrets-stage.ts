import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AwsKmsFake } from '../fakes/aws-kms/aws-kms-fake.js';
import { RedisServer } from '../harness/redis.js';
import { SOFTHSM_MODULE, SoftHsm } from '../harness/softhsm.js';
import { DatabaseServer } from './database-server.js';
import { processesOn, type RunningProcess } from './process-census.js';
import type { Program } from './program.js';
import type { Secrets } from './secret-search.js';
import { Stage, freePort } from './stage.js';
import { BuiltProcess } from './built-process.js';

/** A body that registers an engine. */
export interface Registration {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Text that is nowhere else, and looks otherwise in JSON, in URLs and in base64. */
const newPin = (): string => `pin "${randomBytes(12).toString('hex')}" \\ é+/`;
const newAwsSecret = (): string => `${randomBytes(24).toString('base64url')}"\\+/=%`;

/** A private key as a caller has it, in clear and under a passphrase. */
export interface Material {
  readonly der: Buffer;
  readonly plain: string;
  readonly encrypted: string;
  readonly passphrase: string;
  /** The private number. */
  readonly scalar: Buffer;
}

function newMaterial(): Material {
  const passphrase = `pass "${randomBytes(12).toString('hex')}" \\ +/`;
  const { privateKey }: { privateKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  return {
    der: privateKey.export({ type: 'pkcs8', format: 'der' }),
    plain: privateKey.export(pem) as string,
    encrypted: privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase }) as string,
    passphrase,
    scalar: Buffer.from((privateKey.export({ format: 'jwk' }) as { d: string }).d, 'base64url'),
  };
}

/** The lines of a PEM that have the private half; those of the public one are no secret. */
const bodyOf = (pem: string): [string, string] => pem.split('\n').slice(1, 3) as [string, string];

const materialSecrets = (name: string, { plain, encrypted, passphrase, scalar }: Material): Secrets =>
  new Map<string, string | Buffer>([
    [`passphrase of ${name}`, passphrase],
    [`private number of ${name}`, scalar],
    [`first line of ${name}`, bodyOf(plain)[0]],
    [`first line of ${name}, encrypted`, bodyOf(encrypted)[0]],
    [`second line of ${name}, encrypted`, bodyOf(encrypted)[1]],
  ]);

/**
 * The built API and a built worker on a database, a Redis, three tokens and two accounts of AWS, which have secrets
 * that are nobody else's: given as values, as variables and as files.
 */
export class SecretsStage {
  readonly pins = { value: newPin(), env: newPin(), file: newPin(), wrong: newPin() };
  readonly aws = {
    secret: newAwsSecret(),
    token: newAwsSecret(),
    envSecret: newAwsSecret(),
    fileToken: newAwsSecret(),
    wrongSecret: newAwsSecret(),
    wrongToken: newAwsSecret(),
  };
  readonly materials = { token: newMaterial(), account: newMaterial(), wrapped: newMaterial() };
  readonly metricsPorts: number[] = [];
  api!: Program;
  worker!: BuiltProcess;

  private constructor(
    readonly stage: Stage,
    readonly server: DatabaseServer,
    readonly redis: RedisServer,
    readonly tokens: SoftHsm,
    readonly accounts: AwsKmsFake[],
  ) {}

  static async open(): Promise<SecretsStage> {
    const stage = await Stage.open();
    const accounts = [await AwsKmsFake.start(), await AwsKmsFake.start()];
    const server = await DatabaseServer.start();
    const all = new SecretsStage(stage, server, await RedisServer.start(), new SoftHsm(), accounts);
    await all.#start();
    return all;
  }

  /** By what a test says of them. */
  get secrets(): Secrets {
    const { pins, aws, materials } = this;
    return new Map([
      ...Object.entries(pins).map(([name, pin]) => [`PIN ${name}`, pin] as const),
      ...Object.entries(aws).map(([name, secret]) => [`AWS ${name}`, secret] as const),
      ...Object.entries(materials).flatMap(([name, one]) => [...materialSecrets(name, one)]),
    ]);
  }

  /** Bodies that register each engine, all of them good. */
  get registrations(): Registration[] {
    const { pins, aws } = this;
    const folder = this.secretsDir;
    const token = (label: string, pin: string): Registration => ({
      id: `token-${label}`,
      type: 'PKCS11',
      name: 'A token',
      config: { module: SOFTHSM_MODULE, token_label: label, sessions: 2 },
      secrets: { pin },
    });
    const config = (index: number): Registration['config'] => {
      const { region, endpoint } = this.accounts[index]!;
      // It makes RSA keys of 4,096 bits in this process.
      return { region, endpoint, timeout_ms: 60_000 };
    };
    const account = (index: number, secret: string, session: string): Registration => ({
      id: `account-${index}`,
      type: 'AWS_KMS',
      name: 'An account',
      config: config(index),
      secrets: {
        access_key_id: `AKIA${index}234567890ABCDEF`,
        secret_access_key: secret,
        session_token: session,
      },
    });
    return [
      token('value', pins.value),
      token('env', 'env:CLAVIGER_SECRET_PIN'),
      token('file', `file:${folder}/pin`),
      account(0, aws.secret, aws.token),
      account(1, 'env:CLAVIGER_SECRET_AWS', `file:${folder}/session`),
    ];
  }

  /** Where the operator keeps the files that references name. */
  get secretsDir(): string {
    return join(this.stage.dataDir, 'operators-secrets');
  }

  /** The processes that vendors' libraries run in, of API and worker. */
  tokenProcesses(): number[] {
    return this.processes()
      .filter(({ command }) => command.includes('pkcs11/child/main.js'))
      .map(({ pid }) => pid);
  }

  /** All that run on these tokens. */
  processes(): RunningProcess[] {
    return processesOn(this.tokens.folder);
  }

  async close(): Promise<void> {
    await this.worker?.kill();
    await this.stage.close();
    await this.redis.stop();
    await Promise.all(this.accounts.map((account) => account.stop()));
    await this.server.stop();
    this.tokens.remove();
  }

  async #start(): Promise<void> {
    const { stage, server, pins, aws, accounts } = this;
    for (const label of ['value', 'env', 'file'] as const) this.tokens.addToken(label, pins[label]);
    const credentials = (index: number, secretAccessKey: string, sessionToken: string) => ({
      accessKeyId: `AKIA${index}234567890ABCDEF`,
      secretAccessKey,
      sessionToken,
    });
    accounts[0]!.credentials = credentials(0, aws.secret, aws.token);
    accounts[1]!.credentials = credentials(1, aws.envSecret, aws.fileToken);
    mkdirSync(this.secretsDir, { recursive: true });
    writeFileSync(join(this.secretsDir, 'pin'), `${pins.file}\n`);
    writeFileSync(join(this.secretsDir, 'session'), aws.fileToken);
    Object.assign(stage.env, {
      ...this.tokens.environment,
      DATABASE_URL: server.appUrl,
      REDIS_URL: this.redis.url,
      CLAVIGER_JOBS: 'external',
      CLAVIGER_LOG_LEVEL: 'trace',
      CLAVIGER_PKCS11_MODULES: SOFTHSM_MODULE,
      CLAVIGER_PKCS11_ENVIRONMENT: 'SOFTHSM2_CONF',
      CLAVIGER_AWS_KMS_ENDPOINTS: accounts.map(({ endpoint }) => endpoint).join(','),
      CLAVIGER_SECRETS_DIR: this.secretsDir,
      CLAVIGER_SECRET_PIN: pins.env,
      CLAVIGER_SECRET_AWS: aws.envSecret,
    });
    await stage.must(['migrate'], { CLAVIGER_MIGRATION_DATABASE_URL: server.ownerUrl });
    this.metricsPorts.push(await freePort(), await freePort());
    const [ofApi, ofWorker] = this.metricsPorts.map((port) => ({ CLAVIGER_METRICS_PORT: `${port}` }));
    this.api = await stage.start(ofApi);
    this.worker = await BuiltProcess.worker('dist/apps/worker/src/main.js', {
      ...stage.env,
      ...ofWorker,
      CLAVIGER_PORT: `${await freePort()}`,
    });
  }
}
