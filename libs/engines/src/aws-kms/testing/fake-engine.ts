import { SecretBytes } from '#kernel';
import { AwsKmsFake, type AwsKmsFakeOptions } from '../../../../../test/fakes/aws-kms/aws-kms-fake.js';
import type { FakeCredentials } from '../../../../../test/fakes/aws-kms/sigv4.js';
import { AwsKmsEngine } from '../aws-kms.engine.js';
import { awsKmsDriver } from '../aws-kms-driver.js';

/** Imports need not be four seconds apart, here and there. */
export const IMPORT_INTERVAL_MS = 20;

export const secretsOf = ({
  accessKeyId,
  secretAccessKey,
  sessionToken,
}: FakeCredentials): Map<string, SecretBytes> =>
  new Map(
    Object.entries({
      access_key_id: accessKeyId,
      secret_access_key: secretAccessKey,
      ...(sessionToken !== undefined && { session_token: sessionToken }),
    }).map(([name, value]) => [name, SecretBytes.take(Buffer.from(value))]),
  );

export const startFake = (options: AwsKmsFakeOptions = {}): Promise<AwsKmsFake> =>
  AwsKmsFake.start({ importIntervalMs: IMPORT_INTERVAL_MS, ...options });

/** Keys are made in this very process, which may be busy. */
const PATIENT = { timeout_ms: 60_000 };

/** An engine that speaks to a fake, as an operator would have configured it. */
export function engineOn(
  fake: Pick<AwsKmsFake, 'endpoint' | 'region' | 'credentials'>,
  config: Readonly<Record<string, unknown>> = {},
  credentials = config.credentials === 'ambient' ? undefined : fake.credentials,
): AwsKmsEngine {
  const driver = awsKmsDriver({ allowedEndpoints: [fake.endpoint], importIntervalMs: IMPORT_INTERVAL_MS });
  const engine = driver.open({
    id: 'aws',
    name: 'AWS',
    config: {
      region: fake.region,
      endpoint: fake.endpoint,
      requests_per_second: 2_000,
      ...PATIENT,
      ...config,
    },
    secrets: credentials ? secretsOf(credentials) : new Map(),
  });
  if (engine instanceof AwsKmsEngine) return engine;
  throw new TypeError('the driver opens another engine');
}
