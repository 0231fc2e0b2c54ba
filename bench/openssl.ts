import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Time of one operation on one core, in microseconds. */
export interface OpenSslSpeed {
  readonly signUs: number;
  readonly verifyUs: number;
}

/**
 * What `openssl speed` measures of an algorithm, by its name there, e.g. `rsa2048`, with as many running at once as there
 * are cores. That is what a server under full load can be compared with: cores that are all busy take longer for the same
 * work.
 */
export async function openSslOnAllCores(name: string): Promise<OpenSslSpeed> {
  const speeds = await Promise.all(cpus().map(() => speedOnce(name)));
  const mean = (pick: (speed: OpenSslSpeed) => number): number =>
    speeds.reduce((sum, speed) => sum + pick(speed), 0) / speeds.length;
  return { signUs: mean(({ signUs }) => signUs), verifyUs: mean(({ verifyUs }) => verifyUs) };
}

/** What `openssl` alone needs on this machine, by the algorithm's name in `openssl speed`. */
export class OpenSslSpeeds {
  readonly #latest = new Map<string, OpenSslSpeed>();

  async measure(name: string): Promise<OpenSslSpeed> {
    const speed = await openSslOnAllCores(name);
    this.#latest.set(name, speed);
    return speed;
  }

  /** What was measured last in this run; measured now where nothing was. */
  async latest(name: string): Promise<OpenSslSpeed> {
    return this.#latest.get(name) ?? this.measure(name);
  }
}

async function speedOnce(name: string): Promise<OpenSslSpeed> {
  const args = ['speed', '-mr', '-seconds', '1', name];
  const { stdout } = await promisify(execFile)('openssl', args);
  // +F2:<n>:<bits>:<signs/s>:<verifies/s>, +F4 for ECDSA alike, +F6:<n>:<bits>:<name>:<signs/s>:<verifies/s> for EdDSA.
  const [sign, verify] = /^\+F[246]:.*?:([\d.]+):([\d.]+)$/m.exec(stdout)?.slice(1).map(Number) ?? [];
  if (!sign || !verify) throw new Error(`openssl ${args.join(' ')} printed\n${stdout}`);
  return { signUs: 1e6 / sign, verifyUs: 1e6 / verify };
}

export interface SignedSample {
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKey: string;
  readonly data: Buffer;
  readonly signature: Buffer;
  /** Arguments of `openssl pkeyutl -verify` beside those that name files. */
  readonly options: readonly string[];
}

/** Whether the `openssl` program accepts a signature. */
export function openSslAccepts({ publicKey, data, signature, options }: SignedSample): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-bench-'));
  const file = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  try {
    const files = [
      ...['-inkey', file('key.pem', publicKey)],
      ...['-in', file('data', data)],
      ...['-sigfile', file('signature', signature)],
    ];
    execFileSync('openssl', ['pkeyutl', '-verify', '-pubin', ...files, ...options], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
