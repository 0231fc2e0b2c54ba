import { z } from 'zod';
import { AppError, type FieldError, type SecretBytes } from '#kernel';
import type { EngineInput } from '../engine-driver.js';
import { kmsHost } from './aws-region.js';
import { endpointFault } from './kms-endpoint.js';

export const SECRET_NAMES = ['access_key_id', 'secret_access_key', 'session_token'] as const;
type SecretName = (typeof SECRET_NAMES)[number];

export interface StaticCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What an operator configured of an AWS KMS engine, checked. */
export interface AwsKmsSettings {
  readonly region: string;
  /** URL of the service. */
  readonly endpoint: string;
  readonly aliasPrefix: string;
  /** 7 to 30. */
  readonly deletionWindowDays: number;
  /** Of one tenant, in this process. */
  readonly requestsPerSecond: number;
  /** The longest that a call may take, with all its attempts. */
  readonly timeoutMs: number;
  /** Absent: whatever the SDK finds around this process. */
  readonly credentials: StaticCredentials | undefined;
}

const config = z.strictObject({
  region: z
    .string({ error: 'is required' })
    .max(64)
    .refine((region) => kmsHost(region) !== undefined, 'is an unknown region'),
  endpoint: z.string().max(2_048).optional(),
  alias_prefix: z
    .string()
    .max(64)
    .regex(
      /^(?!aws(\/|$))[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/,
      'is not letters, digits, _, - and /, or begins with aws',
    )
    .default('claviger'),
  deletion_window_days: z.number().int().min(7).max(30).default(7),
  requests_per_second: z.number().int().min(1).max(10_000).default(250),
  timeout_ms: z.number().int().min(500).max(60_000).default(10_000),
  credentials: z.enum(['static', 'ambient']).default('static'),
});

/** Header values: nothing that could begin another header. */
const SECRET_FORMS: Readonly<Record<SecretName, RegExp>> = {
  access_key_id: /^\w{16,128}$/,
  secret_access_key: /^[\x21-\x7e]{16,128}$/,
  session_token: /^[\x21-\x7e]{16,8192}$/,
};

type Secrets = ReadonlyMap<string, SecretBytes>;
type Faults = FieldError[];

function secretFaults(secrets: Secrets, mode: 'static' | 'ambient'): Faults {
  const unknown = [...secrets.keys()].filter((name) => !SECRET_NAMES.some((known) => known === name));
  if (unknown.length > 0)
    return unknown.map((name) => ({ path: `secrets.${name}`, message: 'is not a secret of this engine' }));
  if (mode === 'ambient') {
    const given = secrets.size > 0;
    return given ? [{ path: 'config.credentials', message: 'is "ambient", so no secrets can be given' }] : [];
  }
  return SECRET_NAMES.flatMap((name) => {
    const secret = secrets.get(name);
    if (!secret) return name === 'session_token' ? [] : [{ path: `secrets.${name}`, message: 'is required' }];
    const isWell = SECRET_FORMS[name].test(
      secret.expose('check the form of an AWS credential').toString('latin1'),
    );
    return isWell ? [] : [{ path: `secrets.${name}`, message: 'does not have the form of one' }];
  });
}

/** The SDK takes strings only, which nobody can wipe: they live as long as the engine. */
function credentialsOf(secrets: Secrets): StaticCredentials {
  const text = (name: SecretName): string =>
    secrets.get(name)?.expose('sign requests to AWS').toString('latin1') ?? '';
  const sessionToken = secrets.has('session_token') ? { sessionToken: text('session_token') } : {};
  return { accessKeyId: text('access_key_id'), secretAccessKey: text('secret_access_key'), ...sessionToken };
}

const refused = (errors: Faults): AppError =>
  new AppError('validation_failed', {
    detail: 'The configuration of the AWS KMS engine is not valid.',
    errors,
  });

/** Throws `validation_failed` with the path of each fault. */
export function readSettings(input: EngineInput, allowedEndpoints: ReadonlySet<string>): AwsKmsSettings {
  const parsed = config.safeParse(input.config);
  if (!parsed.success) {
    throw refused(
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => ({ path: `config.${key}`, message: 'is not a setting of this engine' }))
          : [{ path: `config.${issue.path.join('.')}`, message: issue.message }],
      ),
    );
  }
  const { region, endpoint = `https://${kmsHost(region)}`, credentials, ...rest } = parsed.data;
  const fault = endpointFault(endpoint, region, allowedEndpoints);
  const faults = secretFaults(input.secrets, credentials);
  if (fault !== undefined) faults.push({ path: 'config.endpoint', message: fault });
  if (faults.length > 0) throw refused(faults);
  return Object.freeze({
    region,
    endpoint: new URL(endpoint).origin,
    aliasPrefix: rest.alias_prefix,
    deletionWindowDays: rest.deletion_window_days,
    requestsPerSecond: rest.requests_per_second,
    timeoutMs: rest.timeout_ms,
    credentials: credentials === 'ambient' ? undefined : credentialsOf(input.secrets),
  });
}
