import type { EngineDriver } from '../engine-driver.js';
import { AwsKmsEngine } from './aws-kms.engine.js';
import { SECRET_NAMES, readSettings } from './aws-kms-settings.js';

/** AWS KMS gives an account one set of import parameters in four seconds. */
const IMPORT_INTERVAL_MS = 4_000;

export interface AwsKmsDriverOptions {
  /**
   * Origins, e.g. `https://kms.example.net`, that an engine may be configured to speak to beside AWS KMS itself. Whoever
   * runs the process says so, not whoever configures engines.
   */
  readonly allowedEndpoints?: readonly string[];
  /** The least time between two imports of an engine. */
  readonly importIntervalMs?: number;
}

/** Makes engines whose keys live in AWS KMS. Settings and secrets: docs/engines.md. */
export function awsKmsDriver(options: AwsKmsDriverOptions = {}): EngineDriver {
  const allowed: ReadonlySet<string> = new Set(options.allowedEndpoints?.map((url) => new URL(url).origin));
  return {
    type: 'AWS_KMS',
    secretNames: SECRET_NAMES,
    open: (input) =>
      new AwsKmsEngine(input, readSettings(input, allowed), options.importIntervalMs ?? IMPORT_INTERVAL_MS),
  };
}
