import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import { issuersSchema, type IssuerConfig } from './issuer-config.js';
import { SecretReferences } from './secret-references.js';

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().min(0).max(1_000_000);
const engineId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'is not an engine id');

/** Every variable Claviger reads, with its default. `docs/CONFIGURATION.md` describes them. */
const environment = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  CLAVIGER_HOST: z.string().min(1).default('127.0.0.1'),
  CLAVIGER_PORT: port.default(8080),
  CLAVIGER_METRICS_PORT: port.optional(),
  CLAVIGER_DATA_DIR: z.string().min(1).default('.claviger'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  CLAVIGER_MIGRATION_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  CLAVIGER_DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  CLAVIGER_JOBS: z.enum(['embedded', 'external']).optional(),
  CLAVIGER_ENGINE_RECONCILE_HOURS: z.coerce.number().int().min(0).max(8_760).default(24),
  CLAVIGER_JOBS_KEEP_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  CLAVIGER_JOBS_CONCURRENCY: z.coerce.number().int().min(1).max(100).default(4),
  CLAVIGER_ROOT_KEY_FILE: z.string().min(1).optional(),
  CLAVIGER_ISSUERS: z.string().optional(),
  CLAVIGER_ISSUERS_FILE: z.string().min(1).optional(),
  CLAVIGER_SOFTWARE_ENGINES: z
    .string()
    .default('software')
    .transform((value) => value.split(',').map((id) => id.trim()))
    .pipe(z.array(engineId).min(1)),
  CLAVIGER_ENGINES_FILE: z.string().min(1).optional(),
  CLAVIGER_PKCS11_MODULES: z
    .string()
    .default('')
    .transform((value) => value.split(':').filter(Boolean))
    .pipe(z.array(z.string().regex(/^\//, 'has a path that is not absolute'))),
  CLAVIGER_PKCS11_ENVIRONMENT: z
    .string()
    .default('')
    .transform((value) => value.split(',').filter(Boolean))
    .pipe(z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not the name of a variable'))),
  CLAVIGER_AWS_KMS_ENDPOINTS: z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((url) => url.trim())
        .filter(Boolean),
    )
    .pipe(z.array(z.url({ protocol: /^https?$/ }))),
  CLAVIGER_SECRETS_DIR: z.string().regex(/^\//, 'is not an absolute path').optional(),
  CLAVIGER_AUDIT_CHECKPOINT_FILE: z.string().min(1).optional(),
  CLAVIGER_RATE_LIMIT: count.default(0),
  CLAVIGER_RATE_LIMIT_ADDRESS: count.default(1_000),
  CLAVIGER_TRUST_PROXY: z.string().min(1).optional(),
  CLAVIGER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  CLAVIGER_SHUTDOWN_GRACE_S: z.coerce.number().int().min(1).max(300).default(20),
});

export interface Config {
  /** `production` refuses everything that is generated or defaulted for development. */
  readonly mode: 'development' | 'production';
  readonly host: string;
  readonly port: number;
  /** Own port for /metrics; absent: the main port answers it to loopback peers only. */
  readonly metricsPort: number | undefined;
  /** Absolute folder for what the embedded default keeps. */
  readonly dataDir: string;
  readonly database: {
    /** The application role; absent: the embedded PostgreSQL. */
    readonly url: string | undefined;
    /** The owner, for migrations. */
    readonly migrationUrl: string | undefined;
    readonly poolSize: number;
  };
  readonly jobs: {
    /** A Redis that dispatches them, credentials included; absent: the PostgreSQL does. */
    readonly redisUrl: string | undefined;
    /** Whether API processes run them; if not, workers do. */
    readonly embedded: boolean;
    /** How many a process runs at a time. */
    readonly concurrency: number;
    /** How long those that have ended can still be read. */
    readonly keepDays: number;
  };
  /** Absolute path of the root key ring. */
  readonly rootKeyFile: string;
  /** Empty in development: then the development issuer is trusted. */
  readonly issuers: readonly IssuerConfig[];
  /** Ids of the software engines; the first is the default engine. */
  readonly softwareEngines: readonly string[];
  /** JSON file of engines beside those, which operators cannot change over the API. */
  readonly enginesFile: string | undefined;
  /** How often each device is compared with the keys that should be in it; 0: never. */
  readonly engineReconcileHours: number;
  /** PKCS#11 libraries that may be loaded: absolute paths. */
  readonly pkcs11Modules: readonly string[];
  /** What those libraries get of the environment beside a plain `PATH`. */
  readonly pkcs11Environment: Readonly<Record<string, string>>;
  /** Origins that AWS KMS engines may speak to beside AWS. */
  readonly awsKmsEndpoints: readonly string[];
  /** Where secrets are found that engines refer to. */
  readonly secretReferences: SecretReferences;
  readonly auditCheckpointFile: string | undefined;
  /** Requests per second; 0 is off. */
  readonly rateLimit: { readonly perTenant: number; readonly perAddress: number };
  /** Addresses of proxies whose `X-Forwarded-For` is believed (comma list, CIDR). */
  readonly trustProxy: string | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly shutdownGraceS: number;
}

type Environment = z.infer<typeof environment>;

/** Environment variables by name. */
export type ConfigSource = Readonly<Record<string, string | undefined>>;

/** An empty variable is an unset one: compose files pass `X=` for what is not configured. */
const withoutEmpty = (source: ConfigSource): Record<string, string> =>
  Object.fromEntries(Object.entries(source).filter((entry): entry is [string, string] => Boolean(entry[1])));

function readIssuers(env: Environment): readonly IssuerConfig[] {
  if (env.CLAVIGER_ISSUERS && env.CLAVIGER_ISSUERS_FILE) {
    throw new ConfigError(['CLAVIGER_ISSUERS and CLAVIGER_ISSUERS_FILE: set one of them, not both']);
  }
  const name = env.CLAVIGER_ISSUERS_FILE ? 'CLAVIGER_ISSUERS_FILE' : 'CLAVIGER_ISSUERS';
  let text = env.CLAVIGER_ISSUERS;
  try {
    if (env.CLAVIGER_ISSUERS_FILE) text = readFileSync(env.CLAVIGER_ISSUERS_FILE, 'utf8');
    if (text === undefined) return [];
    const parsed = issuersSchema.safeParse(JSON.parse(text));
    if (parsed.success) return Object.freeze(parsed.data);
    throw new ConfigError(
      parsed.error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`),
    );
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${name}: ${error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'}`]);
  }
}

/** What production must name itself and development has a default for. */
export type ConfigPart = 'database' | 'rootKey' | 'issuers';

interface RequiredPart {
  readonly isSet: (env: Environment, issuers: readonly IssuerConfig[]) => boolean;
  readonly problem: string;
}

const REQUIRED: Readonly<Record<ConfigPart, RequiredPart>> = {
  database: {
    isSet: (env) => env.DATABASE_URL !== undefined,
    problem:
      'DATABASE_URL: set it to a PostgreSQL (15 or newer), as the application role; the embedded one is for development',
  },
  rootKey: {
    isSet: (env) => env.CLAVIGER_ROOT_KEY_FILE !== undefined,
    problem:
      'CLAVIGER_ROOT_KEY_FILE: set it to a root key ring made by `claviger root-key add`; a generated one is for development',
  },
  issuers: {
    isSet: (_, issuers) => issuers.length > 0,
    problem:
      'CLAVIGER_ISSUERS or CLAVIGER_ISSUERS_FILE: name the token issuers to trust; the development issuer is for development',
  },
};

const ALL_PARTS = Object.freeze(Object.keys(REQUIRED) as ConfigPart[]);

/**
 * Turns the environment into one frozen, typed object. Throws `ConfigError` naming every
 * variable at fault, and in production every one that must be set.
 */
export const loadConfig = (source?: ConfigSource): Config => loadConfigFor(ALL_PARTS, source);

/**
 * The same for a program that stands on some parts only. Production is not asked for the others, which then must not
 * be used: what their members hold is a default of development.
 */
export function loadConfigFor(parts: readonly ConfigPart[], source: ConfigSource = process.env): Config {
  const parsed = environment.safeParse(withoutEmpty(source));
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  const env = parsed.data;
  const issuers = readIssuers(env);
  const missing = parts.map((part) => REQUIRED[part]).filter((part) => !part.isSet(env, issuers));
  if (env.NODE_ENV === 'production' && missing.length > 0)
    throw new ConfigError(missing.map((part) => part.problem));
  const dataDir = resolve(env.CLAVIGER_DATA_DIR);
  return Object.freeze({
    mode: env.NODE_ENV === 'production' ? 'production' : 'development',
    host: env.CLAVIGER_HOST,
    port: env.CLAVIGER_PORT,
    metricsPort: env.CLAVIGER_METRICS_PORT,
    dataDir,
    database: Object.freeze({
      url: env.DATABASE_URL,
      migrationUrl: env.CLAVIGER_MIGRATION_DATABASE_URL,
      poolSize: env.CLAVIGER_DATABASE_POOL,
    }),
    jobs: Object.freeze({
      redisUrl: env.REDIS_URL,
      embedded:
        (env.CLAVIGER_JOBS ?? (env.NODE_ENV === 'production' ? 'external' : 'embedded')) === 'embedded',
      concurrency: env.CLAVIGER_JOBS_CONCURRENCY,
      keepDays: env.CLAVIGER_JOBS_KEEP_DAYS,
    }),
    rootKeyFile: resolve(env.CLAVIGER_ROOT_KEY_FILE ?? `${dataDir}/root.key`),
    issuers,
    softwareEngines: Object.freeze([...new Set(env.CLAVIGER_SOFTWARE_ENGINES)]),
    enginesFile: env.CLAVIGER_ENGINES_FILE,
    engineReconcileHours: env.CLAVIGER_ENGINE_RECONCILE_HOURS,
    pkcs11Modules: Object.freeze(env.CLAVIGER_PKCS11_MODULES),
    pkcs11Environment: Object.freeze(
      Object.fromEntries(env.CLAVIGER_PKCS11_ENVIRONMENT.map((name) => [name, source[name] ?? ''])),
    ),
    awsKmsEndpoints: Object.freeze(env.CLAVIGER_AWS_KMS_ENDPOINTS),
    secretReferences: new SecretReferences(source, env.CLAVIGER_SECRETS_DIR),
    auditCheckpointFile: env.CLAVIGER_AUDIT_CHECKPOINT_FILE,
    rateLimit: Object.freeze({
      perTenant: env.CLAVIGER_RATE_LIMIT,
      perAddress: env.CLAVIGER_RATE_LIMIT_ADDRESS,
    }),
    trustProxy: env.CLAVIGER_TRUST_PROXY,
    logLevel: env.CLAVIGER_LOG_LEVEL,
    shutdownGraceS: env.CLAVIGER_SHUTDOWN_GRACE_S,
  });
}
