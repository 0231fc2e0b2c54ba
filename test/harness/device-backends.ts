import { awsKmsDriver, type EngineDriver, type EngineInput } from '#engines';
import { SecretBytes } from '#kernel';
import { AwsKmsFake, FAKE_CREDENTIALS } from '../fakes/aws-kms/aws-kms-fake.js';
import { SOFTHSM_MODULE, SoftHsm } from './softhsm.js';

/** Four seconds at AWS. */
const IMPORT_INTERVAL_MS = 20;

/** A device as an operator has it: what makes its engine, and what registers it. */
export interface DeviceBackend {
  readonly driver: EngineDriver;
  readonly registration: {
    readonly type: string;
    readonly config: Readonly<Record<string, unknown>>;
    readonly secrets: Record<string, string>;
  };
  /** What must be found nowhere. */
  readonly secret: string;
  stop(): Promise<void>;
}

async function aws(): Promise<DeviceBackend> {
  const fake = await AwsKmsFake.start({ importIntervalMs: IMPORT_INTERVAL_MS });
  return {
    driver: awsKmsDriver({ allowedEndpoints: [fake.endpoint], importIntervalMs: IMPORT_INTERVAL_MS }),
    registration: {
      type: 'AWS_KMS',
      config: { region: fake.region, endpoint: fake.endpoint },
      secrets: {
        access_key_id: FAKE_CREDENTIALS.accessKeyId,
        secret_access_key: FAKE_CREDENTIALS.secretAccessKey,
      },
    },
    secret: FAKE_CREDENTIALS.secretAccessKey,
    stop: () => fake.stop(),
  };
}

async function token(): Promise<DeviceBackend> {
  const softHsm = new SoftHsm().addToken('device');
  return {
    driver: softHsm.driver(),
    registration: {
      type: 'PKCS11',
      config: { module: SOFTHSM_MODULE, token_label: 'device' },
      secrets: { pin: softHsm.pin },
    },
    secret: softHsm.pin,
    stop: async () => softHsm.remove(),
  };
}

/** Each by its name, and how one is opened. */
export const DEVICE_BACKENDS: [string, () => Promise<DeviceBackend>][] = [
  ['AWS KMS', aws],
  ['a PKCS#11 token', token],
];

/** What a process of one's own opens the device by. */
export function engineInput({ registration: { config, secrets } }: DeviceBackend): EngineInput {
  const bytes = Object.entries(secrets).map(
    ([name, text]) => [name, SecretBytes.take(Buffer.from(text))] as const,
  );
  return { id: 'device', name: 'A device', config, secrets: new Map(bytes) };
}
