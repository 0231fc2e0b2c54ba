import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
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
  /** What is wrong with a registration: the members that are so, and the one that is named. */
  readonly wrong: readonly (readonly [config: object, secrets: object, path: string])[];
  stop(): Promise<void>;
}

async function aws(): Promise<DeviceBackend> {
  const fake = await AwsKmsFake.start({ importIntervalMs: IMPORT_INTERVAL_MS });
  return {
    driver: awsKmsDriver({ allowedEndpoints: [fake.endpoint], importIntervalMs: IMPORT_INTERVAL_MS }),
    registration: {
      type: 'AWS_KMS',
      // The fake makes its keys in this very process, which may be busy.
      config: { region: fake.region, endpoint: fake.endpoint, timeout_ms: 60_000 },
      secrets: {
        access_key_id: FAKE_CREDENTIALS.accessKeyId,
        secret_access_key: FAKE_CREDENTIALS.secretAccessKey,
      },
    },
    secret: FAKE_CREDENTIALS.secretAccessKey,
    wrong: [
      [{ region: 'moon-east-1' }, {}, 'config.region'],
      [{ region: undefined }, {}, 'config.region'],
      [{ region: 'us-east-1' }, {}, 'config.region'],
      [{ endpoint: 'http://169.254.169.254' }, {}, 'config.endpoint'],
      [{}, { secret_access_key: 'x'.repeat(40) }, 'secrets.secret_access_key'],
    ],
    stop: () => fake.stop(),
  };
}

async function token(): Promise<DeviceBackend> {
  const softHsm = new SoftHsm().addToken('device');
  const link = join(softHsm.folder, 'libsofthsm2.so');
  symlinkSync('/bin/true', link);
  return {
    driver: softHsm.driver(),
    registration: {
      type: 'PKCS11',
      config: { module: SOFTHSM_MODULE, token_label: 'device' },
      secrets: { pin: softHsm.pin },
    },
    secret: softHsm.pin,
    wrong: [
      [{ module: '/bin/true' }, {}, 'config.module'],
      [{ module: '/usr/lib/softhsm/../softhsm/libsofthsm2.so' }, {}, 'config.module'],
      [{ module: link }, {}, 'config.module'],
      [{ module: `${SOFTHSM_MODULE}.none` }, {}, 'config.module'],
      [{ token_label: 'none' }, {}, 'config.token_label'],
      [{ token_label: undefined, slot: 12_345 }, {}, 'config.slot'],
      [{}, { pin: 'not the PIN at all' }, 'secrets.pin'],
    ],
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
