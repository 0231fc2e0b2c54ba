import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '#config';
import { fail, ok, warn, type Check } from './check.js';

function checkRateLimit({ mode, rateLimit }: Config): Check {
  const { perTenant, perAddress } = rateLimit;
  const off = [perTenant === 0 && 'CLAVIGER_RATE_LIMIT', perAddress === 0 && 'CLAVIGER_RATE_LIMIT_ADDRESS'];
  const names = off.filter(Boolean).join(' and ');
  if (names !== '' && mode === 'production') return warn('rate-limit', `${names} is 0, which is off`);
  const show = (limit: number): string => (limit === 0 ? 'off' : `${limit}/s`);
  return ok('rate-limit', `tenant ${show(perTenant)}, address ${show(perAddress)}`);
}

const mayWrite = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

async function checkCheckpointFile({ mode, auditCheckpointFile: file }: Config): Promise<Check> {
  const name = 'audit-checkpoints';
  if (file === undefined) {
    const detail = 'kept in the database and the log only: CLAVIGER_AUDIT_CHECKPOINT_FILE is not set';
    return mode === 'production' ? warn(name, detail) : ok(name, detail);
  }
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (await mayWrite(exists ? file : dirname(file))) return ok(name, `also written to ${file}`);
  return fail(name, `CLAVIGER_AUDIT_CHECKPOINT_FILE: ${file} cannot be written by this user`);
}

/** Settings that are legal and may yet not be what was meant. */
export async function settingChecks(config: Config): Promise<Check[]> {
  return [ok('mode', config.mode), checkRateLimit(config), await checkCheckpointFile(config)];
}
