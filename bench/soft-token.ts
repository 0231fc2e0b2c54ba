import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SOFTHSM_MODULE = '/usr/lib/softhsm/libsofthsm2.so';
export const PIN = 'only for the benchmark';

/** Tokens of SoftHSM in a folder of their own, where it is installed. */
export class SoftTokens {
  readonly environment: Readonly<Record<string, string>>;

  private constructor(private readonly folder: string) {
    this.environment = { SOFTHSM2_CONF: join(folder, 'softhsm2.conf') };
  }

  static readonly isInstalled = existsSync(SOFTHSM_MODULE);

  static make(...labels: readonly string[]): SoftTokens {
    const folder = mkdtempSync(join(tmpdir(), 'claviger-bench-token-'));
    const made = new SoftTokens(folder);
    mkdirSync(join(folder, 'tokens'));
    const settings = [`directories.tokendir = ${join(folder, 'tokens')}`, 'log.level = ERROR', ''];
    writeFileSync(made.environment['SOFTHSM2_CONF']!, settings.join('\n'));
    const env = { ...process.env, ...made.environment };
    for (const label of labels) {
      const args = ['--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', PIN];
      execFileSync('softhsm2-util', args, { env, stdio: 'ignore' });
    }
    return made;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
