import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spkiToPem, type KeySpec, type SignatureRow } from '#crypto';

export interface CliVerification {
  readonly spki: Buffer;
  readonly row: SignatureRow;
  readonly type: 'raw' | 'digest';
  readonly data: Buffer;
  readonly signature: Buffer;
  /** RSASSA-PSS; absent: the digest's length. */
  readonly saltLength?: number;
}

const version = (): readonly number[] =>
  /^OpenSSL (\d+)\.(\d+)/
    .exec(execFileSync('openssl', ['version'], { encoding: 'utf8' }))
    ?.slice(1)
    .map(Number) ?? [];

/** Whether the `openssl` command knows such keys: ML-DSA since 3.5. */
export function cliKnows(spec: KeySpec): boolean {
  const [major = 0, minor = 0] = version();
  return spec.algorithm !== 'ML_DSA' || major > 3 || (major === 3 && minor >= 5);
}

function options({ row, type, saltLength }: CliVerification): string[] {
  const pss =
    row.scheme === 'pss'
      ? ['-pkeyopt', 'rsa_padding_mode:pss', '-pkeyopt', `rsa_pss_saltlen:${saltLength ?? 'digest'}`]
      : [];
  if (type === 'digest') return [...pss, '-pkeyopt', `digest:${row.hash}`];
  return ['-rawin', ...(row.hash ? ['-digest', row.hash] : []), ...pss];
}

/** What another program than Node says of a signature: `openssl pkeyutl -verify`. */
export function verifiesWithCli(verification: CliVerification): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'openssl-cli-'));
  const file = (name: string, content: Buffer | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  try {
    const { status } = spawnSync('openssl', [
      ...['pkeyutl', '-verify', '-pubin', '-inkey', file('key.pem', spkiToPem(verification.spki))],
      ...['-in', file('data', verification.data), '-sigfile', file('signature', verification.signature)],
      ...options(verification),
    ]);
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
